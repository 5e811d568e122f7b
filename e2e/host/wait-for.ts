import { setTimeout as delay } from 'node:timers/promises';

/** What to wait for and how long. */
export interface WaitOptions {
  /** Completes "Waited in vain for …". */
  what: string;
  timeoutMs: number;
  /** Time between two looks; 50 ms by default. */
  intervalMs?: number;
}

/**
 * Calls `condition` until it returns something other than undefined or false, and returns that. An error of `condition`
 * ends the wait.
 */
export async function waitFor<T>(
  condition: () => Promise<T | undefined | false> | T | undefined | false,
  { what, timeoutMs, intervalMs = 50 }: WaitOptions,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await condition();
    if (value !== undefined && value !== false) return value;
    if (performance.now() >= deadline) throw new Error(`Waited ${timeoutMs / 1000} s in vain for ${what}`);
    await delay(intervalMs);
  }
}
