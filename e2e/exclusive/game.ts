/**
 * Does to one scheduler whatever users and Kubernetes do, in random order and haste, and tells which of its lives overlapped. The
 * stand-in itself records its lives, on the machine.
 */
import { chmod, mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { V1Pod } from '@kubernetes/client-node';
import type { ClariveDaemon } from '../../src/api/clarive-daemon.ts';
import { daemonContainer, exclusiveGate } from '../../src/api/labels.ts';
import type { KubeClient } from '../../test/support/kube-client.ts';
import { clariveDaemons, pods, type Json } from '../../test/support/resources.ts';
import { until, untilList } from '../../test/support/until.ts';
import { livesOf, overlapsOf, parseStandInRecords, type Life } from '../images/stand-in-records.ts';

const name = 'scheduler';
const ofDaemon = { labelSelector: `app.kubernetes.io/instance=${name}` };
const mountPath = '/records';
/** How long the end of a pod takes, because a task runs on. */
const drainSeconds = 3;
/** Kubernetes has to be patient with a pod that ends, and an operator with the lease of a killed one. */
const patience = { timeoutMs: 120_000 };

export interface GameOptions {
  /** The namespace in which it is played. */
  kube: KubeClient;
  random: () => number;
  say: (line: string) => void;
  /** Between two operations; each pause is a random part of it. */
  longestPauseMs: number;
  /** Of the daemon, for operators that select. */
  labels?: Record<string, string>;
  /** Ends the operator as a crash would, and starts another. */
  replaceOperator?: () => Promise<void>;
}

/** What may happen at any time. Each returns at once: what comes of it is Kubernetes' and the operator's work. */
const operations = {
  stop: ({ kube }: Game) => kube.scale(clariveDaemons, name, 0),
  start: ({ kube }: Game) => kube.scale(clariveDaemons, name, 1),
  async 'stop and start'(game: Game) {
    await operations.stop(game);
    await operations.start(game);
  },
  edit: ({ kube, random }: Game) =>
    kube.patch(clariveDaemons, name, { spec: { args: ['--note', `${random()}`] } }),
  async 'delete pod'({ kube }: Game) {
    for (const { metadata } of await kube.list(pods, ofDaemon))
      await kube.delete(pods, metadata?.name ?? '').catch(unlessGone);
  },
  async 'delete and create'(game: Game) {
    await game.kube.delete(clariveDaemons, name);
    await game.create();
  },
} satisfies Record<string, (game: Game) => Promise<unknown>>;

export type Operation = keyof typeof operations;
const names = Object.keys(operations) as Operation[];

export class Game {
  readonly kube: KubeClient;
  readonly random: () => number;
  readonly #options: GameOptions;
  readonly #records: string;
  #performed = 0;

  private constructor(options: GameOptions, records: string) {
    this.kube = options.kube;
    this.random = options.random;
    this.#options = options;
    this.#records = records;
  }

  /** With the daemon running. After a failure the records stay, to be looked at. */
  static async play(options: GameOptions, body: (game: Game) => Promise<void>): Promise<void> {
    const records = await mkdtemp(join(tmpdir(), 'clarive-records-'));
    await chmod(records, 0o777); // the stand-in's user writes there
    options.say(`The records of its lives are in ${records}`);
    const game = new Game(options, records);
    await game.create();
    await game.untilReason('Running');
    await body(game);
    await game.#end();
    await rm(records, { recursive: true });
  }

  /** Until its pods are gone, they write records. */
  async #end(): Promise<void> {
    await this.kube.delete(clariveDaemons, name).catch(unlessGone);
    const areGone = (left: unknown[]) => left.length === 0;
    await untilList(this.kube, pods, ofDaemon, areGone, {
      ...patience,
      describe: `the pods of ${name} to be gone`,
    });
  }

  create(): Promise<unknown> {
    return this.kube.create(clariveDaemons, this.#daemon());
  }

  /** Performs so many random operations, with random pauses between them. */
  async perform(count: number): Promise<void> {
    const { longestPauseMs, replaceOperator, say } = this.#options;
    for (let left = count; left > 0; left--) {
      const isCrash = replaceOperator !== undefined && this.random() < 0.06;
      const operation = isCrash ? 'replace operator' : this.#pick();
      say(`${++this.#performed}. ${operation}`);
      await (isCrash ? replaceOperator() : operations[operation as Operation](this));
      await pause(this.random() * longestPauseMs);
    }
  }

  /** A start is likelier than the rest, so that there is something to disturb. */
  #pick(): Operation {
    const all: Operation[] = ['start', 'start', ...names];
    return all[Math.floor(this.random() * all.length)] ?? 'start';
  }

  /** Returns the daemon once it runs again, whatever was done to it. */
  async untilRunning(): Promise<ClariveDaemon> {
    await operations.start(this);
    return this.untilReason('Running');
  }

  untilReason(reason: string): Promise<ClariveDaemon> {
    const is = ({ metadata, status }: ClariveDaemon) =>
      status?.observedGeneration === metadata.generation &&
      status?.conditions?.some((one) => one.type === 'Ready' && one.reason === reason) === true;
    return until(this.kube, clariveDaemons, name, is, { ...patience, describe: `${name} to be ${reason}` });
  }

  /** The pods that exist now. */
  pods(): Promise<Json<V1Pod>[]> {
    return this.kube.list(pods, ofDaemon);
  }

  /** Lifts the gate of every pod as soon as it is there, until the signal fires: what happens without gating. */
  async withoutGate(signal: AbortSignal): Promise<void> {
    const { items, metadata } = await this.kube.listPage(pods, ofDaemon);
    for (const pod of items) await this.#lift(pod);
    try {
      for await (const { object } of this.kube.watch(pods, metadata.resourceVersion, signal, ofDaemon))
        await this.#lift(object);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  async #lift({ metadata, spec }: Json<V1Pod>): Promise<void> {
    if (!spec?.schedulingGates?.some((gate) => gate.name === exclusiveGate)) return;
    await this.kube.patch(pods, metadata?.name ?? '', { spec: { schedulingGates: null } }).catch(unlessGone);
  }

  /** All lives so far, and which of them overlapped. */
  async result(): Promise<{ lives: Life[]; overlaps: [Life, Life][] }> {
    const files = await readdir(this.#records);
    const texts = await Promise.all(files.map((file) => readFile(join(this.#records, file), 'utf8')));
    const lives = livesOf(texts.flatMap((text) => parseStandInRecords(text)));
    return { lives, overlaps: overlapsOf(lives) };
  }

  #daemon(): Partial<ClariveDaemon> {
    const { labels = {} } = this.#options;
    const soon = { operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 3 };
    const tolerations = ['unreachable', 'not-ready'].map((key) => ({
      key: `node.kubernetes.io/${key}`,
      ...soon,
    }));
    const env = { STAND_IN_RECORD_DIR: mountPath, STAND_IN_JOBS: '1', STAND_IN_JOB_SECONDS: '600' };
    return {
      metadata: { name, labels },
      spec: {
        service: 'service.scheduler',
        replicas: 1,
        config: { frequency: 1 },
        drain: { timeoutSeconds: drainSeconds },
        env: Object.entries(env).map(([variable, value]) => ({ name: variable, value })),
        template: {
          spec: {
            tolerations,
            containers: [{ name: daemonContainer, volumeMounts: [{ name: 'records', mountPath }] }],
            volumes: [{ name: 'records', hostPath: { path: this.#records, type: 'Directory' } }],
          },
        },
      },
    };
  }
}

/** Somebody else was faster. */
function unlessGone(error: unknown): void {
  const { code } = error as { code?: number };
  if (code !== 404 && code !== 409) throw error;
}

/** In words, for a failed check. */
export function describeOverlaps(overlaps: readonly [Life, Life][]): string[] {
  return overlaps.map(
    ([one, other]) =>
      `${one.pod} (${one.from}–${one.to}) and ${other.pod} (${other.from}–${other.to}) ran at the same time`,
  );
}
