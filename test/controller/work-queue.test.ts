import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backlogPriority, type QueueObserver, WorkQueue } from '../../src/controller/work-queue.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

/** A queue without jitter, and what its workers were given, in order. */
function aQueue({ observer }: { observer?: QueueObserver } = {}) {
  const clock = new VirtualClock();
  const queue = new WorkQueue<string>({ clock, random: () => 0, ...(observer && { observer }) });
  const given: string[] = [];
  /** One more worker that takes one key. */
  const take = (): void => void queue.get().then((item) => given.push(item?.key ?? 'shut down'));
  /** What comes out, one key after the other, until nothing is ready. */
  const drain = async (): Promise<string[]> => {
    for (;;) {
      const before = given.length;
      take();
      await clock.settle();
      const key = given[before];
      if (key === undefined) return given;
      queue.done(key);
    }
  };
  return { clock, queue, given, take, drain };
}

test('hands out a key once, however often it was added', async () => {
  const { queue, drain } = aQueue();
  queue.add('a');
  queue.add('b');
  queue.add('a');
  assert.deepEqual(await drain(), ['a', 'b']);
});

test('hands a key to a worker that was waiting for one', async () => {
  const { clock, queue, given, take } = aQueue();
  take();
  await clock.settle();
  assert.deepEqual(given, []);
  queue.add('a');
  await clock.settle();
  assert.deepEqual(given, ['a']);
});

test('takes a burst of events about one key for one visit, even with idle workers', async () => {
  const { clock, queue, given, take } = aQueue();
  take();
  take();
  await clock.settle();
  queue.add('a');
  queue.add('a');
  await clock.settle();
  queue.done('a');
  await clock.settle();
  assert.deepEqual(given, ['a']);
});

test('never gives one key to two workers, and serves an add during the work after it', async () => {
  const { clock, queue, given, take } = aQueue();
  queue.add('a');
  take();
  await clock.settle();
  queue.add('a');
  queue.add('a');
  take();
  take();
  await clock.settle();
  assert.deepEqual(given, ['a']);
  queue.done('a');
  await clock.settle();
  assert.deepEqual(given, ['a', 'a']);
  queue.done('a');
  await clock.settle();
  assert.deepEqual(given, ['a', 'a']);
});

test('goes by priority, and first in first out among equals', async () => {
  const { queue, drain } = aQueue();
  queue.add('backlog 1', { priority: backlogPriority });
  queue.add('backlog 2', { priority: backlogPriority });
  queue.add('change 1');
  queue.add('change 2');
  assert.deepEqual(await drain(), ['change 1', 'change 2', 'backlog 1', 'backlog 2']);
});

test('raises the priority of a key that is added again, and never lowers it', async () => {
  const { queue, drain } = aQueue();
  queue.add('a', { priority: backlogPriority });
  queue.add('b', { priority: backlogPriority });
  queue.add('b');
  queue.add('b', { priority: backlogPriority });
  assert.deepEqual(await drain(), ['b', 'a']);
});

test('keeps the priority of an add that waited for the worker on its key', async () => {
  const { clock, queue, given, take } = aQueue();
  queue.add('a');
  take();
  await clock.settle();
  queue.add('a', { priority: backlogPriority });
  queue.add('a', { priority: 1 });
  queue.add('b');
  queue.done('a');
  take();
  await clock.settle();
  assert.deepEqual(given, ['a', 'a']);
});

test('hands out a delayed key neither early nor late', async () => {
  const { clock, queue, given, take } = aQueue();
  queue.add('a', { afterMs: 1000 });
  take();
  await clock.advance(999);
  assert.deepEqual(given, []);
  await clock.advance(1);
  assert.deepEqual(given, ['a']);
});

test('hands out delayed keys in the order of their times', async () => {
  const { clock, queue, drain } = aQueue();
  queue.add('c', { afterMs: 300 });
  queue.add('a', { afterMs: 100 });
  queue.add('b', { afterMs: 200 });
  await clock.advance(1000);
  assert.deepEqual(await drain(), ['a', 'b', 'c']);
});

