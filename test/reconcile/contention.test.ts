import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClariveDaemonSpec } from '../../src/api/clarive-daemon.ts';
import type { ObjectKey } from '../../src/api/object-key.ts';
import { aDaemon, aDispatcher } from '../support/builders.ts';
import { at } from '../status/observed-builders.ts';
import { Scene } from './scene.ts';

/** Daemons of one service, created one second after the other. */
function aScene(...daemons: (Partial<ClariveDaemonSpec> & { name: string; namespace?: string })[]) {
  const scene = new Scene();
  const keys = daemons.map(({ name, namespace = 'clarive', ...spec }, index) =>
    scene.cluster.putDaemon(
      aDaemon({ ...spec, metadata: { name, namespace, creationTimestamp: at(index) } }),
    ),
  );
  const settle = async () => {
    for (let round = 0; round < 3; round++) for (const key of keys) await scene.settle(key);
  };
  const verdicts = () => keys.map((key) => scene.verdict(key).split(' ')[0]);
  return { scene, cluster: scene.cluster, keys: keys as [ObjectKey, ObjectKey], settle, verdicts };
}

test('of two daemons of a singleton service the earlier runs, whichever is visited first', async () => {
  for (const first of [0, 1] as const) {
    const { scene, keys, settle, verdicts } = aScene({ name: 'b' }, { name: 'a' });
    await scene.visit(keys[first]);
    await settle();
    assert.deepEqual(verdicts(), ['Running', 'Conflict']);
    assert.equal(scene.cluster.children.has('clarive/a'), false);
    assert.equal(
      scene.message('clarive/a'),
      'One service.purge.daemon is all that an installation may run, and the ClariveDaemon "b" goes before: ' +
        'stop or delete one of the two. When the other has ended, this one starts',
    );
  }
});

test('of two that were created in the same second the first by name runs', async () => {
  const { cluster, settle, verdicts } = aScene({ name: 'b' }, { name: 'a' });
  for (const daemon of cluster.daemons.values()) daemon.metadata.creationTimestamp = at(0);
  await settle();
  assert.deepEqual(verdicts(), ['Conflict', 'Running']);
});

test('one that runs keeps on running when an earlier one wants to', async () => {
  const { cluster, keys, settle, verdicts } = aScene({ name: 'a', replicas: 0 }, { name: 'b' });
  await settle();
  assert.deepEqual(verdicts(), ['Stopped', 'Running']);
  cluster.editDaemon(keys[0], { replicas: 1 });
  await settle();
  assert.deepEqual(verdicts(), ['Conflict', 'Running']);
});

test('the other starts when the last pod of the first is gone, and not before', async () => {
  const { scene, cluster, keys, settle, verdicts } = aScene({ name: 'a' }, { name: 'b' });
  await settle();
  cluster.editDaemon(keys[0], { replicas: 0 });
  await scene.visit(keys[0]);
  cluster.runControllers(keys[0]);
  await scene.visitUntilWritten(keys[1]);
  assert.equal(scene.verdict(keys[1]), 'WaitingForOldPod Reconciling');
  assert.match(
    scene.message(keys[1]),
    /^Waiting for pod a-\d+ of the ClariveDaemon "a" on node node-a to end/,
  );
  await settle();
  assert.deepEqual(verdicts(), ['Stopped', 'Running']);
});

test('the other waits for what a deleted daemon has left', async () => {
  const { scene, cluster, keys, settle } = aScene({ name: 'a' }, { name: 'b' });
  await settle();
  cluster.deleteDaemon(keys[0]);
  cluster.collectGarbage(keys[0]);
  await scene.visitUntilWritten(keys[1]);
  assert.equal(scene.verdict(keys[1]), 'WaitingForOldPod Reconciling');
  assert.match(scene.message(keys[1]), /of the deleted ClariveDaemon "a"/);
  cluster.runKubelet(keys[0]);
  await scene.settle(keys[1]);
  assert.equal(scene.verdict(keys[1]), 'Running Ready Active');
});

test('of two that run, as when they come into one installation, the later is stopped', async () => {
  const { scene, cluster, keys, settle, verdicts } = aScene(
    { name: 'a' },
    { name: 'b', dispatcherRef: { name: 'main' } },
  );
  cluster.putDispatcher(aDispatcher());
  await settle();
  assert.deepEqual(verdicts(), ['Running', 'Running']);
  cluster.editDaemon(keys[0], { dispatcherRef: { name: 'main' } });
  await settle();
  assert.deepEqual(verdicts(), ['Running', 'Conflict']);
  assert.equal(cluster.child(keys[1])?.replicas, 0);
  await scene.settle(keys[0]);
});

test('a paused one that loses is told so and left alone', async () => {
  const { scene, cluster, keys, settle, verdicts } = aScene(
    { name: 'a' },
    { name: 'b', dispatcherRef: { name: 'main' } },
  );
  cluster.putDispatcher(aDispatcher());
  await settle();
  cluster.editDaemon(keys[1], { paused: true });
  cluster.editDaemon(keys[0], { dispatcherRef: { name: 'main' } });
  await settle();
  assert.deepEqual(verdicts(), ['Running', 'Conflict']);
  assert.match(scene.message(keys[1]), /of the two\. This one runs on only because spec\.paused is true$/);
  assert.equal(cluster.child(keys[1])?.replicas, 1);
});

