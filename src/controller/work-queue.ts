/**
 * Which key to reconcile next. The rules are those of controller-runtime's priority queue: one entry per key
 * however often it is added, never two workers on one key, an add while the key is worked on is served afterwards.
 */
import { backoffMs } from './backoff.ts';
import type { Clock } from './clock.ts';
import { Heap, type HeapItem } from './heap.ts';

/** For keys of the initial list, so that changes made by users overtake the backlog of a start. */
export const backlogPriority = -100;

/** So many keys without patience go before one whose patience is over: if there is too much work, each kind gets its share. */
const promptShare = 3;

export interface AddOptions {
  /** Higher goes first; 0 by default. A key that is added again keeps the higher priority. */
  priority?: number;
  /** Not before this time has passed; at once by default. A key that is added again keeps the earlier time. */
  afterMs?: number;
  /**
   * For how long it lets keys of the same priority without patience go before, and then some of them; not at all by default. A key
   * that is added again keeps the least.
   */
  patienceMs?: number;
}

/** A key that was handed out: `done(key)` must follow. */
export interface WorkItem<Key> {
  key: Key;
  priority: number;
}

/** Told of what happens, for the metrics that client-go calls `workqueue_*`. */
export interface QueueObserver {
  /** An entry became ready: adds_total. */
  onAdd(): void;
  /** An entry was added with a delay: retries_total. */
  onRetry(): void;
  /** An entry was handed out after it had been ready for this long: queue_duration_seconds. */
  onGet(waitedSeconds: number): void;
  /** A worker is done with an entry: work_duration_seconds. */
  onDone(workedSeconds: number): void;
}

export interface WorkQueueOptions {
  clock: Clock;
  /** From 0 up to, but not including, 1. */
  random: () => number;
  observer?: QueueObserver;
}

interface Place {
  priority: number;
  /** On the monotonic clock. */
  dueAtMs: number;
  patienceMs: number;
  /** First in, first out among equals. */
  order: number;
}

interface Entry<Key> extends HeapItem, Place {
  readonly key: Key;
  /** Where the entry is; none while a worker has the key. */
  heap?: Heap<Entry<Key>> | undefined;
}

type Waiter<Key> = (item: WorkItem<Key> | undefined) => void;

export class WorkQueue<Key extends string> {
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #observer: QueueObserver | undefined;

