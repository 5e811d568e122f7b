/** The operators that are compared, and one running process of either. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { get } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePorts } from '../e2e/cluster/free-ports.ts';
import { lastLines } from '../e2e/host/run.ts';
import { bundle } from '../e2e/images/operator/bundle.ts';
import { imageEnvironment, nodeFlags } from '../e2e/images/operator/node-flags.ts';
import { initScript } from '../src/presets/init.ts';
import { defaults } from './driver.ts';
import { peerProgram } from './peer.ts';

export type OperatorName = 'ours' | 'Go';

export interface Operator {
  name: OperatorName;
  /** How its User-Agent begins. */
  userAgent: string;
  /** Program and arguments, without the addresses at which it serves. */
  command: string[];
  /** Added to the environment of this process. */
  env?: Record<string, string>;
}

const commonFlags = ['--default-image', defaults.image, '--run-as-user', String(defaults.runAsUser)];
const readyDeadlineMs = 60_000;

/** As it is shipped: the bundle, with the flags and the environment of the image. `folder` gets the bundle. */
export async function ourOperator(folder: string): Promise<Operator> {
  const { file } = await bundle(folder);
  return { ...ours([...nodeFlags(), file]), env: imageEnvironment() };
}

/** From its sources, with flags for Node. */
export function ourSources(flags: string[]): Operator {
  return ours([...nodeFlags(), ...flags, join(import.meta.dirname, '../src/main.ts')]);
}

function ours(program: string[]): Operator {
  return {
    name: 'ours',
    userAgent: 'clarive-operator/',
    command: [process.execPath, ...program, ...commonFlags],
  };
}

/** Builds it if need be. `folder` gets a file that it reads. */
export async function goOperator(folder: string, progress: (line: string) => void): Promise<Operator> {
  const script = join(folder, 'init-script.sh');
  await writeFile(script, initScript);
  const program = await peerProgram(progress);
  return {
    name: 'Go',
    userAgent: 'clarive-peer',
    command: [program, ...commonFlags, '--init-script', script],
  };
}

/** One process of an operator, which dies with this one. */
export class OperatorProcess {
  /** From its start until it had seen all that exists. */
  readonly readyAfterMs: number;
  readonly #child: ChildProcess;
  readonly #exit: Promise<number | null>;

  private constructor(child: ChildProcess, exit: Promise<number | null>, readyAfterMs: number) {
    this.#child = child;
    this.#exit = exit;
    this.readyAfterMs = readyAfterMs;
  }

  /** Returns when it is ready, or throws with the end of its log. */
  static async start(operator: Operator, env: Record<string, string>, log: string): Promise<OperatorProcess> {
    const [healthPort = 0, metricsPort = 0] = await freePorts(2);
    const addresses = [
      '--health-address',
      `127.0.0.1:${healthPort}`,
      '--metrics-address',
      `127.0.0.1:${metricsPort}`,
    ];
    const startedAtMs = performance.now();
    const output = openSync(log, 'a');
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...operator.command, ...addresses], {
      // A machine's extra CA certificates would cost memory that no pod needs.
      env: { ...process.env, NODE_EXTRA_CA_CERTS: undefined, ...operator.env, ...env },
      stdio: ['ignore', output, output],
    });
    closeSync(output);
    const exit = once(child, 'exit').then(([code]) => code as number | null);
    while (!(await isReady(healthPort))) {
      const inTime = performance.now() - startedAtMs < readyDeadlineMs;
      if (inTime && child.exitCode === null && child.signalCode === null) await delay(5);
      else
        throw new Error(
          `Cannot start the operator "${operator.name}":\n${lastLines(await readFile(log, 'utf8'), 20)}`,
        );
    }
    return new OperatorProcess(child, exit, performance.now() - startedAtMs);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Sends SIGTERM and tells how it ended. */
  async stop(): Promise<{ code: number | null; tookMs: number }> {
    const startedAtMs = performance.now();
    this.#child.kill('SIGTERM');
    return { code: await this.#exit, tookMs: performance.now() - startedAtMs };
  }

  /** Ends it as a crash would. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exit;
  }
}

async function isReady(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const request = get(
    { host: '127.0.0.1', port, path: '/readyz', timeout: 1000, agent: false },
    (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    },
  );
  request.on('timeout', () => request.destroy());
  request.on('error', () => resolve(false));
  return promise;
}