const together: [
  what: string,
  ...daemons: (Partial<ClariveDaemonSpec> & { name: string; namespace?: string })[],
][] = [
  ['in several namespaces', { name: 'a' }, { name: 'b', namespace: 'other' }],
  ['under several dispatchers', { name: 'a' }, { name: 'b', dispatcherRef: { name: 'main' } }],
  ['of several services', { name: 'a' }, { name: 'b', service: 'service.sem.daemon' }],
  [
    'of several ids, if their service allows it',
    { name: 'a', service: 'service.job.daemon' },
    { name: 'b', service: 'service.job.daemon' },
  ],
];

for (const [what, ...daemons] of together)
  test(`daemons run side by side ${what}`, async () => {
    const { cluster, settle, verdicts } = aScene(...daemons);
    cluster.putDispatcher(aDispatcher());
    await settle();
    assert.deepEqual(verdicts(), ['Running', 'Running']);
  });

test('two of one id contend, whatever their service is', async () => {
  for (const service of ['service.job.daemon', 'service.plugin']) {
    const { scene, settle, verdicts } = aScene({ name: 'a', service }, { name: 'b', service, id: 'a' });
    await settle();
    assert.deepEqual(verdicts(), ['Running', 'Conflict']);
    assert.ok(
      scene
        .message('clarive/b')
        .startsWith(
          `Only one ${service} may have the id "a", and the ClariveDaemon "a" goes before: stop or delete one`,
        ),
    );
  }
});

const unable: [what: string, ...daemon: Parameters<typeof aScene>][] = [
  ['is paused', { name: 'a', paused: true }, { name: 'b' }],
  ['has no valid spec', { name: 'a', config: { size: 2 ** 60 } }, { name: 'b' }],
];

for (const [what, ...daemons] of unable)
  test(`nobody waits for a daemon that shall run but does not because it ${what}; mended, it waits itself`, async () => {
    const { scene, cluster, keys, settle, verdicts } = aScene(...daemons);
    await settle();
    assert.equal(verdicts()[1], 'Running');
    cluster.editDaemon(keys[0], { paused: false, config: {} });
    await settle();
    assert.deepEqual(verdicts(), ['Conflict', 'Running']);
    assert.match(scene.message(keys[0]), /the ClariveDaemon "b" goes before/);
  });

test('nobody waits for a daemon whose Deployment is taken by somebody else', async () => {
  const { cluster, keys, settle, verdicts } = aScene(
    { name: 'a', replicas: 0 },
    { name: 'b', replicas: 0 },
  );
  await settle();
  const owner = { apiVersion: 'example.com/v1', kind: 'Stack', name: 'a', uid: 'x', controller: true };
  cluster.editChild(keys[0], (child) => {
    child.metadata.ownerReferences = [owner];
  });
  for (const key of keys) cluster.editDaemon(key, { replicas: 1 });
  await settle();
  assert.deepEqual(verdicts(), ['Conflict', 'Running']);
});

test('one that runs keeps on running while it is paused, and when its spec is no longer valid', async () => {
  for (const change of [{ paused: true }, { config: { size: 2 ** 60 } }]) {
    const { cluster, keys, settle, verdicts } = aScene({ name: 'a' }, { name: 'b' });
    await settle();
    cluster.editDaemon(keys[0], change);
    await settle();
    assert.equal(verdicts()[1], 'Conflict');
    assert.equal(cluster.child(keys[0])?.replicas, 1);
  }
});

test('the alias of a service is the same service', async () => {
  const { settle, verdicts } = aScene(
    { name: 'a', service: 'service.scheduler' },
    { name: 'b', service: 'service.schedule daemon' },
  );
  await settle();
  assert.deepEqual(verdicts(), ['Running', 'Conflict']);
});

test('of three the earliest that is left goes on', async () => {
  const { cluster, keys, settle, verdicts } = aScene({ name: 'a' }, { name: 'b' }, { name: 'c' });
  await settle();
  assert.deepEqual(verdicts(), ['Running', 'Conflict', 'Conflict']);
  cluster.editDaemon(keys[0], { replicas: 0 });
  await settle();
  assert.deepEqual(verdicts(), ['Stopped', 'Running', 'Conflict']);
});

test('a start while the stop is under way begins when the old pod has ended, unless its node is lost', async () => {
  for (const isLost of [false, true]) {
    const scene = new Scene();
    const { cluster } = scene;
    const key = await scene.settled();
    cluster.editDaemon(key, { replicas: 0 });
    await scene.visit(key);
    cluster.runControllers(key);
    if (isLost) cluster.editPod(key, { ready: false, containersReady: true });
    cluster.editDaemon(key, { replicas: 1 });
    await scene.visitUntilWritten(key);
    assert.equal(cluster.child(key)?.replicas, isLost ? 1 : 0);
    await scene.settle(key);
    assert.equal(scene.verdict(key), 'Running Ready Active');
  }
});
