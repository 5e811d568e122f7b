import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClariveDaemonStatus } from '../../src/api/clarive-daemon.ts';
import { StatusSchedule } from '../../src/reconcile/status-schedule.ts';
import { look } from '../status/look.ts';
import { aPod } from '../status/observed-builders.ts';

const key = 'clarive/purge';
const running = look().status;
const starting = look({ pods: [] }).status;
const withPod = look({ pods: [aPod({ phase: 'Pending', container: null })] }).status;

class Daemon {
  nowMs = 0;
  readonly schedule = new StatusSchedule(() => this.nowMs);

  waitAt(nowMs: number, status: ClariveDaemonStatus): number {
    this.nowMs = nowMs;
    return this.schedule.waitMs(key, status);
  }

  /** Holds this status back until it may be written, and returns for how long that was. */
  hold(status: ClariveDaemonStatus): number {
    const waitMs = this.waitAt(this.nowMs + 10_000, status);
    assert.equal(this.waitAt(this.nowMs + waitMs, status), 0);
    this.schedule.stored(key, status);
    return waitMs;
  }

  settle(): void {
    assert.equal(this.waitAt(this.nowMs + 10_000, running), 0);
    this.schedule.stored(key, running);
  }
}

test('holds a status in between back for 250 ms, counted from the first difference', () => {
  const daemon = new Daemon();
  const waits = [0, 100, 249, 250, 900].map((nowMs) => daemon.waitAt(nowMs, starting));
  assert.deepEqual(waits, [250, 150, 1, 0, 0]);
});

test('holds nothing back that is final', () => {
  const daemon = new Daemon();
  assert.equal(daemon.waitAt(0, running), 0);
  assert.equal(daemon.waitAt(0, {}), 0);
});

test('begins anew once the stored status was final, and for each daemon by itself', () => {
  const daemon = new Daemon();
  daemon.waitAt(0, starting);
  daemon.nowMs = 200;
  assert.equal(daemon.schedule.waitMs('clarive/email', starting), 250);
  daemon.schedule.stored(key, running);
  assert.equal(daemon.waitAt(200, starting), 250);
});

test('halves the wait with each that was in vain, down to none', () => {
  const daemon = new Daemon();
  const waits = Array.from({ length: 9 }, () => {
    const waitMs = daemon.hold(starting);
    daemon.settle();
    return waitMs;
  });
  assert.deepEqual(waits, [250, 125, 62, 31, 15, 7, 3, 1, 0]);
});

test('times that move on while it is held back are no next step', () => {
  const daemon = new Daemon();
  const later = look({ pods: [], second: 99 }).status;
  assert.notDeepEqual(later, starting);
  daemon.waitAt(0, starting);
  assert.equal(daemon.waitAt(250, later), 0);
  daemon.schedule.stored(key, later);
  daemon.settle();
  assert.equal(daemon.hold(starting), 125);
});

test('waits longest again as soon as the next step came in time', () => {
  for (const [next, what] of [
    [withPod, 'another status in between'],
    [running, 'a final status'],
  ] as const) {
    const daemon = new Daemon();
    daemon.hold(starting);
    daemon.settle();
    assert.equal(daemon.waitAt(daemon.nowMs + 1000, starting), 125);
    daemon.waitAt(daemon.nowMs + 50, next);
    daemon.settle();
    assert.equal(daemon.hold(starting), 250, what);
  }
});

test('waits longest again if the next step came soon after a wait that was too short', () => {
  const daemon = new Daemon();
  daemon.hold(starting);
  assert.equal(daemon.waitAt(daemon.nowMs + 250, withPod), 250);
  daemon.settle();
  daemon.hold(starting);
  assert.equal(daemon.waitAt(daemon.nowMs + 251, withPod), 125);
});

test('forgets a daemon that is gone', () => {
  const daemon = new Daemon();
  daemon.waitAt(0, starting);
  daemon.schedule.forget(key);
  assert.equal(daemon.waitAt(200, starting), 250);
});
