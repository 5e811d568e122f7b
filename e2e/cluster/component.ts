import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { openSync, closeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { lastLines } from '../host/run.ts';

/** A program of the cluster and how to start it. */
export interface ComponentOptions {
  /** Also the name of its log. */
  name: string;
  /** Program and arguments. */
  command: string[];
  /** Folder of its log. */
  logs: string;
  env?: Record<string, string>;
}

/** One running program of the cluster. It is killed by the kernel when the process that started it ends. */
export class Component {
  readonly name: string;
  /** Rejects if the program ends without having been told to, with the end of its log; never resolves. */
  readonly failure: Promise<never>;
  readonly #log: string;
  readonly #child: ChildProcess;
  readonly #exit: Promise<unknown>;
  #isStopping = false;

  constructor({ name, command, logs, env }: ComponentOptions) {
    this.name = name;
    this.#log = join(logs, `${name}.log`);
    const log = openSync(this.#log, 'a');
    this.#child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', ...command], {
      stdio: ['ignore', log, log],
      env: { ...process.env, ...env },
    });
    closeSync(log);
    this.#exit = once(this.#child, 'exit');
    this.failure = this.#exit.then(() => this.#fail());
    this.failure.catch(() => {}); // Whoever awaits it gets the error; nobody has to.
  }

  get pid(): number {
    const { pid } = this.#child;
    if (pid === undefined) throw new Error(`Cannot start ${this.name}`);
    return pid;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Ends the program with `signal`, by SIGKILL if that takes longer than `patienceMs`. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', patienceMs = 2000): Promise<void> {
    this.#isStopping = true;
    this.#child.kill(signal);
    const killer = setTimeout(() => this.#child.kill('SIGKILL'), patienceMs);
    await this.#exit;
    clearTimeout(killer);
  }

  async #fail(): Promise<never> {
    if (this.#isStopping) return new Promise(() => {});
    console.error(`${this.name} ended by itself`);
    const log = await readFile(this.#log, 'utf8');
    throw new Error(`${this.name} ended by itself; the end of its log:\n${lastLines(log, 15)}`);
  }
}