  readonly #entries = new Map<Key, Entry<Key>>();
  /** Ready keys without patience, and those with. */
  readonly #prompt = new Heap<Entry<Key>>(isBefore);
  readonly #patient = new Heap<Entry<Key>>(isBefore);
  /** How many have gone before the first of the patient since its patience was over. */
  #overtakers = 0;
  readonly #delayed = new Heap<Entry<Key>>(
    (a, b) => a.dueAtMs < b.dueAtMs || (a.dueAtMs === b.dueAtMs && a.order < b.order),
  );
  /** Keys that workers have, and since when. */
  readonly #processing = new Map<Key, number>();
  readonly #failures = new Map<Key, number>();
  /** Until when a failed key must not be handed out, whatever news of it comes: what failed asked for it. */
  readonly #notBeforeMs = new Map<Key, number>();
  readonly #waiters: Waiter<Key>[] = [];

  #nextOrder = 0;
  #isDispatchScheduled = false;
  #isShutDown = false;
  #alarm: { atMs: number; cancel: () => void } | undefined;

  constructor({ clock, random, observer }: WorkQueueOptions) {
    this.#clock = clock;
    this.#random = random;
    this.#observer = observer;
  }

  /** Adds a key, or brings forward the entry that it has. Without effect after `shutDown`. */
  add(key: Key, { priority = 0, afterMs = 0, patienceMs = 0 }: AddOptions = {}): void {
    if (this.#isShutDown) return;
    if (afterMs > 0) this.#observer?.onRetry();

    const dueAtMs = this.#clock.monotonic() + afterMs;
    const entry = this.#entries.get(key);
    if (!entry) return this.#insert({ key, priority, dueAtMs, patienceMs, order: 0, heapIndex: 0 });

    const isRaised = priority > entry.priority;
    const isSooner = dueAtMs < entry.dueAtMs || dueAtMs + patienceMs < entry.dueAtMs + entry.patienceMs;
    const isLessPatient = afterMs === 0 && patienceMs < entry.patienceMs;
    if (!isRaised && !isSooner && !isLessPatient) return;
    entry.heap?.remove(entry);
    entry.priority = Math.max(priority, entry.priority);
    entry.dueAtMs = Math.min(dueAtMs, entry.dueAtMs);
    entry.patienceMs = Math.min(patienceMs, entry.patienceMs);
    this.#place(entry);
  }

  /**
   * Adds a key that failed, after a delay that grows with every failure since `forget`. News may bring it forward, but not
   * to before `atLeastMs` have passed. Returns the delay in milliseconds.
   */
  addRateLimited(
    key: Key,
    { priority, atLeastMs = 0 }: { priority?: number; atLeastMs?: number } = {},
  ): number {
    const failures = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, failures);
    if (atLeastMs > 0) this.#notBeforeMs.set(key, this.#clock.monotonic() + atLeastMs);
    const afterMs = Math.max(backoffMs(failures, this.#random()), atLeastMs);
    this.add(key, { ...(priority !== undefined && { priority }), afterMs });
    return afterMs;
  }

  /** Brings forward every key that waits after a failure: what made them fail is over. */
  retryFailed(): void {
    for (const key of this.#failures.keys()) {
      this.#notBeforeMs.delete(key);
      if (this.#entries.has(key)) this.add(key);
    }
  }

  /** Ends the count of a key's failures. */
  forget(key: Key): void {
    this.#failures.delete(key);
    this.#notBeforeMs.delete(key);
  }

  /** The next key, as soon as there is one; undefined once the queue is shut down. */
  get(): Promise<WorkItem<Key> | undefined> {
    if (this.#isShutDown) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      this.#waiters.push(resolve);
      this.#scheduleDispatch();
    });
  }

  /** Gives back a key that `get` handed out. If it was added meanwhile, it can be handed out again. */
  done(key: Key): void {
    const sinceMs = this.#processing.get(key);
    if (sinceMs === undefined) throw new Error(`Cannot give back key "${key}": no worker has it`);
    this.#processing.delete(key);
    this.#observer?.onDone((this.#clock.monotonic() - sinceMs) / 1000);
    const entry = this.#entries.get(key);
    if (entry) this.#place(entry);
  }

  /** Drops what waits and ends every `get`. Keys that workers have are still to be given back. */
  shutDown(): void {
    this.#isShutDown = true;
    this.#alarm?.cancel();
    this.#entries.clear();
    this.#prompt.clear();
    this.#patient.clear();
    this.#delayed.clear();
    for (const resolve of this.#waiters.splice(0)) resolve(undefined);
  }

  /** How many entries are ready, by priority: workqueue_depth. Counted when asked. */
  depths(): Map<number, number> {
    const depths = new Map<number, number>();
    for (const { priority } of [...this.#prompt.values(), ...this.#patient.values()])
      depths.set(priority, (depths.get(priority) ?? 0) + 1);
    return depths;
  }

  /** For how long workers have had the keys that they have, in seconds: unfinished_work_seconds is the sum. */
  unfinishedSeconds(): number[] {
    const nowMs = this.#clock.monotonic();
    return Array.from(this.#processing.values(), (sinceMs) => (nowMs - sinceMs) / 1000);
  }

  #insert(entry: Entry<Key>): void {
    this.#entries.set(entry.key, entry);
    this.#place(entry);
  }

  #place(entry: Entry<Key>): void {
    entry.order = this.#nextOrder++;
    entry.dueAtMs = Math.max(entry.dueAtMs, this.#notBeforeMs.get(entry.key) ?? 0);
    if (this.#processing.has(entry.key)) return;
    if (entry.dueAtMs > this.#clock.monotonic()) {
      entry.heap = this.#delayed;
      this.#delayed.push(entry);
      this.#setAlarm();
      return;
    }
    if (entry.heap === undefined || entry.heap === this.#delayed) this.#observer?.onAdd();
    entry.heap = entry.patienceMs > 0 ? this.#patient : this.#prompt;
    entry.heap.push(entry);
    this.#scheduleDispatch();
  }

  /** One timer for all delayed entries: for the one that is due first. */
  #setAlarm(): void {
    const first = this.#delayed.first();
    if (!first || (this.#alarm && this.#alarm.atMs <= first.dueAtMs)) return;
    this.#alarm?.cancel();
    const delayMs = first.dueAtMs - this.#clock.monotonic();
    this.#alarm = { atMs: first.dueAtMs, cancel: this.#clock.setTimeout(() => this.#onAlarm(), delayMs) };
  }

  #onAlarm(): void {
    this.#alarm = undefined;
    const nowMs = this.#clock.monotonic();
    for (let entry = this.#delayed.first(); entry && entry.dueAtMs <= nowMs; entry = this.#delayed.first()) {
      this.#delayed.remove(entry);
      this.#place(entry);
    }
    this.#setAlarm();
  }

  /**
   * Work is handed out after the events at hand, not within `add`: a burst of events about one key is one visit,
   * and reconciles that find nothing to do cannot keep the process from its input and output.
   */
  #scheduleDispatch(): void {
    if (this.#isDispatchScheduled || !this.#next() || this.#waiters.length === 0) return;
    this.#isDispatchScheduled = true;
    this.#clock.setImmediate(() => this.#dispatch());
  }

  #dispatch(): void {
    this.#isDispatchScheduled = false;
    for (let entry = this.#next(); entry; entry = this.#next()) {
      const waiter = this.#waiters.shift();
      if (!waiter) return;
      waiter(this.#handOut(entry));
    }
  }

  #next(): Entry<Key> | undefined {
    const prompt = this.#prompt.first();
    const patient = this.#patient.first();
    if (!prompt || !patient) return prompt ?? patient;
    const mayOvertake = prompt.priority === patient.priority && this.#overtakers < promptShare;
    return mayOvertake || isBefore(prompt, patient) ? prompt : patient;
  }

  #handOut(entry: Entry<Key>): WorkItem<Key> {
    const nowMs = this.#clock.monotonic();
    const patient = this.#patient.first();
    if (entry.heap === this.#patient) this.#overtakers = 0;
    else if (patient && isBefore(patient, entry)) this.#overtakers++;
    entry.heap?.remove(entry);
    this.#entries.delete(entry.key);
    this.#processing.set(entry.key, nowMs);
    this.#observer?.onGet((nowMs - entry.dueAtMs) / 1000);
    return { key: entry.key, priority: entry.priority };
  }
}

/** The higher priority goes first, and then who has waited longest beyond its patience. */
function isBefore(a: Place, b: Place): boolean {
  if (a.priority !== b.priority) return a.priority > b.priority;
  const byMs = a.dueAtMs + a.patienceMs - b.dueAtMs - b.patienceMs;
  return byMs < 0 || (byMs === 0 && a.order < b.order);
}
