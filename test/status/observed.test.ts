import assert from 'node:assert/strict';
import { test } from 'node:test';
import { originAnnotation } from '../../src/api/labels.ts';
import { observeDeployment, observePod } from '../../src/status/observed.ts';
import { aDaemon } from '../support/builders.ts';
import {
  aChild,
  aPod,
  at,
  exit,
  exited,
  rawDeployment,
  rawPod,
  running,
  waiting,
} from './observed-builders.ts';

test('a Deployment without anything that may be absent', () => {
  assert.deepEqual(observeDeployment({ metadata: { name: 'purge' } }, undefined), {
    key: '/purge',
    uid: '',
    resourceVersion: '',
    generation: 0,
    deleting: false,
    controller: undefined,
    selectsOwnPods: false,
    replicas: 1,
    paused: false,
    restartedAt: undefined,
    carries: undefined,
    origin: undefined,
    contents: undefined,
    observedGeneration: 0,
    currentReplicas: 0,
    updatedReplicas: 0,
    replicaFailure: undefined,
  });
});

test('the origin of a child, as it is written on it', () => {
  const metadata = { name: 'purge', annotations: { [originAnnotation]: 'own=1' } };
  assert.equal(observeDeployment({ metadata }, undefined).origin, 'own=1');
});

test('a pod without anything that may be absent', () => {
  assert.deepEqual(observePod({ metadata: { name: 'purge-1' } }), {
    key: '/purge-1',
    name: 'purge-1',
    uid: '',
    resourceVersion: '',
    daemon: '/',
    identity: '///',
    gates: [],
    template: undefined,
    node: undefined,
    createdAt: '',
    deleting: false,
    endsBy: undefined,
    finished: false,
    failure: undefined,
    ready: false,
    nodeLost: false,
    sandboxReady: false,
    unscheduled: undefined,
    container: undefined,
    companion: undefined,
  });
});

test('a container status without anything that may be absent', () => {
  const pod = observePod({
    metadata: { name: 'purge-1', namespace: 'clarive', labels: {} },
    status: {
      containerStatuses: [{ name: 'daemon' }],
      conditions: [{ type: 'PodScheduled', status: 'False' }],
    },
  });
  assert.deepEqual(pod.unscheduled, { reason: '', message: '' });
  assert.deepEqual(pod.container, {
    ready: false,
    restarts: 0,
    exits: 0,
    startedAt: undefined,
    waiting: undefined,
    lastExit: undefined,
  });
});

test('an exit without reason and times', () => {
  const { container } = aPod({ container: exited({ exitCode: 1 }) });
  assert.deepEqual(container?.lastExit, {
    code: 1,
    signal: undefined,
    reason: '',
    startedAt: '',
    finishedAt: '',
    startError: undefined,
  });
});

test('the termination message, which the daemon may fill with secrets, is not kept', () => {
  const pod = aPod({ container: exited({ ...exit(1, at(0), at(1)), message: 'password=hunter2' }) });
  assert.doesNotMatch(JSON.stringify(pod), /hunter2/);
});

test('a kubelet that pauses before a restart has counted one exit less than there were', () => {
  const after = exit(1, at(0), at(1));
  const exits = [
    running(at(2), { after }),
    exited(after, { restartCount: 1 }),
    waiting('CrashLoopBackOff', undefined, { after, restartCount: 1 }),
    { restartCount: 1, state: { waiting: {} }, lastState: { terminated: after } },
  ].map((container) => aPod({ container }).container?.exits);
  assert.deepEqual(exits, [1, 2, 2, 1]);
});

test('the controller of a Deployment is the owner that says so', () => {
  const purge = { kind: 'ClariveDaemon', name: 'purge', uid: 'uid-1' };
  const owners = [{ name: 'other' }, { ...purge, controller: true }];
  assert.deepEqual(aChild({ metadata: { ownerReferences: owners } }).controller, purge);
  assert.equal(aChild({ metadata: { ownerReferences: owners.slice(0, 1) } }).controller, undefined);
});

test('keeps when kubectl rollout restart was called', () => {
  const annotations = { 'kubectl.kubernetes.io/restartedAt': at(5), other: 'x' };
  const restarted = { ...rawDeployment(), spec: { template: { metadata: { annotations } } } };
  assert.equal(observeDeployment(restarted, undefined).restartedAt, at(5));
});

test('a Deployment selects our pods if its selector is exactly ours', () => {
  const own = { 'app.kubernetes.io/name': 'clarive-daemon', 'app.kubernetes.io/instance': 'purge' };
  const selects = (selector: object) =>
    observeDeployment({ ...rawDeployment(), spec: { selector } }, undefined).selectsOwnPods;
  assert.equal(selects({ matchLabels: own }), true);
  assert.equal(selects({ matchLabels: { ...own, tier: 'back' } }), false);
  assert.equal(selects({ matchLabels: { ...own, 'app.kubernetes.io/instance': 'email' } }), false);
  assert.equal(selects({ matchLabels: { ...own, 'app.kubernetes.io/name': 'app' } }), false);
  assert.equal(selects({ matchLabels: own, matchExpressions: [{ key: 'a', operator: 'Exists' }] }), false);
});

test('a projection is small: no list, and a few hundred bytes', () => {
  const pod = JSON.stringify(aPod());
  const child = JSON.stringify(aChild({ daemon: aDaemon() }));
  assert.ok(pod.length < 500, pod);
  assert.ok(child.length < 700, child);
  assert.ok(JSON.stringify(rawPod()).length > pod.length);
});

test('what the kubelet says of a pod that failed as a whole is kept, of others not', () => {
  assert.equal(
    aPod({ phase: 'Failed', reason: 'Evicted', message: 'low on memory' }).failure,
    'Evicted: low on memory',
  );
  assert.equal(aPod({ phase: 'Failed', reason: 'OutOfcpu' }).failure, 'OutOfcpu');
  assert.equal(aPod({ phase: 'Failed' }).failure, undefined);
  assert.equal(aPod({ phase: 'Running', reason: 'Odd' }).failure, undefined);
});
