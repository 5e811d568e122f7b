/**
 * Takes keys from the work queue, reconciles each, and decides what a result or an error means for the queue.
 * It is the one place that logs a failed reconcile.
 */
import type { Logger } from 'pino';
import type { Clock } from './clock.ts';
import { type AddOptions, type QueueObserver, type WorkItem, WorkQueue } from './work-queue.ts';

/** How a reconcile that did not fail wants to go on. A failure is thrown instead. */
export interface Result {
  /** Reconcile again after this time, even if nothing changes; absent: only when something changes. */
  requeueAfterMs?: number;
}

/** As in the label `result` of controller-runtime. */
export type Outcome = 'success' | 'requeue_after' | 'error';

/** Told of what happens, for the metrics that controller-runtime calls `controller_runtime_*` and `workqueue_*`. */
export interface ControllerObserver extends QueueObserver {
  /** A reconcile ended: reconcile_total, reconcile_errors_total, reconcile_time_seconds. */
  onReconcile(outcome: Outcome, seconds: number): void;
}

export interface ControllerOptions<Key extends string> {
  /**
   * Makes the world as the object of that key wants it, or throws. It is not told what has changed, and is never run
   * twice at once for one key. The signal fires when the controller can't wait any longer.
   */
  reconcile: (key: Key, signal: AbortSignal) => Promise<Result>;
  /** How long the error itself asks to wait, if it does. */
  retryAfterMs?: (error: unknown) => number | undefined;
  logger: Logger;
  clock: Clock;
  /** From 0 up to, but not including, 1. */
  random: () => number;
  /** By how much keys that come later may overtake what a result asks for; not at all by default. */
  patienceMs?: number;
  /** How many reconciles run at once: 16 by default, because they mostly wait for the API server. */
  workers?: number;
  observer?: ControllerObserver;
}

export class Controller<Key extends string> {
  readonly queue: WorkQueue<Key>;
  readonly #options: ControllerOptions<Key>;
  readonly #abort = new AbortController();
  #workers: Promise<void>[] = [];

  constructor(options: ControllerOptions<Key>) {
    this.#options = options;
    this.queue = new WorkQueue<Key>(options);
  }

  /** Asks for a reconcile of that key. May be called before `start`: keys are kept until then. */
  enqueue(key: Key, options?: AddOptions): void {
    this.queue.add(key, options);
  }

  start(): void {
    this.#workers = Array.from({ length: this.#options.workers ?? 16 }, () => this.#work());
  }

  /**
   * Hands out no more work and waits for the reconciles that run. After `deadlineMs` it aborts them and waits no longer.
   * Returns whether all of them ended in time.
   */
  async stop(deadlineMs: number): Promise<boolean> {
    this.queue.shutDown();
    const { promise: deadline, resolve: onDeadline } = Promise.withResolvers<boolean>();
    const cancel = this.#options.clock.setTimeout(() => onDeadline(false), deadlineMs);
    const isDrained = await Promise.race([Promise.all(this.#workers).then(() => true), deadline]);
    cancel();
    this.#abort.abort();
    return isDrained;
  }

  async #work(): Promise<void> {
    for (let item = await this.queue.get(); item; item = await this.queue.get()) {
      await this.#process(item);
      this.queue.done(item.key);
    }
  }

  async #process(item: WorkItem<Key>): Promise<void> {
    const { clock, observer } = this.#options;
    const startedAtMs = clock.monotonic();
    const outcome = await this.#reconcile(item);
    observer?.onReconcile(outcome, (clock.monotonic() - startedAtMs) / 1000);
  }

  async #reconcile(item: WorkItem<Key>): Promise<Outcome> {
    try {
      return this.#onResult(item, await this.#options.reconcile(item.key, this.#abort.signal));
    } catch (error) {
      return this.#onError(item, error);
    }
  }

  #onResult({ key, priority }: WorkItem<Key>, { requeueAfterMs }: Result): Outcome {
    this.queue.forget(key);
    if (requeueAfterMs === undefined) return 'success';
    const { patienceMs = 0 } = this.#options;
    this.queue.add(key, { priority, afterMs: requeueAfterMs, patienceMs });
    return 'requeue_after';
  }

  #onError({ key, priority }: WorkItem<Key>, error: unknown): Outcome {
    const { logger, retryAfterMs } = this.#options;
    const atLeastMs = retryAfterMs?.(error) ?? 0;
    const retryInMs = this.queue.addRateLimited(key, { priority, atLeastMs });
    // What was cut off by the deadline of a stop did not fail.
    if (!this.#abort.signal.aborted)
      logger.warn({ key, err: error, retryInMs }, 'Reconcile failed, retrying');
    return 'error';
  }
}
