/** Counts what the engine does, under the names that controller-runtime and client-go have for it, and serves /metrics. */
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { kind, type ClariveDaemon } from './api/clarive-daemon.ts';
import type { ClariveDispatcher } from './api/clarive-dispatcher.ts';
import type { ControllerObserver, Outcome } from './controller/controller.ts';
import type { WorkQueue } from './controller/work-queue.ts';
import { daemonMetrics } from './daemon-metrics.ts';
import { dispatcherMetrics } from './dispatcher-metrics.ts';
import type { WatchState } from './health.ts';
import { type HttpServer, type ListenAddress, serveHttp } from './http-server.ts';
import type { RequestObserver } from './kube/transport.ts';

export interface MetricsOptions {
  version: string;
  workers: number;
  /** Name of the Lease; undefined without leader election. */
  lease: string | undefined;
}

/** What is looked at when the metrics are asked for. */
export interface MetricsSource {
  readonly queue: Pick<WorkQueue<string>, 'depths' | 'unfinishedSeconds'>;
  readonly leads: boolean;
  watches(): Iterable<WatchState>;
  daemons(): Iterable<ClariveDaemon>;
  dispatchers(): Iterable<ClariveDispatcher>;
}

const reconcileBuckets = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.25, 1.5,
  1.75, 2, 2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40, 50, 60,
];
const queueBuckets = [1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 0.001, 0.01, 0.1, 1, 10, 100, 1000];

const controller = { controller: kind.toLowerCase() };
const queue = { name: kind.toLowerCase(), ...controller };
const results = ['success', 'error', 'requeue', 'requeue_after'];

/** Of prom-client's metrics about the process those that nobody asks for: many series, some of them labelled by whatever is open just now. */
const unwanted = [
  ...['handles', 'requests', 'resources'].flatMap((open) => [
    `nodejs_active_${open}`,
    `nodejs_active_${open}_total`,
  ]),
  ...['total', 'used', 'available'].map((part) => `nodejs_heap_space_size_${part}_bytes`),
];

export class Metrics implements ControllerObserver {
  readonly #registry = new Registry();
  readonly #options: MetricsOptions;
  readonly #priorities = new Set([0]);