test('takes the earlier of two times', async () => {
  const { clock, queue, given, take } = aQueue();
  queue.add('a', { afterMs: 1000 });
  queue.add('a', { afterMs: 10 });
  queue.add('a', { afterMs: 500 });
  take();
  take();
  await clock.advance(10);
  assert.deepEqual(given, ['a']);
  queue.done('a');
  await clock.advance(10_000);
  assert.deepEqual(given, ['a']);
});

test('brings a delayed key forward when it is added without delay', async () => {
  const { clock, queue, drain } = aQueue();
  queue.add('a', { afterMs: 1000 });
  queue.add('a');
  assert.deepEqual(await drain(), ['a']);
  await clock.advance(2000);
  assert.deepEqual(await drain(), ['a']);
});

test('lets the delay run while a worker has the key', async () => {
  const { clock, queue, given, take } = aQueue();
  queue.add('a');
  take();
  await clock.settle();
  queue.add('a', { afterMs: 100 });
  take();
  await clock.advance(60);
  queue.done('a');
  await clock.advance(39);
  assert.deepEqual(given, ['a']);
  await clock.advance(1);
  assert.deepEqual(given, ['a', 'a']);
});

test('has one timer, whatever the number of delayed keys', async () => {
  const { clock, queue } = aQueue();
  for (let i = 0; i < 100; i++) queue.add(`key-${i}`, { afterMs: 1000 - i });
  assert.equal(clock.timers, 1);
  await clock.advance(950);
  assert.equal(clock.timers, 1);
  await clock.advance(1000);
  assert.equal(clock.timers, 0);
});

test('delays a key longer with every failure, until it is forgotten', async () => {
  const { queue } = aQueue();
  assert.equal(queue.addRateLimited('a'), 5);
  assert.equal(queue.addRateLimited('a'), 10);
  assert.equal(queue.addRateLimited('a'), 20);
  assert.equal(queue.addRateLimited('b'), 5);
  queue.forget('a');
  assert.equal(queue.addRateLimited('a'), 5);
});

test('retries with the priority that it is told', async () => {
  const { clock, queue, drain } = aQueue();
  queue.addRateLimited('backlog', { priority: backlogPriority });
  await clock.advance(5);
  queue.add('change');
  assert.deepEqual(await drain(), ['change', 'backlog']);
});

test('ends every wait and takes nothing more when it is shut down', async () => {
  const { clock, queue, given, take } = aQueue();
  queue.add('a');
  take();
  await clock.settle();
  queue.add('a');
  queue.add('late', { afterMs: 10 });
  take();
  queue.shutDown();
  queue.add('b');
  queue.done('a');
  take();
  await clock.advance(1000);
  assert.deepEqual(given, ['a', 'shut down', 'shut down']);
  assert.equal(clock.timers, 0);
});

test('can be shut down before anything was added', async () => {
  const { clock, queue, given, take } = aQueue();
  queue.shutDown();
  take();
  await clock.settle();
  assert.deepEqual(given, ['shut down']);
});

test('refuses to take back a key that no worker has', () => {
  const { queue } = aQueue();
  queue.add('a');
  assert.throws(() => queue.done('a'), { message: 'Cannot give back key "a": no worker has it' });
});

test('counts what is ready by priority, and how long workers have had their keys', async () => {
  const { clock, queue, take } = aQueue();
  queue.add('a');
  queue.add('b');
  queue.add('c', { priority: backlogPriority });
  queue.add('d', { priority: backlogPriority });
  queue.add('later', { afterMs: 60_000 });
  take();
  await clock.advance(500);
  take();
  await clock.advance(1000);
  assert.deepEqual(queue.depths(), new Map([[backlogPriority, 2]]));
  assert.deepEqual(queue.unfinishedSeconds(), [1.5, 1]);
});

