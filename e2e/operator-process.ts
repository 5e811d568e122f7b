import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, writeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Cluster } from './cluster/index.ts';
import { lastLines } from './host/run.ts';

export interface OperatorOptions {
  /** Environment with KUBECONFIG. */
  env: Record<string, string>;
  /** Flags of the operator. */
  args: string[];
  /** File that gets its log. */
  log: string;
}

interface LogLine {
  msg?: string;
}

/** The operator as its users start it: `src/main.ts` in a process of its own, which dies with this one. */
export class OperatorProcess {
  readonly log: string;
  /** Rejects when the operator ends before it is told to, with the end of its log; never resolves. */
  readonly ended: Promise<never>;
  readonly #child: ChildProcess;
  readonly #exit: Promise<number | null>;
  #isTold = false;

  private constructor(child: ChildProcess, log: string) {
    this.#child = child;
    this.log = log;
    this.#exit = once(child, 'exit').then(([code]) => code as number | null);
    this.ended = once(child, 'close').then(() => this.#explainEnd());
    this.ended.catch(() => undefined); // Whoever waits for it gets it.
  }

  /** Returns when the operator has seen all that exists, or throws with the end of its log. */
  static async start({ env, args, log }: OperatorOptions): Promise<OperatorProcess> {
    const main = join(import.meta.dirname, '../src/main.ts');
    // Without the death signal, an operator would outlive a test program that is killed.
    const command = ['--pdeathsig', 'SIGKILL', process.execPath, main, ...args];
    const file = openSync(log, 'a');
    // A process group of its own keeps Ctrl-C at a terminal from it, so that its owner can stop it in good order.
    const child = spawn('setpriv', command, {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', file],
      detached: true,
    });
    child.once('close', () => closeSync(file));
    const operator = new OperatorProcess(child, log);
    const ready = Promise.withResolvers<void>();
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      writeSync(file, `${line}\n`);
      if (messageOf(line) === 'Ready') ready.resolve();
    });
    await Promise.race([ready.promise, operator.ended]);
    return operator;
  }

  /** The operator for a cluster of this project, with the stand-in as image of all daemons; `flags` are added to its own. */
  static startFor(
    { env, logs }: Pick<Cluster, 'env' | 'logs'>,
    image: string,
    ...flags: string[]
  ): Promise<OperatorProcess> {
    const daemons = ['--default-image', image, '--run-as-user', '1000'];
    const args = [...daemons, '--health-address', ':0', '--metrics-address', '0', ...flags];
    return OperatorProcess.start({ env, args, log: join(logs, 'operator.log') });
  }

  readLog(): Promise<string> {
    return readFile(this.log, 'utf8');
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Sends SIGTERM and returns the exit code; of one that has ended, its exit code. */
  async stop(): Promise<number | null> {
    this.#isTold = true;
    this.#child.kill('SIGTERM');
    return this.#exit;
  }

  /** Ends it as a crash would. */
  async kill(): Promise<void> {
    this.#isTold = true;
    this.#child.kill('SIGKILL');
    await this.#exit;
  }

  async #explainEnd(): Promise<never> {
    if (this.#isTold) return new Promise<never>(() => undefined);
    const { exitCode, signalCode } = this.#child;
    const end = lastLines(await readFile(this.log, 'utf8').catch(() => ''), 20);
    throw new Error(`The operator ended with ${exitCode ?? signalCode}; its log:\n${end}`);
  }
}

function messageOf(line: string): string | undefined {
  try {
    return (JSON.parse(line) as LogLine).msg;
  } catch {
    return undefined;
  }
}
