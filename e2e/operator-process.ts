import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Cluster } from './cluster/index.ts';

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
  readonly #child: ChildProcess;
  readonly #exit: Promise<number | null>;

  private constructor(child: ChildProcess, log: string) {
    this.#child = child;
    this.log = log;
    this.#exit = once(child, 'exit').then(([code]) => code as number | null);
  }

  /** Returns when the operator has seen all that exists, or throws with the end of its log. */
  static async start({ env, args, log }: OperatorOptions): Promise<OperatorProcess> {
    const main = join(import.meta.dirname, '../src/main.ts');
    // Without the death signal, an operator would outlive a test program that is killed.
    const command = ['--pdeathsig', 'SIGKILL', process.execPath, main, ...args];
    const child = spawn('setpriv', command, {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const operator = new OperatorProcess(child, log);
    const file = createWriteStream(log, { flags: 'a' });
    child.stderr?.pipe(file, { end: false });
    const ready = Promise.withResolvers<void>();
    const lines: string[] = [];
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      file.write(`${line}\n`);
      if (lines.push(line) > 20) lines.shift();
      if (messageOf(line) === 'Ready') ready.resolve();
    });
    child.stderr?.on('data', (text: Buffer) => lines.push(text.toString()));
    const ended = operator.#exit.then((code) => {
      throw new Error(`The operator ended with ${code} before it was ready:\n${lines.join('\n')}`);
    });
    ended.catch(() => undefined);
    await Promise.race([ready.promise, ended]);
    return operator;
  }

  /** The operator for a cluster of this project, with the stand-in as image of all daemons. */
  static startFor({ env, logs }: Pick<Cluster, 'env' | 'logs'>, image: string): Promise<OperatorProcess> {
    const daemons = ['--default-image', image, '--run-as-user', '1000'];
    const args = [...daemons, '--health-address', ':0', '--metrics-address', '0'];
    return OperatorProcess.start({ env, args, log: join(logs, 'operator.log') });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Sends SIGTERM and returns the exit code; of one that has ended, its exit code. */
  async stop(): Promise<number | null> {
    this.#child.kill('SIGTERM');
    return this.#exit;
  }

  /** Ends it as a crash would. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exit;
  }
}

function messageOf(line: string): string | undefined {
  try {
    return (JSON.parse(line) as LogLine).msg;
  } catch {
    return undefined;
  }
}
