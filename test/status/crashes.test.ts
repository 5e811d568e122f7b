import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClariveDaemonStatus } from '../../src/api/clarive-daemon.ts';
import { look, verdict } from './look.ts';
import {
  aPod,
  at,
  backingOff,
  exit,
  exited,
  running,
  startError,
  type RawContainer,
  type RawPodOptions,
} from './observed-builders.ts';

/** What a pod shows at a second, and whether the operator looks away. */
type Step = [second: number, container: RawContainer, pod?: RawPodOptions];

/** The crashes that are counted after each step, when every status is written. */
function count(...steps: Step[]): number[] {
  let before: ClariveDaemonStatus | undefined;
  return steps.map(([second, container, pod]) => {
    before = look({ second, pods: [aPod({ ...pod, container })], ...(before && { before }) }).status;
    return before.pod?.crashes ?? -1;
  });
}

test('counts each crash once, though the kubelet shows it in several ways', () => {
  const first = exit(3, at(0), at(10));
  const second = exit(3, at(11), at(20));
  assert.deepEqual(
    count(
      [0, running(at(0))],
      [10, exited(first)],
      [11, running(at(11), { after: first })],
      [20, exited(second, { restartCount: 1, lastState: { terminated: first } })],
      [21, backingOff(second, { restartCount: 1 })],
      [30, running(at(30), { after: second, restartCount: 2 })],
    ),
    [0, 1, 1, 2, 2, 2],
  );
});

test('counts two crashes within one second', () => {
  const crash = exit(1, at(5), at(5));
  assert.deepEqual(
    count(
      [5, exited(crash)],
      [6, exited(crash, { restartCount: 1 })],
      [7, backingOff(crash, { restartCount: 1 })],
    ),
    [1, 2, 2],
  );
});

test('does not count a restart that has not happened', () => {
  const crash = exit(1, at(0), at(5));
  const created = { restartCount: 1, state: { waiting: {} }, lastState: { terminated: crash } };
  assert.deepEqual(count([5, exited(crash)], [6, created], [7, running(at(7), { after: crash })]), [1, 1, 1]);
});

test('counts on from a status that says nothing of restarts', () => {
  const before = { ...look().status, pod: { name: 'purge-1' } };
  const pods = [aPod({ container: exited(exit(1, at(0), at(5))) })];
  assert.equal(look({ pods, before }).status.pod?.crashes, 1);
});

test('a clean exit ends the row', () => {
  assert.deepEqual(
    count([5, exited(exit(1, at(0), at(5)))], [30, exited(exit(0, at(20), at(30)), { restartCount: 1 })]),
    [1, 0],
  );
});

test('a failure after a long run is no crash', () => {
  assert.deepEqual(count([700, exited(exit(1, at(0), at(600)))]), [0]);
  assert.deepEqual(count([700, exited(exit(1, at(0), at(599)))]), [1]);
});

test('ten minutes of continuous run end the row', () => {
  const crash = exit(1, at(0), at(5));
  const container = running(at(6), { after: crash });
  assert.deepEqual(count([5, exited(crash)], [605, container], [606, container]), [1, 1, 0]);
});

test('a new pod begins a new row', () => {
  const again = exited(exit(1, at(20), at(25)), { restartCount: 1 });
  const anew = exited(exit(1, at(50), at(55)));
  assert.deepEqual(
    count(
      [5, exited(exit(1, at(0), at(5)))],
      [25, again],
      [60, anew, { name: 'purge-2', createdAt: at(50) }],
    ),
    [1, 2, 1],
  );
});

test('a daemon that is killed by the end of its pod has not crashed', () => {
  assert.deepEqual(count([5, exited(exit(143, at(0), at(5)), {}), { deleting: true }]), [0]);
});

test('a container that never started has not crashed', () => {
  const error = startError('no such file', at(5));
  assert.deepEqual(count([5, exited(error)]), [0]);
  assert.deepEqual(count([5, exited({ ...error, startedAt: null })]), [0]);
});

test('an exit that nobody saw, such as that of a rebooted node, is no crash', () => {
  const unknown = { exitCode: 137, reason: 'ContainerStatusUnknown', startedAt: null, finishedAt: null };
  assert.deepEqual(count([5, exited(unknown)]), [0]);
});

test('a failure whose start is not known counts as a crash', () => {
  assert.deepEqual(count([5, exited({ ...exit(3, at(0), at(5)), startedAt: null })]), [1]);
});

test('counts crashes that were missed while the operator was away', () => {
  assert.deepEqual(
    count(
      [5, exited(exit(1, at(0), at(5)))],
      [300, backingOff(exit(1, at(290), at(295)), { restartCount: 4 })],
    ),
    [1, 5],
  );
  assert.deepEqual(count([300, backingOff(exit(1, at(290), at(295)), { restartCount: 4 })]), [5]);
});

test('does not take recycles that were missed while the operator was away for crashes', () => {
  const days = 3 * 24 * 3600;
  const crash = exit(1, at(days - 60), at(days));
  assert.deepEqual(count([5, running(at(0))], [days, backingOff(crash, { restartCount: 20 })]), [0, 1]);
});

test('a daemon that dies every five minutes does not flap once it is called crash looping', () => {
  const period = 300;
  const steps = Array.from({ length: 8 }, (_, nth): Step[] => {
    const end = (nth + 1) * period;
    const last = exit(1, at(end - period + 1), at(end));
    return [
      [end, exited(last, { restartCount: nth })],
      [end + 1, running(at(end + 1), { after: last, restartCount: nth + 1 })],
    ];
  }).flat();
  let before: ClariveDaemonStatus | undefined;
  const verdicts = steps.map(([second, container]) => {
    before = look({ second, pods: [aPod({ container })], ...(before && { before }) }).status;
    return verdict(before);
  });
  assert.deepEqual(verdicts.slice(0, 4), [
    'Starting Reconciling',
    'Running Ready Active',
    'Starting Reconciling',
    'Running Ready Active',
  ]);
  assert.deepEqual(
    new Set(verdicts.slice(4)),
    new Set(['CrashLooping Stalled', 'CrashLooping Stalled Active']),
  );
});

test('a service that ends by itself at once is first Starting, then Stalled, and does not flap', () => {
  let before: ClariveDaemonStatus | undefined;
  const verdicts = [1, 2, 12, 32, 72, 152, 312, 612, 912].flatMap((second, nth) => {
    const last = exit(0, at(second), at(second + 1));
    const steps: Step[] = [
      [second, running(at(second), { ...(nth > 0 && { after: exit(0, at(0), at(1)) }), restartCount: nth })],
      [second + 1, exited(last, { restartCount: nth })],
    ];
    return steps.map(([now, container]) => {
      before = look({ second: now, pods: [aPod({ container })], ...(before && { before }) }).status;
      return verdict(before).replace(' Active', '');
    });
  });
  const changes = verdicts.filter((verdict, nth) => verdict !== verdicts[nth - 1]);
  assert.deepEqual(changes, [
    'Running Ready',
    'Starting Reconciling',
    'Running Ready',
    'Starting Reconciling',
    'Running Ready',
    'Starting Reconciling',
    'Starting Stalled',
  ]);
});

test('asks to be looked at again when ten minutes of run will have ended the row', () => {
  const pods = [aPod({ container: running(at(30), { after: exit(1, at(0), at(20)) }) })];
  assert.equal(look({ pods, second: 60 }).recheckAfterMs, 570_000);
  assert.equal(look({ pods, second: 625 }).recheckAfterMs, 5000);
  assert.equal(look({ pods, second: 630 }).recheckAfterMs, undefined);
});
