/** The time for which this process leads: the only time in which it writes. */
import type { Logger } from 'pino';
import type { ClariveDaemon } from './api/clarive-daemon.ts';
import { keyOf, type ObjectKey } from './api/object-key.ts';
import type { Config } from './config.ts';
import type { Clock } from './controller/clock.ts';
import { Controller } from './controller/controller.ts';
import { backlogPriority, type WorkQueue } from './controller/work-queue.ts';
import { ApiError } from './kube/api-error.ts';
import { overlayChild } from './desired/overlay.ts';
import { EventRecorder } from './kube/event-recorder.ts';
import { KubeCluster } from './kube/kube-cluster.ts';
import type { Transport } from './kube/transport.ts';
import type { Metrics } from './metrics.ts';
import { Gatekeeper } from './reconcile/gatekeeper.ts';
import { reconcileDispatcher } from './reconcile/reconcile-dispatcher.ts';
import { reconcile } from './reconcile/reconcile.ts';
import type { Renderings } from './reconcile/renderings.ts';
import { StatusSchedule } from './reconcile/status-schedule.ts';
import { Surveys } from './reconcile/survey.ts';
import type { View } from './view.ts';

export interface TermOptions {
  transport: Transport;
  /** What the watches show. */
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
  /** For how many milliseconds nobody else can lead, even if the lease can't be renewed any more. */
  leadsForMs: () => number;
}

/** What users change goes before what is to be told of earlier changes, but not for longer than this. */
const patienceMs = 1000;

/** By how much each of many keys that come at once has more patience than the one before, so that other work goes in between. */
const fanOutMs = 10;

/** For how long the reports of a dispatcher's daemons are collected at most. */
const longestCollectMs = 500;

/** How long the end of a term waits for the visits under way. */
const drainDeadlineMs = 8000;

export class Term {
  readonly #options: TermOptions;
  readonly #cluster: KubeCluster;
  readonly #controller: Controller<ObjectKey>;
  readonly #dispatchers: Controller<ObjectKey>;
  /** When the lease is given up, on the monotonic clock. */
  #endsAtMs = Infinity;

  constructor(options: TermOptions) {
    this.#options = options;
    const { config, logger, metrics, clock, random, renderings } = options;
    const cluster = clusterOf(options, () => this.#leadsForMs);
    const now = () => clock.now();
    const aSchedule = () => new StatusSchedule(() => clock.monotonic());
    const common = {
      retryAfterMs: (error: unknown) => (error instanceof ApiError ? error.retryAfterMs : undefined),
      logger,
      clock,
      random,
      workers: config.workers,
      patienceMs,
    };
    const statusSchedule = aSchedule();
    const gatekeeper = new Gatekeeper({ cluster, monotonic: () => clock.monotonic() });
    const surveys = new Surveys();
    this.#cluster = cluster;
    this.#controller = new Controller<ObjectKey>({
      ...common,
      reconcile: (key) => reconcile(key, { cluster, statusSchedule, renderings, surveys, gatekeeper, now }),
      observer: metrics,
    });
    const dispatcherSchedule = aSchedule();
    const enqueue = (key: ObjectKey) => this.onChild(key);
    this.#dispatchers = new Controller<ObjectKey>({
      ...common,
      reconcile: (key) =>
        reconcileDispatcher(key, { cluster, statusSchedule: dispatcherSchedule, now, enqueue }),
    });
  }

  get queue(): WorkQueue<ObjectKey> {
    return this.#controller.queue;
  }

  get #leadsForMs(): number {
    const { clock, leadsForMs } = this.#options;
    return Math.min(leadsForMs(), this.#endsAtMs - clock.monotonic());
  }

  /** Visits every daemon once, and from then on those that are enqueued. */
  start(): void {
    const { view, logger } = this.#options;
    const backlog = { priority: backlogPriority };
    for (const { key } of view.daemons.values()) this.queue.add(key, backlog);
    for (const { key } of view.dispatchers.values()) this.#dispatchers.enqueue(key, backlog);
    this.#controller.start();
    this.#dispatchers.start();
    logger.info({ daemons: view.daemons.size, dispatchers: view.dispatchers.size }, 'Leading');
  }

  /** The daemon as it is now; undefined: it is gone. */
  onDaemon(key: ObjectKey, daemon: ClariveDaemon | undefined): void {
    if (!daemon || !this.#cluster.isAwaited(daemon)) this.queue.add(key);
  }

  /** What this dispatcher wants of its daemons has changed, or it has come or gone. */
  onDispatcher(key: ObjectKey): void {
    this.#dispatchers.enqueue(key, { patienceMs });
    this.#addMany(this.#cluster.attached(key).map(keyOf));
  }

  /** What a daemon of this dispatcher reports may have changed. The more daemons it has, the more reports one look is for. */
  onReport(dispatcher: ObjectKey): void {
    const { attached = 0 } = this.#options.view.dispatchers.get(dispatcher)?.dispatcher.status?.daemons ?? {};
    const afterMs = Math.min(Math.floor(attached / 10), longestCollectMs);
    this.#dispatchers.enqueue(dispatcher, { afterMs, patienceMs });
  }

  /** The child of this daemon has changed, or a pod of it. */
  onChild(key: ObjectKey): void {
    this.queue.add(key, { patienceMs });
  }

  /** What the pods of these daemons were started with has changed. */
  onContent(keys: readonly ObjectKey[]): void {
    this.#addMany(keys);
  }

  /** Something has changed for all daemons of this identity: one of them may go on now. */
  onRival(identity: string): void {
    for (const daemon of this.#cluster.daemonsOf(identity)) this.onChild(keyOf(daemon));
  }

  /** What has failed is tried again at once. */
  retryFailed(): void {
    this.queue.retryFailed();
    this.#dispatchers.queue.retryFailed();
  }

  #addMany(keys: readonly ObjectKey[]): void {
    for (const [index, key] of keys.entries()) this.queue.add(key, { patienceMs: index * fanOutMs });
  }

  /** Lets the visits under way end, unless the lease is lost. */
  async end(): Promise<void> {
    const { clock, logger, lost } = this.#options;
    const deadlineMs = lost.aborted ? 0 : drainDeadlineMs;
    this.#endsAtMs = clock.monotonic() + deadlineMs;
    const controllers = [this.#controller, this.#dispatchers];
    const drained = (await Promise.all(controllers.map((each) => each.stop(deadlineMs)))).every(Boolean);
    if (lost.aborted) logger.warn({ err: lost.reason as unknown }, 'No longer leading');
    else if (!drained) logger.warn({ drainDeadlineMs }, 'Stopped before every visit had ended');
  }
}

function clusterOf(
  { transport, view, logger, clock, identity, lost, leads }: TermOptions,
  leadsForMs: () => number,
): KubeCluster {
  const events = new EventRecorder({
    transport,
    now: () => clock.now(),
    instance: identity,
    signal: lost,
    leads,
    onError: (err) => logger.debug({ err }, 'Event dropped'),
  });
  return new KubeCluster({
    transport,
    view,
    overlayChild,
    events,
    signal: lost,
    leads,
    leadsForMs,
    onChildWritten: (daemon, what, details) => logger.info({ daemon, ...details }, what),
  });
}
