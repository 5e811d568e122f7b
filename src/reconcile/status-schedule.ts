import type { ObjectKey } from '../api/object-key.ts';
import type { Conditioned } from '../status/event.ts';

/** For how long a status in between may be held back. */
const longestMs = 250;

interface Wait {
  sinceMs: number;
  /** What the first status that was held back tells. */
  tells: string;
  /** When the status was written after all. */
  writtenAtMs?: number;
}

/**
 * Holds back a status that will soon be replaced, so that a start costs one status for its beginning and one for its end, not
 * one for each step that Kubernetes takes. What is final, good or bad, is never held back.
 *
 * How long depends on what waiting was good for lately: where the next step comes in time, it is waited for; each wait in vain halves
 * the next one.
 */
export class StatusSchedule {
  readonly #monotonic: () => number;
  /** In the order in which they began. */
  readonly #waits = new Map<ObjectKey, Wait>();
  #holdBackMs = longestMs;

  constructor(monotonic: () => number) {
    this.#monotonic = monotonic;
  }

  /** How many milliseconds the write of this status, which differs from the stored one, may still wait. */
  waitMs(key: ObjectKey, status: Conditioned): number {
    const nowMs = this.#monotonic();
    const tells = contentOf(status);
    const before = this.#waits.get(key);
    if (before && isNextStep(before, tells, nowMs)) this.#holdBackMs = longestMs;
    if (!isInBetween(status)) return 0;
    const wait = before && before.writtenAtMs === undefined ? before : { sinceMs: nowMs, tells };
    if (wait !== before) this.forget(key);
    this.#waits.set(key, wait);
    return Math.max(0, wait.sinceMs + this.#holdBackMs - nowMs);
  }

  /** To be told of each status that is stored now. */
  stored(key: ObjectKey, status: Conditioned): void {
    if (!isInBetween(status)) return this.forget(key);
    const wait = this.#waits.get(key);
    if (!wait || wait.writtenAtMs !== undefined) return;
    if (contentOf(status) === wait.tells) this.#holdBackMs = Math.floor(this.#holdBackMs / 2);
    wait.writtenAtMs = this.#monotonic();
    this.#forgetOld(wait.writtenAtMs);
  }

  /** Whatever comes so long after a write is no next step; the oldest waits stand first. */
  #forgetOld(nowMs: number): void {
    for (const [key, { writtenAtMs = Infinity }] of this.#waits) {
      if (nowMs - writtenAtMs <= longestMs) return;
      this.#waits.delete(key);
    }
  }

  /** To be told of an object that is gone. */
  forget(key: ObjectKey): void {
    this.#waits.delete(key);
  }
}

/** Whether this is what waiting is good for: another status, soon after the first or after the write of it. */
function isNextStep({ sinceMs, tells, writtenAtMs }: Wait, next: string, nowMs: number): boolean {
  return nowMs - (writtenAtMs ?? sinceMs) <= longestMs && next !== tells;
}

/** Without times, which move on while it is held back. */
function contentOf({ conditions = [], ...rest }: Conditioned): string {
  return JSON.stringify([rest, conditions.map((condition) => ({ ...condition, lastTransitionTime: '' }))]);
}

function isInBetween({ conditions }: Conditioned): boolean {
  return conditions?.some(({ type, status }) => type === 'Reconciling' && status === 'True') ?? false;
}
