import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import {
  Controller,
  type ControllerOptions,
  type Outcome,
  type Result,
} from '../../src/controller/controller.ts';
import { backlogPriority } from '../../src/controller/work-queue.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

/** Asks for 7 s of peace. */
class BusyError extends Error {}

type Reconcile = ControllerOptions<string>['reconcile'];

/** A controller without jitter, the visits that it made (with the time in ms), and what it logged and counted. */
function aController({
  reconcile = () => Promise.resolve({}),
  workers,
}: { reconcile?: Reconcile; workers?: number } = {}) {
  const clock = new VirtualClock();
  const visits: string[] = [];
  const lines: Record<string, unknown>[] = [];
  const outcomes: string[] = [];
  const controller = new Controller<string>({
    reconcile: async (key, signal) => {
      visits.push(`${key} at ${clock.monotonic()}`);
      return await reconcile(key, signal);
    },
    retryAfterMs: (error) => (error instanceof BusyError ? 7000 : undefined),
    logger: pino({ base: null, timestamp: false }, { write: (line) => lines.push(JSON.parse(line)) }),
    clock,
    random: () => 0,
    ...(workers !== undefined && { workers }),
    observer: {
      onAdd: () => {},
      onRetry: () => {},
      onGet: () => {},
      onDone: () => {},
      onReconcile: (outcome: Outcome, seconds: number) => outcomes.push(`${outcome} after ${seconds} s`),
    },
  });
  return { controller, clock, visits, lines, outcomes };
}

/** A reconcile that takes as long as the test wants. */
function aSlowReconcile() {
  const running = new Map<string, { finish: (result: Result) => void; signal: AbortSignal }>();
  const reconcile: Reconcile = (key, signal) =>
    new Promise((resolve, reject) => {
      running.set(key, { finish: resolve, signal });
      signal.addEventListener('abort', () => reject(new Error('Aborted')));
    });
  return { running, reconcile };
}

test('keeps keys until it is started', async () => {
  const { controller, clock, visits } = aController();
  controller.enqueue('a');
  await clock.advance(1000);
  assert.deepEqual(visits, []);
  controller.start();
  await clock.settle();
  assert.deepEqual(visits, ['a at 1000']);
});

test('visits fresh changes before the backlog', async () => {
  const { controller, clock, visits } = aController({ workers: 1 });
  controller.enqueue('backlog', { priority: backlogPriority });
  controller.enqueue('change');
  controller.start();
  await clock.settle();
  assert.deepEqual(visits, ['change at 0', 'backlog at 0']);
});

test('visits a key once when nothing more is wanted', async () => {
  const { controller, clock, visits, lines, outcomes } = aController();
  controller.start();
  controller.enqueue('a');
  await clock.advance(3_600_000);
  assert.deepEqual(visits, ['a at 0']);
  assert.deepEqual(outcomes, ['success after 0 s']);
  assert.deepEqual(lines, []);
});

test('visits a key again after the time that the result asks for', async () => {
  const { controller, clock, visits, outcomes } = aController({
    reconcile: () => Promise.resolve(visits.length === 1 ? { requeueAfterMs: 30_000 } : {}),
  });
  controller.start();
  controller.enqueue('a');
  await clock.advance(3_600_000);
  assert.deepEqual(visits, ['a at 0', 'a at 30000']);
  assert.deepEqual(outcomes, ['requeue_after after 0 s', 'success after 0 s']);
});

test('tries a failed key again, later each time, and logs every failure once', async () => {
  const { controller, clock, visits, lines, outcomes } = aController({
    reconcile: () => (visits.length <= 3 ? Promise.reject(new Error('No route')) : Promise.resolve({})),
  });
  controller.start();
  controller.enqueue('a');
  await clock.advance(3_600_000);
  assert.deepEqual(visits, ['a at 0', 'a at 5', 'a at 15', 'a at 35']);
  assert.equal(outcomes.filter((outcome) => outcome.startsWith('error')).length, 3);
  assert.deepEqual(
    lines.map(({ level, msg, key, retryInMs, err }) => [level, msg, key, retryInMs, (err as Error).message]),
    [5, 10, 20].map((retryInMs) => [40, 'Reconcile failed, retrying', 'a', retryInMs, 'No route']),
  );
});

