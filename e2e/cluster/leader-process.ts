import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Server } from 'node:net';
import { join } from 'node:path';
import { lastLines } from '../host/run.ts';
import type { Command, Reply, Request } from './plan.ts';

/** Namespaces that end with their first process, which in turn is killed if this one is. */
const ownNamespaces = [
  '--pid',
  '--mount',
  '--net',
  '--uts',
  '--ipc',
  '--fork',
  '--kill-child',
  '--mount-proc',
];

/** The first process of a pid namespace inherits orphans and has to reap them, which a shell does and Node does not. */
const init =
  'trap \'kill -TERM "$leader"\' TERM; "$@" & leader=$!; while kill -0 $leader 2>/dev/null; do wait $leader; done';

interface Pending {
  resolve: () => void;
  reject: (error: Error) => void;
}

/** The leader of a cluster, seen from the program that starts it. */
export class LeaderProcess {
  readonly #child: ChildProcess;
  readonly #log: string;
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;

  private constructor(child: ChildProcess, log: string) {
    this.#child = child;
    this.#log = log;
    child.on('message', (reply: Reply) => this.#settle(reply));
    child.on('exit', () => void this.#end());
    this.#release();
  }

  /** Starts a leader beside this process, or in namespaces of its own. */
  static async start(logs: string, isNamespaced: boolean): Promise<LeaderProcess> {
    const leader = [process.execPath, join(import.meta.dirname, 'leader.ts')];
    const command = isNamespaced
      ? ['unshare', ...ownNamespaces, 'sh', '-c', init, 'init', ...leader]
      : leader;
    const file = join(logs, 'leader.log');
    const log = openSync(file, 'a');
    // A session of its own keeps Ctrl-C at a terminal from ending parts of the cluster in any order.
    const child = spawn(command[0] ?? '', command.slice(1), {
      stdio: ['ignore', log, log, 'ipc'],
      detached: true,
    });
    closeSync(log);
    await once(child, 'spawn');
    return new LeaderProcess(child, file);
  }

  /** The process with which all of the cluster ends. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Has the leader do something; throws what it throws. `listener` is handed over to it. */
  async request(command: Command, listener?: Server): Promise<void> {
    const id = ++this.#lastId;
    const request: Request = { id, command };
    this.#child.ref();
    this.#child.channel?.ref();
    await new Promise<void>((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#child.send(request, listener, {}, (error) => error && this.#settle({ id, error: error.message }));
    });
  }

  /** Lets the leader live on without this process. */
  disconnect(): void {
    this.#child.disconnect();
  }

  #settle({ id, error }: Reply): void {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if (error === undefined) pending?.resolve();
    else pending?.reject(new Error(error));
    if (this.#pending.size === 0) this.#release();
  }

  async #end(): Promise<void> {
    const log = await readFile(this.#log, 'utf8').catch(() => '');
    for (const { reject } of this.#pending.values()) {
      reject(new Error(`The cluster's leader ended by itself; the end of its log:\n${lastLines(log, 15)}`));
    }
    this.#pending.clear();
  }

  /** An idle cluster keeps nobody from ending. */
  #release(): void {
    this.#child.unref();
    this.#child.channel?.unref();
  }
}
