import type { Clock } from '../../src/controller/clock.ts';

interface Timer {
  atMs: number;
  order: number;
  callback: () => void;
}

/** A clock that stands still until a test moves it, and then runs every timer at its own time, in order. */
export class VirtualClock implements Clock {
  readonly #startMs: number;
  readonly #timers = new Set<Timer>();
  #immediates: (() => void)[] = [];
  #elapsedMs = 0;
  #nextOrder = 0;

  constructor(start = '2026-01-01T00:00:00Z') {
    this.#startMs = Date.parse(start);
  }

  /** Timers that are set. */
  get timers(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#startMs + this.#elapsedMs;
  }

  monotonic(): number {
    return this.#elapsedMs;
  }

  setTimeout(callback: () => void, delayMs: number): () => void {
    const timer = { atMs: this.#elapsedMs + Math.max(0, delayMs), order: this.#nextOrder++, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  setImmediate(callback: () => void): void {
    this.#immediates.push(callback);
  }

  /** Moves time on, and lets everything happen that follows within that time. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#elapsedMs + ms;
    await this.settle();
    for (let timer = this.#next(); timer && timer.atMs <= untilMs; timer = this.#next()) {
      this.#timers.delete(timer);
      this.#elapsedMs = Math.max(this.#elapsedMs, timer.atMs);
      timer.callback();
      await this.settle();
    }
    this.#elapsedMs = untilMs;
  }

  /** Lets everything happen that needs no time: promises and immediates, until none is left. */
  async settle(): Promise<void> {
    await turn();
    while (this.#immediates.length > 0) {
      for (const callback of this.#immediates.splice(0)) callback();
      await turn();
    }
  }

  #next(): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) {
      if (!next || timer.atMs < next.atMs || (timer.atMs === next.atMs && timer.order < next.order))
        next = timer;
    }
    return next;
  }
}

/** One turn of the real event loop: every promise that can go on does so before it ends. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
