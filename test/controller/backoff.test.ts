import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backoffMs } from '../../src/controller/backoff.ts';

const almostOne = 1 - Number.EPSILON;
const fiveMinutesMs = 300_000;

for (const [failures, longestMs] of [
  [1, 5],
  [2, 10],
  [3, 20],
  [11, 5120],
  [16, 163_840],
  [17, fiveMinutesMs],
  [18, fiveMinutesMs],
  [5000, fiveMinutesMs],
] as const) {
  test(`waits between ${longestMs / 2} and ${longestMs} ms after failure ${failures}`, () => {
    assert.equal(backoffMs(failures, 0), longestMs);
    assert.equal(backoffMs(failures, 0.5), longestMs * 0.75);
    assert.ok(backoffMs(failures, almostOne) > longestMs / 2);
  });
}