test('waits at least as long as the failure asks', async () => {
  const { controller, clock, visits } = aController({
    reconcile: () => (visits.length <= 2 ? Promise.reject(new BusyError()) : Promise.resolve({})),
  });
  controller.start();
  controller.enqueue('a');
  await clock.advance(3_600_000);
  assert.deepEqual(visits, ['a at 0', 'a at 7000', 'a at 14000']);
});

test('starts from the shortest delay again after a success', async () => {
  const { controller, clock, visits } = aController({
    reconcile: () => (visits.length === 3 ? Promise.resolve({}) : Promise.reject(new Error('No route'))),
  });
  controller.start();
  controller.enqueue('a');
  await clock.advance(1000);
  controller.enqueue('a');
  await clock.advance(5);
  assert.deepEqual(visits, ['a at 0', 'a at 5', 'a at 15', 'a at 1000', 'a at 1005']);
});

test('tries a failed key of the backlog again with the priority of the backlog', async () => {
  const { controller, clock, visits } = aController({
    reconcile: (key) => {
      if (key === 'long') return new Promise((resolve) => clock.setTimeout(() => resolve({}), 100));
      return visits.length === 1 ? Promise.reject(new Error('No route')) : Promise.resolve({});
    },
    workers: 1,
  });
  controller.enqueue('backlog', { priority: backlogPriority });
  controller.start();
  await clock.settle();
  controller.enqueue('long');
  await clock.advance(50);
  controller.enqueue('change');
  await clock.advance(50);
  assert.deepEqual(visits, ['backlog at 0', 'long at 0', 'change at 100', 'backlog at 100']);
});

test('treats a throw before the first await like any other error', async () => {
  const { controller, clock, visits } = aController({
    reconcile: () => {
      if (visits.length === 1) throw new TypeError('Cannot read properties of undefined');
      return Promise.resolve({});
    },
  });
  controller.start();
  controller.enqueue('a');
  await clock.advance(1000);
  assert.deepEqual(visits, ['a at 0', 'a at 5']);
});

test('runs as many reconciles at once as it has workers, never two for one key', async () => {
  const { running, reconcile } = aSlowReconcile();
  const { controller, clock, visits } = aController({ reconcile, workers: 2 });
  controller.start();
  for (const key of ['a', 'b', 'c']) controller.enqueue(key);
  await clock.settle();
  controller.enqueue('a');
  await clock.settle();
  assert.deepEqual([...running.keys()], ['a', 'b']);
  running.get('b')?.finish({});
  await clock.settle();
  assert.deepEqual(visits, ['a at 0', 'b at 0', 'c at 0']);
  running.get('a')?.finish({});
  await clock.settle();
  assert.deepEqual(visits, ['a at 0', 'b at 0', 'c at 0', 'a at 0']);
});

test('has 16 workers unless told otherwise', async () => {
  const { running, reconcile } = aSlowReconcile();
  const { controller, clock } = aController({ reconcile });
  controller.start();
  for (let i = 0; i < 100; i++) controller.enqueue(`key-${i}`);
  await clock.settle();
  assert.equal(running.size, 16);
});

test('stops at once when nothing runs', async () => {
  const { controller, clock, visits } = aController();
  controller.start();
  assert.equal(await controller.stop(10_000), true);
  controller.enqueue('a');
  await clock.settle();
  assert.deepEqual(visits, []);
  assert.equal(clock.timers, 0);
});

test('waits for the reconciles that run when it stops, and hands out no more', async () => {
  const { running, reconcile } = aSlowReconcile();
  const { controller, clock, visits } = aController({ reconcile, workers: 1 });
  controller.start();
  controller.enqueue('a');
  controller.enqueue('b');
  await clock.settle();
  const stopped = controller.stop(10_000);
  await clock.advance(9_999);
  assert.equal(running.get('a')?.signal.aborted, false);
  running.get('a')?.finish({ requeueAfterMs: 1 });
  assert.equal(await stopped, true);
  await clock.advance(1000);
  assert.deepEqual(visits, ['a at 0']);
});

test('aborts what still runs at the deadline of a stop, and does not call that a failure', async () => {
  const { running, reconcile } = aSlowReconcile();
  const { controller, clock, lines } = aController({ reconcile });
  controller.start();
  controller.enqueue('a');
  await clock.settle();
  const stopped = controller.stop(10_000);
  await clock.advance(10_000);
  assert.equal(await stopped, false);
  await clock.advance(1000);
  assert.equal(running.get('a')?.signal.aborted, true);
  assert.deepEqual(lines, []);
});