test('tells its observer what client-go counts', async () => {
  const told: string[] = [];
  const { clock, queue, take } = aQueue({
    observer: {
      onAdd: () => told.push('add'),
      onRetry: () => told.push('retry'),
      onGet: (seconds) => told.push(`get after ${seconds} s`),
      onDone: (seconds) => told.push(`done after ${seconds} s`),
    },
  });
  const expectTold = (...expected: string[]) => assert.deepEqual(told.splice(0), expected);

  queue.add('a');
  queue.add('a', { priority: 1 });
  expectTold('add');
  await clock.advance(2000);
  take();
  await clock.settle();
  expectTold('get after 2 s');
  queue.add('a', { afterMs: 1000 });
  expectTold('retry');
  await clock.advance(3000);
  queue.done('a');
  expectTold('done after 3 s', 'add');
  take();
  await clock.settle();
  expectTold('get after 2 s');
  queue.done('a');
  queue.add('a', { afterMs: 1000 });
  queue.add('a', { afterMs: 1000, priority: 1 });
  expectTold('done after 0 s', 'retry', 'retry');
  await clock.advance(1000);
  expectTold('add');
});

test('waits at least as long as a failure asks', () => {
  const { queue } = aQueue();
  assert.equal(queue.addRateLimited('a', { atLeastMs: 1000 }), 1000);
  assert.equal(queue.addRateLimited('a'), 10);
});

test('lets news of a failed key wait as long as the failure asks, but not longer than its back-off', async () => {
  const { queue, clock, given, drain } = aQueue();
  queue.addRateLimited('asked', { atLeastMs: 1000 });
  queue.addRateLimited('failed');
  queue.add('asked');
  queue.add('failed');
  assert.deepEqual(await drain(), ['failed']);
  await clock.advance(999);
  assert.deepEqual(given, ['failed']);
  await clock.advance(1);
  assert.deepEqual(given, ['failed', 'asked']);
});

test('lets news that came while a worker had the key wait as well', async () => {
  const { queue, clock, given, take } = aQueue();
  queue.add('a');
  take();
  await clock.settle();
  queue.add('a');
  queue.addRateLimited('a', { atLeastMs: 1000 });
  queue.done('a');
  take();
  await clock.advance(999);
  assert.deepEqual(given, ['a']);
  await clock.advance(1);
  assert.deepEqual(given, ['a', 'a']);
});

test('has no reason to wait once a failed key is forgotten', async () => {
  const { queue, drain } = aQueue();
  queue.addRateLimited('a', { atLeastMs: 1000 });
  queue.forget('a');
  queue.add('a');
  assert.deepEqual(await drain(), ['a']);
});

test('lets a key with patience be overtaken by all that come within it, and by three of the others', async () => {
  const { queue, clock, drain } = aQueue();
  queue.add('patient', { patienceMs: 250 });
  queue.add('also patient', { patienceMs: 260 });
  await clock.advance(249);
  for (const key of ['a', 'b', 'c', 'd']) queue.add(key);
  await clock.advance(20);
  for (const key of ['e', 'f', 'g', 'h', 'i', 'j', 'k']) queue.add(key);
  const order = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'patient', 'h', 'i', 'j', 'also patient', 'k'];
  assert.deepEqual(await drain(), order);
});

test('takes a key out of those with patience when it is added without, also when its patience is over', async () => {
  const { queue, clock, drain } = aQueue();
  for (const key of ['a', 'b', 'c']) queue.add(key, { patienceMs: 10 });
  await clock.advance(1000);
  queue.add('c');
  queue.add('d');
  assert.deepEqual(await drain(), ['c', 'd', 'a', 'b']);
});

test('lets a key with patience go before a lower priority, and after a higher one', async () => {
  const { queue, drain } = aQueue();
  queue.add('low', { priority: -100 });
  queue.add('patient', { patienceMs: 250 });
  queue.add('high', { priority: 1 });
  assert.deepEqual(await drain(), ['high', 'patient', 'low']);
});

test('takes the least of two patiences', async () => {
  const { queue, drain } = aQueue();
  queue.add('a', { patienceMs: 250 });
  queue.add('b', { patienceMs: 100 });
  queue.add('a', { patienceMs: 50 });
  queue.add('a', { patienceMs: 500 });
  assert.deepEqual(await drain(), ['a', 'b']);
});

test('brings forward what failed, and nothing else, when asked to retry', async () => {
  const { queue, drain } = aQueue();
  queue.addRateLimited('failed', { atLeastMs: 60_000 });
  queue.add('later', { afterMs: 60_000 });
  queue.addRateLimited('mended', { atLeastMs: 60_000 });
  queue.forget('mended');
  queue.retryFailed();
  assert.deepEqual(await drain(), ['failed']);
});
