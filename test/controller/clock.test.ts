import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { realClock } from '../../src/controller/clock.ts';

test('tells the wall time and a time that does not jump', () => {
  const before = Date.now();
  assert.ok(realClock.now() >= before);
  const start = realClock.monotonic();
  assert.ok(realClock.monotonic() >= start);
});

test('calls back after the delay, and after nothing if it is cancelled', async () => {
  const order: string[] = [];
  const cancel = realClock.setTimeout(() => order.push('cancelled'), 1);
  cancel();
  await new Promise<void>((resolve) => {
    realClock.setTimeout(() => {
      order.push('timeout');
      resolve();
    }, 2);
  });
  assert.deepEqual(order, ['timeout']);
});

test('calls an immediate back after the promises at hand', async () => {
  const order: string[] = [];
  await new Promise<void>((resolve) => {
    realClock.setImmediate(() => {
      order.push('immediate');
      resolve();
    });
    void Promise.resolve().then(() => order.push('promise'));
  });
  assert.deepEqual(order, ['promise', 'immediate']);
});

test('does not take a delay of a month for none', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const callback = mock.fn();
  realClock.setTimeout(callback, 31 * 24 * 3600 * 1000);
  t.mock.timers.tick(2 ** 31 - 2);
  assert.equal(callback.mock.callCount(), 0);
  t.mock.timers.tick(1);
  assert.equal(callback.mock.callCount(), 1);
});
