/** Time as the engine sees it. It comes in from outside, so that tests can run hours of back-off in milliseconds. */
export interface Clock {
  /** Wall clock: milliseconds since 1970. It may jump; use it for what is shown or stored. */
  now(): number;
  /** Milliseconds since some fixed moment. It never jumps; use it for every interval. */
  monotonic(): number;
  /** Calls back once after `delayMs`, unless the returned function is called before. */
  setTimeout(callback: () => void, delayMs: number): () => void;
  /** Calls back once the events at hand are handled, and lets other input and output have its turn first. */
  setImmediate(callback: () => void): void;
}

/** Node takes a longer delay for 1 ms, and cuts off fractions of a millisecond. */
const longestTimeoutMs = 2 ** 31 - 1;

export const realClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimeout(callback, delayMs) {
    const timer = setTimeout(callback, Math.min(Math.ceil(delayMs), longestTimeoutMs));
    return () => clearTimeout(timer);
  },
  setImmediate(callback) {
    setImmediate(callback);
  },
};
