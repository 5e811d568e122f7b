import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StatusSchedule } from '../../src/reconcile/status-schedule.ts';
import { look } from '../status/look.ts';

const running = look().status;
const starting = look({ pods: [] }).status;

function aSchedule() {
  const clock = { nowMs: 0 };
  return { clock, schedule: new StatusSchedule(() => clock.nowMs) };
}

test('holds a status in between back for 250 ms, counted from the first difference', () => {
  const { clock, schedule } = aSchedule();
  const waits = [0, 100, 249, 250, 900].map((nowMs) => {
    clock.nowMs = nowMs;
    return schedule.waitMs('clarive/purge', starting);
  });
  assert.deepEqual(waits, [250, 150, 1, 0, 0]);
});

test('holds nothing back that is final', () => {
  assert.equal(aSchedule().schedule.waitMs('clarive/purge', running), 0);
  assert.equal(aSchedule().schedule.waitMs('clarive/purge', {}), 0);
});

test('begins anew once the stored status was right, and for each daemon by itself', () => {
  const { clock, schedule } = aSchedule();
  schedule.waitMs('clarive/purge', starting);
  clock.nowMs = 200;
  assert.equal(schedule.waitMs('clarive/email', starting), 250);
  schedule.settled('clarive/purge');
  assert.equal(schedule.waitMs('clarive/purge', starting), 250);
});
