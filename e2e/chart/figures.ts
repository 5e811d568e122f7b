import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';

/** A figure with its unit, and the most that it may be. */
export interface Figure {
  value: number;
  atMost: number;
  unit: 's' | 'MB' | 'MiB';
}

/** Prints a figure as it was observed, with its target and whether that is met; if not, the test fails. */
export function judge(t: TestContext, what: string, { value, atMost, unit }: Figure): void {
  const isMet = value <= atMost;
  const line = `${what}: ${rounded(value)} ${unit}, target at most ${atMost} ${unit}: ${isMet ? 'met' : 'missed'}`;
  t.diagnostic(line);
  assert.ok(isMet, line);
}

/** Seconds since a moment of `performance.now()`. */
export function secondsSince(ms: number): number {
  return (performance.now() - ms) / 1000;
}

function rounded(value: number): string {
  return value.toFixed(value < 10 ? 2 : 1);
}
