import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deploymentsOf, observeMountFailure } from '../../src/status/mounts.ts';
import { withRemedy } from '../../src/status/remedies.ts';
import { look, messageOf, verdict } from './look.ts';
import {
  aMountFailure,
  aPod,
  at,
  exit,
  exited,
  rawMountFailure,
  running,
  setUpFailed,
  waiting,
  type MountFailureOptions,
  type RawPodOptions,
} from './observed-builders.ts';

const missing = setUpFailed('conf', 'configmap "settings" not found');
const words = 'The daemon can\'t be started: volume "conf": configmap "settings" not found';
const told = withRemedy('MissingReference', words);

/** What is said of a pod about which the kubelet has told these failures. */
function say(failures: [message: string, options?: MountFailureOptions][], options: RawPodOptions = {}) {
  const pods = [aPod({ phase: 'Pending', container: waiting('ContainerCreating'), ...options })];
  const mountFailures = failures.map(([message, more]) => aMountFailure(message, more));
  return (second = 60) => look({ pods, mountFailures, second });
}

test('of an Event is kept whom it is about, its words and when they were last told', () => {
  assert.deepEqual(observeMountFailure(rawMountFailure(missing)), {
    key: 'clarive/purge-1.18ea7ea8',
    uid: 'uid-of-event',
    resourceVersion: '9',
    pod: 'clarive/purge-1',
    podUid: 'uid-of-purge-1',
    message: missing,
    toldAt: at(58),
  });
});

test('an Event without anything that may be absent', () => {
  assert.deepEqual(observeMountFailure({ metadata: { name: 'e' }, involvedObject: {} }), {
    key: '/e',
    uid: '',
    resourceVersion: '',
    pod: '/',
    podUid: '',
    message: '',
    toldAt: '',
  });
});

test('an Event tells its time in one of four fields', () => {
  const metadata = { name: 'e', creationTimestamp: at(1) };
  const times = [
    {},
    { eventTime: at(2) },
    { eventTime: at(2), lastTimestamp: at(3) },
    { eventTime: at(2), lastTimestamp: at(3), series: { lastObservedTime: at(4) } },
    { eventTime: null, lastTimestamp: null, series: null },
  ].map((time) => observeMountFailure({ metadata, involvedObject: {}, ...time }).toldAt);
  assert.deepEqual(times, [at(1), at(2), at(3), at(4), at(1)]);
});

test('the name of a pod tells of which Deployments it may be', () => {
  const rows: [pod: string, deployment: string][] = [
    ['purge-5d8f7c9b8-x2x4z', 'purge'],
    ['root-cause-5d8f7c9b8-x2x4z', 'root-cause'],
    [`${'d'.repeat(46)}-5d8f7c9b8d-x2x4z`, 'd'.repeat(46)],
    [`${'d'.repeat(47)}-5d8f7c9b8dx2x4z`, 'd'.repeat(47)],
    [`${'d'.repeat(57)}-x2x4z`, 'd'.repeat(57)],
  ];
  for (const [pod, deployment] of rows)
    assert.ok(deploymentsOf(`clarive/${pod}`).includes(`clarive/${deployment}`), pod);
  assert.deepEqual(deploymentsOf('clarive/pod'), ['clarive/', 'clarive/']);
});

test('what was told of another pod, or of an earlier one of this name, says nothing', () => {
  const failures = [
    aMountFailure(missing, { pod: 'purge-2' }),
    { ...aMountFailure(missing), podUid: 'earlier' },
  ];
  const pods = [aPod({ phase: 'Pending', container: waiting('ContainerCreating') })];
  assert.equal(messageOf(look({ pods, mountFailures: failures }).status), 'Pod purge-1 is starting');
});

test('is over as soon as the pod has its volumes, or the daemon has started', () => {
  const over: RawPodOptions[] = [
    { sandboxReady: true },
    { container: running(at(59), { ready: false }) },
    { container: exited(exit(0, at(58), at(59))) },
  ];
  assert.equal(messageOf(say([[missing]])().status), told);
  for (const options of over) assert.notEqual(messageOf(say([[missing]], options)().status), told);
});

test('stands although it is told only now and then, and is over when the kubelet has been silent for long enough', () => {
  const sayAt = say([[missing, { toldAt: at(100) }]]);
  const standing = sayAt(579);
  assert.deepEqual([messageOf(standing.status), standing.recheckAfterMs], [told, 1000]);
  assert.equal(verdict(sayAt(580).status), 'Starting Reconciling');
});

test('of one volume the last words count, and of several all that stands', () => {
  const other = setUpFailed('key', 'secret "ssh" not found');
  const sayAt = say([
    [missing, { toldAt: at(300) }],
    [setUpFailed('conf', 'configmap references non-existent config key: A'), { toldAt: at(10) }],
    [other, { toldAt: at(200) }],
  ]);
  const first = sayAt(301);
  const both = withRemedy('MissingReference', `${words}; volume "key": secret "ssh" not found`);
  assert.equal(messageOf(first.status), both);
  assert.equal(first.recheckAfterMs, 379_000);
  assert.equal(messageOf(sayAt(680).status), told);
});

test('is no news when it is told again', () => {
  const pods = [aPod({ phase: 'Pending', container: waiting('ContainerCreating') })];
  const before = look({ pods, mountFailures: [aMountFailure(missing)] }).status;
  const again = look({
    pods,
    mountFailures: [aMountFailure(missing, { toldAt: at(120) })],
    before,
    second: 121,
  });
  assert.deepEqual(again.status, before);
});

test('the deadline of progress goes on under it', () => {
  const pods = [aPod({ phase: 'Pending', container: waiting('ContainerCreating') })];
  const before = look({ pods, mountFailures: [aMountFailure(missing)] }).status;
  const mountFailures = [aMountFailure(missing, { toldAt: at(659) })];
  assert.equal(
    verdict(look({ pods, mountFailures, before, second: 660 }).status),
    'MissingReference Stalled',
  );
});
