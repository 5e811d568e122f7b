/** Thousands of random steps against a model that is too simple to be wrong. Repeat a failure with SEED=… npm test. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AddOptions, WorkQueue } from '../../src/controller/work-queue.ts';
import { seededRandom, seeds } from '../support/random.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const keyCount = 40;
const steps = 3000;

interface Wanted {
  priority: number;
  dueAtMs: number;
}

/** The rules in one map and one set: what is wanted, and what workers have. */
class Model {
  readonly wanted = new Map<string, Wanted>();
  readonly processing = new Set<string>();

  add(key: string, nowMs: number, { priority = 0, afterMs = 0 }: AddOptions): void {
    const before = this.wanted.get(key) ?? { priority, dueAtMs: Infinity };
    this.wanted.set(key, {
      priority: Math.max(before.priority, priority),
      dueAtMs: Math.min(before.dueAtMs, nowMs + afterMs),
    });
  }

  ready(nowMs: number): [string, Wanted][] {
    return [...this.wanted].filter(([key, { dueAtMs }]) => dueAtMs <= nowMs && !this.processing.has(key));
  }
}

/** Applies random steps to the queue and to the model; every key that comes out is held against the model. */
class Walk {
  readonly #random: () => number;
  readonly #clock = new VirtualClock();
  readonly #queue: WorkQueue<string>;
  readonly #model = new Model();
  readonly #failures: unknown[] = [];
  #idleWorkers = 0;
  handedOut = 0;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    this.#queue = new WorkQueue({ clock: this.#clock, random: this.#random });
  }

  async run(): Promise<void> {
    for (let i = 0; i < steps; i++) {
      this.#step();
      if (this.#below(4) === 0) await this.#settle();
    }
    await this.#finish();
  }

  #step(): void {
    const step = this.#below(10);
    if (step < 4) this.#add(this.#anyKey(), this.#anyOptions());
    else if (step < 5) this.#fail(this.#anyKey());
    else if (step < 8) this.#done();
    else if (this.#idleWorkers < 5) this.#get();
  }

  #add(key: string, options: AddOptions): void {
    this.#model.add(key, this.#clock.monotonic(), options);
    this.#queue.add(key, options);
  }

  #fail(key: string): void {
    const options = { priority: this.#below(3) - 1 };
    const afterMs = this.#queue.addRateLimited(key, options);
    this.#model.add(key, this.#clock.monotonic(), { ...options, afterMs });
    if (this.#below(2) === 0) this.#queue.forget(key);
  }

  #get(): void {
    this.#idleWorkers++;
    this.#queue
      .get()
      .then((item) => {
        assert.ok(item);
        this.#idleWorkers--;
        this.#check(item.key, item.priority);
      })
      .catch((error: unknown) => this.#failures.push(error));
  }

  #check(key: string, priority: number): void {
    const { wanted, processing } = this.#model;
    const entry = wanted.get(key);
    assert.ok(!processing.has(key), `"${key}" was given to two workers`);
    assert.ok(entry, `"${key}" was handed out, but nobody added it`);
    assert.equal(priority, entry.priority, `"${key}" was handed out with another priority`);
    assert.ok(entry.dueAtMs <= this.#clock.monotonic(), `"${key}" was handed out early`);
    const ready = this.#model.ready(this.#clock.monotonic());
    const highest = Math.max(...ready.map(([, other]) => other.priority));
    assert.equal(priority, highest, `"${key}" overtook a higher priority`);
    wanted.delete(key);
    processing.add(key);
    this.handedOut++;
  }

  #done(): void {
    const keys = [...this.#model.processing];
    const key = keys[this.#below(keys.length)];
    if (key === undefined) return;
    this.#model.processing.delete(key);
    this.#queue.done(key);
  }

  /** Lets time pass. No key may be ready then while a worker is idle. */
  async #settle(): Promise<void> {
    await this.#advance(this.#below(3) * this.#below(200));
    const ready = this.#model.ready(this.#clock.monotonic());
    assert.ok(ready.length === 0 || this.#idleWorkers === 0, 'A key is ready and a worker is idle');
  }

  /** Everything that was ever added comes out in the end. */
  async #finish(): Promise<void> {
    for (let round = 0; this.#model.wanted.size > 0 || this.#model.processing.size > 0; round++) {
      assert.ok(round < 3 * keyCount, `Never handed out: ${[...this.#model.wanted.keys()].join(', ')}`);
      this.#get();
      await this.#advance(300_000);
      this.#done();
    }
    assert.equal(this.#queue.depths().size, 0);
  }

  async #advance(ms: number): Promise<void> {
    await this.#clock.advance(ms);
    if (this.#failures.length > 0) throw this.#failures[0];
  }

  #anyKey(): string {
    return `key-${this.#below(keyCount)}`;
  }

  #anyOptions(): AddOptions {
    const afterMs = this.#below(3) === 0 ? this.#below(500) : 0;
    const patienceMs = this.#below(2) * this.#below(200);
    return { priority: [-100, 0, 0, 10][this.#below(4)] ?? 0, afterMs, patienceMs };
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }
}

for (const seed of seeds(20)) {
  test(`keeps its rules through ${steps} random steps, seed ${seed}`, async () => {
    const walk = new Walk(seed);
    await walk.run();
    assert.ok(walk.handedOut > steps / 20, `Only ${walk.handedOut} keys were handed out`);
  });
}
