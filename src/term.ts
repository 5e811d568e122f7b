/** The time for which this process leads: the only time in which it writes. */
import type { Logger } from 'pino';
import type { ClariveDaemon } from './api/clarive-daemon.ts';
import type { ObjectKey } from './api/object-key.ts';
import type { Config } from './config.ts';
import type { Clock } from './controller/clock.ts';
import { Controller } from './controller/controller.ts';
import { backlogPriority, type WorkQueue } from './controller/work-queue.ts';
import type { Renderings } from './reconcile/renderings.ts';
import { ApiError } from './kube/api-error.ts';
import { overlayChild } from './desired/overlay.ts';
import { EventRecorder } from './kube/event-recorder.ts';
import { KubeCluster, type KubeClusterOptions } from './kube/kube-cluster.ts';
import type { Metrics } from './metrics.ts';
import { reconcile } from './reconcile/reconcile.ts';
import { StatusSchedule } from './reconcile/status-schedule.ts';

export type View = Pick<
  KubeClusterOptions,
  'transport' | 'daemons' | 'children' | 'pods' | 'mountFailures' | 'observeDaemon' | 'observeChild'
>;

export interface TermOptions {
  /** What the watches show, and the way to the API server. */
  view: View;
  renderings: Renderings;
  config: Config;
  logger: Logger;
  metrics: Metrics;
  clock: Clock;
  random: () => number;
  identity: string;
  /** Fires when the lease is lost. */
  lost: AbortSignal;
  /** Asked before each write. */
  leads: () => boolean;
}

/** What users change goes before what is to be told of earlier changes, but not for longer than this. */
const patienceMs = 1000;

/** How long the end of a term waits for the visits under way. */
const drainDeadlineMs = 8000;

export class Term {
  readonly #options: TermOptions;
  readonly #cluster: KubeCluster;
  readonly #controller: Controller<ObjectKey>;

  constructor(options: TermOptions) {
    this.#options = options;
    const { config, logger, metrics, clock, random, renderings } = options;
    const cluster = clusterOf(options);
    const statusSchedule = new StatusSchedule(() => clock.monotonic());
    const now = () => clock.now();
    this.#cluster = cluster;
    this.#controller = new Controller<ObjectKey>({
      reconcile: (key) => reconcile(key, { cluster, statusSchedule, renderings, now }),
      retryAfterMs: (error) => (error instanceof ApiError ? error.retryAfterMs : undefined),
      logger,
      clock,
      random,
      workers: config.workers,
      patienceMs,
      observer: metrics,
    });
  }

  get queue(): WorkQueue<ObjectKey> {
    return this.#controller.queue;
  }

  /** Visits every daemon once, and from then on those that are enqueued. */
  start(): void {
    const { view, logger } = this.#options;
    for (const { key } of view.daemons.values()) this.queue.add(key, { priority: backlogPriority });
    this.#controller.start();
    logger.info({ daemons: view.daemons.size }, 'Leading');
  }

  /** The daemon as it is now; undefined: it is gone. */
  onDaemon(key: ObjectKey, daemon: ClariveDaemon | undefined): void {
    if (!daemon || !this.#cluster.isAwaited(daemon)) this.queue.add(key);
  }

  /** The child of this daemon has changed, or a pod of it. */
  onChild(key: ObjectKey): void {
    this.queue.add(key, { patienceMs });
  }

  /** Lets the visits under way end, unless the lease is lost. */
  async end(): Promise<void> {
    const { logger, lost } = this.#options;
    const drained = await this.#controller.stop(lost.aborted ? 0 : drainDeadlineMs);
    if (lost.aborted) logger.warn({ err: lost.reason as unknown }, 'No longer leading');
    else if (!drained) logger.warn({ drainDeadlineMs }, 'Stopped before every visit had ended');
  }
}

function clusterOf({ view, logger, clock, identity, lost, leads }: TermOptions): KubeCluster {
  const events = new EventRecorder({
    transport: view.transport,
    now: () => clock.now(),
    instance: identity,
    signal: lost,
    onError: (err) => logger.debug({ err }, 'Event dropped'),
  });
  return new KubeCluster({
    ...view,
    overlayChild,
    events,
    signal: lost,
    leads,
    onChildWritten: (daemon, what, details) => logger.info({ daemon, ...details }, what),
  });
}
