import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess, ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  watch,
  writeFileSync,
} from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { parseStandInRecords } from '../../e2e/images/stand-in-records.ts';
import type { StandInRecord } from '../../e2e/images/stand-in-records.ts';
import { waitFor } from '../../e2e/host/wait-for.ts';
import { initScript } from '../../src/presets/init.ts';

const standIn = join(import.meta.dirname, '../../e2e/images/stand-in');
const patienceMs = 20_000;

/** Arguments of unshare that make a pid namespace here, for root or with a user namespace; none: it can't be done. */
export const isolation = [[], ['--user', '--map-root-user']]
  .map((user) => [...user, '--pid', '--fork', '--mount-proc', '--kill-child'])
  .find((args) => spawnSync('unshare', [...args, 'true']).status === 0);

/** What runs in a container. */
export interface ContainerOptions {
  /** Program that is `sh` for the init and the wrapper. With busybox, all commands are busybox's. */
  shell: string;
  /** Mode of the init script; without one the command runs without init. */
  mode?: string;
  drainSeconds?: number;
  /** Arguments of the stand-in's `cla`. */
  daemon?: string[];
  /** A command to run instead of the stand-in. */
  command?: string[];
  env?: Record<string, string>;
  /** Names of jobs that the stand-in starts and that run until `endJob`. */
  jobs?: string[];
  /** Process 1 waits before its first command, until `holdFirstFork`. */
  waits?: boolean;
}

/** A pid namespace in which a command runs as process 1, or below the init script, with a folder of its own. */
export class Container {
  readonly #folder: string;
  readonly #records: string;
  readonly #gate: string;
  readonly #process: ChildProcessByStdio<null, Readable, Readable>;
  readonly #exited: Promise<number | null>;
  readonly #watcher: FSWatcher;
  #tracer: ChildProcess | undefined;
  #output = '';

