import { ApiError, tooManyMs } from './api-error.ts';

const firstMs = 200;
/** An unreachable server is asked about twice a second, so that its return is seen at once; one that refuses is left in peace. */
const mostUnreachableMs = 500;
/** A custom resource whose definition is not installed yet. */
const mostNotFoundMs = 2000;
/** A server with too much to do, or still filling its caches, says itself how long it wants to be left alone. */
const mostTooManyMs = 2000;
const mostRefusedMs = 30_000;
/** A watch that held this long was healthy: the next failure starts with the first wait again. */
const healthyMs = 120_000;

/** How long to wait before a watch that failed is tried again: longer each time, up to a limit that depends on the failure. */
export class WatchBackoff {
  readonly #random: () => number;
  #lastMs = 0;
  #mostMs = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** Milliseconds, spread by half so that many clients don't come back in step, and never less than the server asked for. */
  next(failure: unknown, lastedMs: number): number {
    const mostMs = limitOf(failure);
    const isNew = lastedMs >= healthyMs || mostMs !== this.#mostMs;
    this.#lastMs = isNew ? firstMs : Math.min(this.#lastMs * 2, mostMs);
    this.#mostMs = mostMs;
    return Math.max(this.#lastMs * (0.5 + this.#random()), tooManyMs(failure));
  }
}

function limitOf(failure: unknown): number {
  if (!(failure instanceof ApiError) || failure.code >= 500) return mostUnreachableMs;
  if (failure.code === 429) return mostTooManyMs;
  return failure.code === 404 ? mostNotFoundMs : mostRefusedMs;
}
