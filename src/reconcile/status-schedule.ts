import type { Condition } from '../api/conditions.ts';
import type { ObjectKey } from '../api/object-key.ts';

/** For how long a status in between may be held back. */
const holdBackMs = 250;

/**
 * Holds back a status that will soon be replaced, so that a start costs one status for its beginning and one for its end, not
 * one for each step that Kubernetes takes. What is final, good or bad, is never held back.
 */
export class StatusSchedule {
  readonly #monotonic: () => number;
  readonly #outdatedSince = new Map<ObjectKey, number>();

  constructor(monotonic: () => number) {
    this.#monotonic = monotonic;
  }

  /** How many milliseconds the write of this status, which differs from the stored one, may still wait. */
  waitMs(key: ObjectKey, status: { conditions?: Condition[] }): number {
    if (!isInBetween(status)) return 0;
    const nowMs = this.#monotonic();
    const since = this.#outdatedSince.get(key) ?? nowMs;
    this.#outdatedSince.set(key, since);
    return Math.max(0, since + holdBackMs - nowMs);
  }

  /** The stored status is right: the next change begins a new wait. */
  settled(key: ObjectKey): void {
    this.#outdatedSince.delete(key);
  }
}

function isInBetween({ conditions }: { conditions?: Condition[] }): boolean {
  return conditions?.some(({ type, status }) => type === 'Reconciling' && status === 'True') ?? false;
}