  static async start(options: ContainerOptions): Promise<Container> {
    const container = new Container(options);
    await waitFor(() => container.#initPid() !== undefined || !container.isRunning(), {
      what: 'process 1',
      timeoutMs: patienceMs,
      intervalMs: 1,
    });
    return container;
  }

  private constructor({
    shell,
    mode,
    drainSeconds = 600,
    daemon = [],
    command,
    env,
    jobs = [],
    waits = false,
  }: ContainerOptions) {
    if (!isolation) throw new Error('Cannot create a pid namespace; run as root');
    this.#folder = mkdtempSync(join(tmpdir(), 'clarive-init-'));
    this.#records = join(this.#folder, 'records');
    this.#gate = join(this.#folder, 'gate');
    for (const name of ['records', 'logs', 'jobs/start', 'jobs/end', 'bin', 'shell']) {
      mkdirSync(join(this.#folder, name), { recursive: true });
    }
    for (const name of jobs) writeFileSync(join(this.#folder, 'jobs/start', name), '600\n');
    linkShell(shell, this.#folder);
    this.#watcher = watch(this.#records);
    this.#watcher.setMaxListeners(0);
    const sh = join(this.#folder, 'shell/sh');
    const inner = command ?? [sh, join(standIn, 'cla'), ...daemon, '-c', 'clarive', '--id', 'test'];
    const init = mode ? [sh, '-c', initScript, 'clarive-init', mode, String(drainSeconds), '--'] : [];
    if (waits) {
      spawnSync('mkfifo', [this.#gate]);
      init.unshift('sh', '-c', 'read -r _ <"$0"; exec "$@"', this.#gate);
    }
    // The namespace ends with unshare (--kill-child), and that with this process, however it ends.
    const outer = ['--pdeathsig', 'KILL', 'unshare', ...isolation];
    // Not in the environment of unshare, for which busybox has a lesser command of the same name.
    const path = `PATH=${join(this.#folder, 'bin')}:${process.env['PATH']}`;
    this.#process = spawn('setpriv', [...outer, 'env', path, ...init, ...inner], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env['PATH'],
        CLARIVE_BASE: this.#folder,
        STAND_IN_RECORD_DIR: this.#records,
        ...env,
      },
    });
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (this.#output += text));
    }
    this.#exited = once(this.#process, 'exit').then(([code]) => code as number | null);
  }

  isRunning(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** Waits until process 1 has ended; its exit code. */
  async exitCode(): Promise<number | null> {
    const timeout = AbortSignal.timeout(patienceMs);
    const late = once(timeout, 'abort').then(() => {
      throw new Error(`The container is still running:\n${this.#output}`);
    });
    return Promise.race([this.#exited, late]);
  }

  /** Sends a signal to process 1 as the container runtime does, or to another process of the container. */
  signal(signal: NodeJS.Signals, pid = 1): void {
    const hostPid = pid === 1 ? this.#initPid() : this.#hostPid(pid);
    if (hostPid === undefined) throw new Error(`Process ${pid} is gone`);
    process.kill(hostPid, signal);
  }

  /** Waits until process 1 handles TERM: an earlier one is lost, because the kernel shields process 1. */
  async handlesTerm(): Promise<void> {
    const term = 1n << 14n;
    await waitFor(
      () => {
        const status = statusOf(this.#initPid());
        return (BigInt(`0x${status.get('SigCgt') ?? 0}`) & term) !== 0n;
      },
      { what: 'a handler of TERM', timeoutMs: patienceMs, intervalMs: 1 },
    );
  }

  /**
   * Lets process 1, which `waits`, go on to its first fork, and keeps the forked process from running. Returns what lets
   * that run, or undefined if this user can't trace processes.
   */
  async holdFirstFork(): Promise<(() => void) | undefined> {
    const script = join(import.meta.dirname, 'hold-fork.pl');
    const tracer = spawn('perl', [script, String(this.#initPid())], { stdio: ['pipe', 'pipe', 'inherit'] });
    tracer.on('error', () => {}); // no perl: no lines
    this.#tracer = tracer;
    const lines = createInterface({ input: tracer.stdout })[Symbol.asyncIterator]();
    if ((await lines.next()).value !== 'ready') return undefined;
    writeFileSync(this.#gate, '\n');
    assert.equal((await lines.next()).value, 'held');
    return () => tracer.stdin.end();
  }

  /** Waits until process 1 has so many children. */
  async hasChildren(count: number): Promise<void> {
    const parent = String(this.#initPid());
    await waitFor(() => pids().filter((pid) => statusOf(pid).get('PPid') === parent).length >= count, {
      what: `${count} children of process 1`,
      timeoutMs: patienceMs,
      intervalMs: 1,
    });
  }

  /** The records of `event` that are there. */
  all(event: StandInRecord['event']): StandInRecord[] {
    const texts = readdirSync(this.#records).map((file) => readFileSync(join(this.#records, file), 'utf8'));
    return texts.flatMap(parseStandInRecords).filter((record) => record.event === event);
  }

  /** The first record of `event` for which `accepts` holds, if it is there. */
  find(
    event: StandInRecord['event'],
    accepts?: (record: StandInRecord) => boolean,
  ): StandInRecord | undefined {
    return this.all(event).find((record) => accepts?.(record) ?? true);
  }

  /** Waits for such a record. */
  async record(
    event: StandInRecord['event'],
    accepts?: (record: StandInRecord) => boolean,
  ): Promise<StandInRecord> {
    const signal = AbortSignal.timeout(patienceMs);
    for (;;) {
      const changed = once(this.#watcher, 'change', { signal });
      const found = this.find(event, accepts);
      if (found) {
        changed.catch(() => {});
        return found;
      }
      await changed.catch((cause: unknown) => {
        throw new Error(`Waited in vain for "${event}":\n${this.#output}`, { cause });
      });
    }
  }

  /** Waits until the output has such a text. */
  async said(text: RegExp): Promise<void> {
    await waitFor(() => text.test(this.#output), { what: `${text} in the output`, timeoutMs: patienceMs });
  }

  /** Lets a job end normally. */
  endJob(name: string): void {
    writeFileSync(join(this.#folder, 'jobs/end', name), '');
  }

  /** Waits until a process of the container is no more, not even a zombie. */
  async processGone(pid: number | undefined): Promise<void> {
    if (pid === undefined) throw new Error('The record has no process id');
    await waitFor(() => this.#hostPid(pid) === undefined, {
      what: `the end of process ${pid}`,
      timeoutMs: patienceMs,
    });
  }

  /** Runs a shell command as kubectl exec does, with a parent outside the namespace, and waits for its first output. */
  async exec(command: string): Promise<void> {
    const namespaces = isolation?.includes('--user') ? ['--user', '--preserve-credentials'] : [];
    const target = ['--target', String(this.#initPid()), '--pid', '--mount', ...namespaces];
    const entered = spawn('nsenter', [...target, 'sh', '-c', command], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(entered.stdout, 'data', { signal: AbortSignal.timeout(patienceMs) });
  }

  /** Now, on the clock of the records. */
  sinceBoot(): number {
    return Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watcher.close();
    this.#tracer?.kill('SIGKILL');
    if (this.isRunning()) this.#process.kill('SIGKILL');
    await this.#exited;
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }

  #initPid(): number | undefined {
    const { pid } = this.#process;
    return pids().find((candidate) => statusOf(candidate).get('PPid') === String(pid));
  }

  #hostPid(pid: number): number | undefined {
    const init = this.#initPid();
    if (init === undefined) return undefined;
    const namespace = namespaceOf(init);
    return pids().find((candidate) => {
      if (!statusOf(candidate).get('NSpid')?.endsWith(`\t${pid}`)) return false;
      return namespaceOf(candidate) === namespace;
    });
  }
}

/** Links the shell as `shell/sh`, because a shell behaves by its name, and the commands of busybox in `bin`. */
function linkShell(shell: string, folder: string): void {
  const output = (command: string): string =>
    spawnSync('sh', ['-c', command], { encoding: 'utf8' }).stdout.trim();
  const program = output(`command -v ${shell}`);
  symlinkSync(program, join(folder, 'shell/sh'));
  if (shell !== 'busybox') return;
  for (const name of new Set(output('busybox --list').split('\n')))
    symlinkSync(program, join(folder, 'bin', name));
}

function pids(): number[] {
  return readdirSync('/proc').map(Number).filter(Number.isInteger);
}

/** The lines of /proc/<pid>/status by name; none if the process is gone. */
function statusOf(pid: number | undefined): Map<string, string> {
  const file = `/proc/${pid}/status`;
  if (!existsSync(file)) return new Map();
  try {
    const lines = readFileSync(file, 'utf8').split('\n');
    return new Map(
      lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]),
    );
  } catch {
    return new Map();
  }
}

function namespaceOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return undefined;
  }
}