  readonly #reconciles = this.#counter(
    'controller_runtime_reconcile_total',
    'Reconciles, by how they ended.',
    ['controller', 'result'],
  );
  readonly #reconcileErrors = this.#counter(
    'controller_runtime_reconcile_errors_total',
    'Reconciles that failed.',
    ['controller'],
  );
  readonly #terminalErrors = this.#counter(
    'controller_runtime_terminal_reconcile_errors_total',
    'Reconciles that failed in a way that is not tried again before something changes.',
    ['controller'],
  );
  readonly #reconcileTime = this.#histogram(
    'controller_runtime_reconcile_time_seconds',
    'How long a reconcile takes.',
    ['controller'],
    reconcileBuckets,
  );
  readonly #workers = this.#gauge(
    'controller_runtime_max_concurrent_reconciles',
    'How many reconciles may run at once.',
    ['controller'],
  );
  readonly #activeWorkers = this.#gauge('controller_runtime_active_workers', 'How many reconciles run now.', [
    'controller',
  ]);
  readonly #depth = this.#gauge('workqueue_depth', 'How many daemons wait for a reconcile.', [
    'name',
    'controller',
    'priority',
  ]);
  readonly #adds = this.#counter('workqueue_adds_total', 'Daemons that became due for a reconcile.', [
    'name',
    'controller',
  ]);
  readonly #retries = this.#counter('workqueue_retries_total', 'Daemons that were queued again for later.', [
    'name',
    'controller',
  ]);
  readonly #waited = this.#histogram(
    'workqueue_queue_duration_seconds',
    'How long a daemon waits for its reconcile.',
    ['name', 'controller'],
    queueBuckets,
  );
  readonly #worked = this.#histogram(
    'workqueue_work_duration_seconds',
    'How long a worker is busy with a daemon.',
    ['name', 'controller'],
    queueBuckets,
  );
  readonly #unfinished = this.#gauge(
    'workqueue_unfinished_work_seconds',
    'For how long the workers that are busy have been so, all together.',
    ['name', 'controller'],
  );
  readonly #longest = this.#gauge(
    'workqueue_longest_running_processor_seconds',
    'For how long the worker that has been busy longest has been so.',
    ['name', 'controller'],
  );
  readonly #requests = this.#counter(
    'rest_client_requests_total',
    'Requests to the API server, by HTTP status; <error> if there was no answer.',
    ['code', 'method', 'host'],
  );
  readonly #leads = this.#gauge(
    'leader_election_master_status',
    '1 if this replica leads, 0 if it stands by.',
    ['name'],
  );
  readonly #watchAge = this.#gauge(
    'clarive_watch_last_event_age_seconds',
    'Time since the API server last sent anything about this resource; about a minute is normal.',
    ['resource'],
  );
  readonly #watchRestarts = this.#counter(
    'clarive_watch_restarts_total',
    'Watches that were interrupted and resumed.',
    ['resource'],
  );

  constructor(options: MetricsOptions) {
    this.#options = options;
    const { version, workers } = options;
    const buildInfo = this.#gauge('clarive_operator_build_info', 'What runs here; always 1.', [
      'version',
      'node_version',
    ]);
    buildInfo.set({ version, node_version: process.version }, 1);
    this.#workers.set(controller, workers);
    this.#startAtZero();
    collectDefaultMetrics({ register: this.#registry });
    for (const name of unwanted) this.#registry.removeSingleMetric(name);
  }

  onReconcile(outcome: Outcome, seconds: number): void {
    this.#reconciles.inc({ ...controller, result: outcome });
    if (outcome === 'error') this.#reconcileErrors.inc(controller);
    this.#reconcileTime.observe(controller, seconds);
  }

  onAdd(): void {
    this.#adds.inc(queue);
  }

  onRetry(): void {
    this.#retries.inc(queue);
  }

  onGet(waitedSeconds: number): void {
    this.#waited.observe(queue, waitedSeconds);
  }

  onDone(workedSeconds: number): void {
    this.#worked.observe(queue, workedSeconds);
  }

  /** @param host host and port of the API server */
  requestObserver(host: string): RequestObserver {
    return ({ method }, code) => this.#requests.inc({ code, method, host });
  }

  onWatchInterrupted(resource: string): void {
    this.#watchRestarts.inc({ resource });
  }

  /**
   * All metrics in Prometheus' text format, in pieces. Only the leader shows daemons and dispatchers, so that a sum over replicas is
   * right.
   */
  async *text(source: MetricsSource): AsyncGenerator<string> {
    this.#look(source);
    yield await this.#registry.metrics();
    const daemons = source.leads ? [...source.daemons()] : [];
    const dispatchers = source.leads ? [...source.dispatchers()] : [];
    yield* daemonMetrics(daemons);
    yield* dispatcherMetrics(dispatchers, daemons);
  }

  /** Takes the gauges' values from the engine as it is now. */
  #look(source: MetricsSource): void {
    const busySeconds = source.queue.unfinishedSeconds();
    this.#activeWorkers.set(controller, busySeconds.length);
    this.#unfinished.set(
      queue,
      busySeconds.reduce((sum, seconds) => sum + seconds, 0),
    );
    this.#longest.set(queue, Math.max(0, ...busySeconds));
    this.#lookAtDepths(source.queue.depths());
    this.#lookAtWatches(source.watches());
    if (this.#options.lease !== undefined)
      this.#leads.set({ name: this.#options.lease }, Number(source.leads));
  }

  /** A priority that was seen once stays, with depth 0. */
  #lookAtDepths(depths: ReadonlyMap<number, number>): void {
    for (const priority of depths.keys()) this.#priorities.add(priority);
    for (const priority of this.#priorities)
      this.#depth.set({ ...queue, priority: String(priority) }, depths.get(priority) ?? 0);
  }

  /** Of several watches of one resource the one that has been silent longest counts. */
  #lookAtWatches(watches: Iterable<WatchState>): void {
    const ages = new Map<string, number>();
    for (const { resource, silentMs } of watches)
      ages.set(resource, Math.max(silentMs, ages.get(resource) ?? 0));
    for (const [resource, ageMs] of ages) {
      this.#watchAge.set({ resource }, ageMs / 1000);
      this.#watchRestarts.inc({ resource }, 0);
    }
  }

  #startAtZero(): void {
    for (const result of results) this.#reconciles.inc({ ...controller, result }, 0);
    for (const counter of [this.#reconcileErrors, this.#terminalErrors]) counter.inc(controller, 0);
    for (const counter of [this.#adds, this.#retries]) counter.inc(queue, 0);
    this.#reconcileTime.zero(controller);
    for (const histogram of [this.#waited, this.#worked]) histogram.zero(queue);
  }

  #counter<Label extends string>(name: string, help: string, labelNames: Label[]): Counter<Label> {
    return new Counter({ name, help, labelNames, registers: [this.#registry] });
  }

  #gauge<Label extends string>(name: string, help: string, labelNames: Label[]): Gauge<Label> {
    return new Gauge({ name, help, labelNames, registers: [this.#registry] });
  }

  #histogram<Label extends string>(
    name: string,
    help: string,
    labelNames: Label[],
    buckets: number[],
  ): Histogram<Label> {
    return new Histogram({ name, help, labelNames, buckets, registers: [this.#registry] });
  }
}

/** Serves /metrics in Prometheus' text format. A scrape is sent as fast as it is read, and never stored whole. */
export function serveMetrics(
  address: ListenAddress,
  metrics: Metrics,
  source: MetricsSource,
): Promise<HttpServer> {
  return serveHttp(address, {
    '/metrics': (request, response) => sendMetrics(request, response, metrics, source),
  });
}

async function sendMetrics(
  { method }: IncomingMessage,
  response: ServerResponse,
  metrics: Metrics,
  source: MetricsSource,
): Promise<void> {
  response.setHeader('Content-Type', Registry.PROMETHEUS_CONTENT_TYPE);
  if (method === 'HEAD') return void response.end();
  const text = Readable.from(metrics.text(source));
  await once(text, 'readable'); // what fails up to here is answered with 500
  await pipeline(text, response);
}
