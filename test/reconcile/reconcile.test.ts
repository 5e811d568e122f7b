import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RefusedError, type RefusalReason } from '../../src/reconcile/errors.ts';
import { aDaemon } from '../support/builders.ts';
import { at } from '../status/observed-builders.ts';
import { Scene } from './scene.ts';

test('creates the child of a new daemon', async () => {
  const scene = new Scene();
  const key = scene.cluster.putDaemon();
  assert.deepEqual(await scene.visitUntilWritten(key), ['create purge at 1', 'status purge Starting']);
  await scene.settle(key);
  assert.equal(scene.verdict(key), 'Running Ready Active');
});

test('creates the child of a daemon that is to be stopped with 0 replicas', async () => {
  const scene = new Scene();
  const key = scene.cluster.putDaemon(aDaemon({ replicas: 0 }));
  assert.deepEqual(await scene.visitUntilWritten(key), ['create purge at 0', 'status purge Stopped']);
});

test('stops and starts by scaling', async () => {
  const scene = new Scene();
  const key = await scene.settled();
  scene.cluster.editDaemon(key, { replicas: 0 });
  await scene.settle(key);
  scene.cluster.editDaemon(key, { replicas: 1 });
  await scene.settle(key);
  assert.deepEqual(scene.cluster.writes, [
    'scale purge to 0',
    'status purge Stopping',
    'status purge Stopped',
    'scale purge to 1',
    'status purge Starting',
    'status purge Running',
  ]);
  assert.deepEqual(scene.cluster.events, ['Normal Stopped', 'Normal Running']);
});

test('create, start and stop cost at most three writes, whatever steps Kubernetes takes', async () => {
  const scene = new Scene();
  const { cluster } = scene;
  const key = cluster.putDaemon();
  // The steps that the controllers and the kubelet were seen to take, in milliseconds, and a visit after each.
  const start: [number, () => void][] = [
    [15, () => cluster.runControllers(key)],
    [25, () => cluster.editPod(key, { container: null, node: null })],
    [10, () => cluster.editPod(key, { container: null, node: 'node-a' })],
    [40, () => cluster.editPod(key, { phase: 'Pending', container: creating })],
    [900, () => cluster.editPod(key, { phase: 'Pending', container: creating, init: [] })],
    [80, () => cluster.editPod(key, { phase: 'Running', container: notReady })],
    [3000, () => cluster.runKubelet(key)],
    [20, () => cluster.runControllers(key)],
  ];
  const stop: [number, () => void][] = [
    [15, () => cluster.runControllers(key)],
    [5000, () => cluster.editPod(key, { ready: false, phase: 'Failed' })],
    [60, () => cluster.runControllers(key)],
    [10, () => cluster.runKubelet(key)],
  ];
  const counts: string[][] = [];
  for (const [replicas, steps] of [
    [1, start],
    [0, stop],
    [1, start],
  ] as const) {
    cluster.writes = [];
    if (cluster.children.size > 0) cluster.editDaemon(key, { replicas });
    await scene.play(key, steps);
    counts.push(cluster.writes);
  }
  assert.deepEqual(counts, [
    ['create purge at 1', 'status purge Starting', 'status purge Running'],
    ['scale purge to 0', 'status purge Stopping', 'status purge Stopped'],
    ['scale purge to 1', 'status purge Starting', 'status purge Running'],
  ]);
});

const creating = { ready: false, state: { waiting: { reason: 'ContainerCreating' } } };
const notReady = { ready: false, state: { running: { startedAt: at(2) } } };

test('a changed image is applied', async () => {
  const scene = new Scene();
  const key = await scene.settled();
  scene.cluster.editDaemon(key, { image: 'clarive:8' });
  await scene.visit(key);
  assert.deepEqual(scene.cluster.writes, ['apply purge at 1']);
  await scene.settle(key);
  assert.equal(scene.verdict(key), 'Running Ready Active');
  assert.equal(scene.cluster.daemon(key)?.status?.image, 'clarive:8');
});

test('a second visit changes nothing, nor does a restart of the operator', async () => {
  const scene = new Scene();
  const key = await scene.settled();
  scene.nowMs += 3_600_000;
  scene.restartOperator();
  assert.deepEqual(await scene.visit(key), {});
  assert.deepEqual(scene.cluster.writes, []);
});

test('a child that was deleted by hand is created anew', async () => {
  const scene = new Scene();
  const key = await scene.settled();
  scene.cluster.deleteChild(key);
  await scene.settle(key);
  assert.equal(scene.cluster.writes[0], 'create purge at 1');
  assert.equal(scene.verdict(key), 'Running Ready Active');
});

test('drift is repaired, and what others added stays', async () => {
  const scene = new Scene();
  const key = await scene.settled();
  scene.cluster.editChild(key, (child) => {
    child.spec.replicas = 0;
    child.metadata.annotations = { ...child.metadata.annotations, team: 'blue' };
    child.spec.template.spec.enableServiceLinks = true;
  });
  await scene.visit(key);
  assert.deepEqual(scene.cluster.writes, ['apply purge at 1']);
  assert.equal(scene.cluster.children.get(key)?.metadata.annotations?.['team'], 'blue');
});

test('labels that the child has lost are brought back', async () => {
  for (const label of ['clarive.com/service', 'app.kubernetes.io/instance', 'app.kubernetes.io/name']) {
    const scene = new Scene();
    const key = await scene.settled();
    const labels = scene.cluster.children.get(key)?.metadata.labels;
    scene.cluster.editChild(key, (child) => delete child.metadata.labels?.[label]);
    await scene.settle(key);
    assert.deepEqual(scene.cluster.writes, ['apply purge at 1'], label);
    assert.deepEqual(scene.cluster.children.get(key)?.metadata.labels, labels);
  }
});

for (const replicas of [1, 0]) {
  test(`a child of replicas ${replicas} that has lost the label by which it is watched gets it back`, async () => {
    const scene = new Scene();
    const key = await scene.settled(aDaemon({ replicas }));
    const labels = scene.cluster.children.get(key)?.metadata.labels;
    scene.cluster.editChild(key, (child) => delete child.metadata.labels?.['app.kubernetes.io/managed-by']);
    assert.equal(scene.cluster.child(key), undefined);
    await assert.rejects(scene.visit(key), /^Error: It exists already/);
    await scene.settle(key);
    assert.deepEqual(scene.cluster.writes, [`create purge at ${replicas}`, `apply purge at ${replicas}`]);
    assert.deepEqual(scene.cluster.children.get(key)?.metadata.labels, labels);
  });
}

test('a restart by kubectl on the child is left', async () => {
  const scene = new Scene();
  const key = await scene.settled();
  scene.cluster.editChild(key, (child) => {
    child.spec.template.metadata.annotations = { 'kubectl.kubernetes.io/restartedAt': at(99) };
  });
  await scene.settle(key);
  assert.deepEqual(
    scene.cluster.writes.filter((write) => !write.startsWith('status')),
    [],
  );
});

const refusals: [RefusalReason, message: string, verdict: string, told: string][] = [
  [
    'InvalidSpec',
    'Deployment.apps "purge" is invalid: spec.template.spec.containers[0].image: no',
    'InvalidSpec Stalled',
    'The API server refuses the Deployment: spec.image: no',
  ],
  [
    'AdmissionRejected',
    'admission webhook "a.b" denied the request',
    'AdmissionRejected Stalled',
    'admission webhook "a.b" denied the request; change the spec accordingly, or the policy',
  ],
  [
    'AdmissionRejected',
    'deployments.apps "purge" is forbidden: exceeded quota: q',
    'QuotaExceeded Reconciling',
    'deployments.apps "purge" is forbidden: exceeded quota: q; lower the resources in spec.template.spec, or raise the quota',
  ],
  [
    'Conflict',
    'deployments.apps "purge" already exists',
    'Conflict Stalled',
    'deployments.apps "purge" already exists',
  ],
];

for (const [reason, message, verdict, told] of refusals) {
  test(`a refusal as ${verdict} is told and tried again, and ends when the server accepts`, async () => {
    const scene = new Scene();
    const key = scene.cluster.putDaemon();
    scene.cluster.childWriteError = new RefusedError(reason, message);
    await scene.visitUntilWritten(key);
    assert.deepEqual([scene.verdict(key), scene.message(key)], [verdict, told]);
    scene.cluster.writes = [];
    assert.deepEqual(await scene.visit(key), { requeueAfterMs: 30_000 });
    assert.deepEqual(scene.cluster.writes, ['create purge at 1']);
    scene.cluster.childWriteError = undefined;
    await scene.settle(key);
    assert.equal(scene.verdict(key), 'Running Ready Active');
  });
}

test('a daemon whose change is refused can still be stopped', async () => {
  const scene = new Scene();
  const key = await scene.settled();
  scene.cluster.editDaemon(key, { image: 'evil:1', replicas: 0 });
  scene.cluster.applyChild = () =>
    Promise.reject(new RefusedError('AdmissionRejected', 'evil images are not allowed'));
  await scene.settle(key);
  assert.equal(scene.cluster.writes[0], 'scale purge to 0');
  assert.equal(scene.verdict(key), 'AdmissionRejected Stalled');
  assert.deepEqual(scene.cluster.existingPods(key), []);
});

test('a daemon whose spec has become invalid runs on, and can be stopped', async () => {
  const scene = new Scene();
  const key = await scene.settled();
  scene.cluster.editDaemon(key, { config: { big: 2 ** 60 } });
  await scene.settle(key);
  assert.deepEqual(
    [scene.verdict(key), scene.cluster.writes],
    ['InvalidSpec Stalled Active', ['status purge InvalidSpec']],
  );
  scene.cluster.editDaemon(key, { replicas: 0 });
  await scene.settle(key);
  assert.equal(scene.verdict(key), 'InvalidSpec Stalled');
  assert.ok(scene.cluster.writes.includes('scale purge to 0'));
});

test('a daemon that is invalid from the start gets no child', async () => {
  const scene = new Scene();
  const key = scene.cluster.putDaemon(aDaemon({ config: { big: 2 ** 60 } }));
  await scene.settle(key);
  assert.deepEqual(scene.cluster.writes, ['status purge InvalidSpec']);
});

test('a failure that may pass is thrown for the queue to try again, and told if it lasts', async () => {
  const scene = new Scene();
  const key = scene.cluster.putDaemon();
  scene.cluster.childWriteError = new Error('failed calling webhook "a.b": connection refused');
  await assert.rejects(scene.visit(key), /connection refused/);
  assert.deepEqual(scene.cluster.writes, ['create purge at 1']);
  scene.nowMs += 250;
  await assert.rejects(scene.visit(key), /connection refused/);
  assert.equal(scene.verdict(key), 'Starting Reconciling');
  assert.match(scene.message(key), /tried again: failed calling webhook "a.b": connection refused/);
  scene.cluster.childWriteError = undefined;
  await scene.settle(key);
  assert.equal(scene.verdict(key), 'Running Ready Active');
});

test('a failure that passes at once leaves no trace', async () => {
  const scene = new Scene();
  const key = await scene.settled();
  scene.cluster.editDaemon(key, { replicas: 0 });
  scene.cluster.childWriteError = new Error('the object has been modified');
  await assert.rejects(scene.visit(key), /modified/);
  scene.cluster.childWriteError = undefined;
  await scene.settle(key);
  const statuses = scene.cluster.writes.filter((write) => write.startsWith('status'));
  assert.deepEqual(statuses, ['status purge Stopping', 'status purge Stopped']);
});

test('a daemon that is gone is left to the garbage collector', async () => {
  const scene = new Scene();
  const key = await scene.settled();
  scene.cluster.deleteDaemon(key);
  assert.deepEqual(await scene.visit(key), {});
  assert.deepEqual(scene.cluster.writes, []);
});

test('a daemon that is held while it is being deleted goes on reporting, and its child is not written to', async () => {
  const scene = new Scene();
  const { cluster } = scene;
  const key = await scene.settled();
  cluster.beginDeletion(key, ['foregroundDeletion']);
  assert.deepEqual(await scene.visitUntilWritten(key), ['status purge Stopping']);
  assert.equal(scene.verdict(key), 'Stopping Reconciling Active');
  assert.equal(
    scene.message(key),
    'The daemon is being deleted, and goes when its Deployment and pod are gone',
  );
  cluster.editChild(key, (child) => (child.spec.template.spec.enableServiceLinks = true));
  cluster.editDaemon(key, { replicas: 0, config: { big: 2 ** 60 } });
  await scene.visitUntilWritten(key);
  cluster.deleteChild(key);
  await scene.visitUntilWritten(key);
  assert.deepEqual(
    [scene.verdict(key), cluster.daemon(key)?.status?.replicas],
    ['Stopping Reconciling Active', 1],
  );
  cluster.runKubelet(key);
  assert.deepEqual(await scene.visitUntilWritten(key), ['status purge Stopping']);
  assert.deepEqual([scene.verdict(key), cluster.daemon(key)?.status?.replicas], ['Stopping Reconciling', 0]);
  assert.deepEqual(await scene.visitUntilWritten(key), []);
  assert.deepEqual([cluster.children.size, cluster.events], [0, []]);
});

test('a child that is orphaned while its daemon is being deleted is not taken back', async () => {
  const scene = new Scene();
  const key = await scene.settled();
  scene.cluster.beginDeletion(key, ['orphan']);
  scene.cluster.editChild(key, (child) => delete child.metadata.ownerReferences);
  assert.deepEqual(await scene.visitUntilWritten(key), ['status purge Stopping']);
});

test('an orphan of ours is taken back', async () => {
  const scene = new Scene();
  const key = await scene.settled();
  scene.cluster.editChild(key, (child) => delete child.metadata.ownerReferences);
  await scene.visit(key);
  assert.deepEqual(scene.cluster.writes, ['apply purge at 1']);
  await scene.settle(key);
  assert.equal(scene.cluster.child(key)?.controller?.uid, scene.cluster.daemon(key)?.metadata.uid);
});

const strangers: [name: string, child: object][] = [
  [
    'of another owner',
    { ownerReferences: [{ apiVersion: 'v1', kind: 'App', name: 'purge', uid: 'x', controller: true }] },
  ],
  [
    'of a daemon of another name',
    {
      ownerReferences: [
        { apiVersion: 'v1', kind: 'ClariveDaemon', name: 'email', uid: 'x', controller: true },
      ],
    },
  ],
];

for (const [name, metadata] of strangers) {
  test(`a Deployment ${name} is not touched, also not to stop it`, async () => {
    const scene = new Scene();
    const key = await scene.settled();
    scene.cluster.editChild(key, (child) => Object.assign(child.metadata, metadata));
    scene.cluster.editDaemon(key, { replicas: 0, image: 'clarive:8' });
    await scene.visit(key);
    assert.deepEqual(scene.cluster.writes, ['status purge Conflict']);
    assert.match(scene.message(key), /^The Deployment "purge" of \w+ "\w+" was not made for this daemon/);
  });
}

test('a Deployment without owner that selects other pods is not touched', async () => {
  const scene = new Scene();
  const key = await scene.settled();
  scene.cluster.editChild(key, (child) => {
    delete child.metadata.ownerReferences;
    child.spec.selector.matchLabels = { app: 'purge' };
  });
  await scene.visit(key);
  assert.deepEqual(scene.cluster.writes, ['status purge Conflict']);
  assert.match(scene.message(key), /^The Deployment "purge" was not made for this daemon/);
});

test('a foreign Deployment that carries none of our labels shows as Conflict too', async () => {
  const scene = new Scene();
  const key = scene.cluster.putDaemon();
  scene.cluster.hidden.add(key);
  await scene.visit(key);
  assert.equal(scene.verdict(key), 'Conflict Stalled');
  scene.cluster.hidden.delete(key);
  await scene.settle(key);
  assert.equal(scene.verdict(key), 'Running Ready Active');
});

test('the child of an older daemon of the same name is waited for', async () => {
  const scene = new Scene();
  const key = await scene.settled();
  scene.cluster.deleteDaemon(key);
  scene.cluster.putDaemon(aDaemon({ image: 'clarive:8' }));
  assert.deepEqual(await scene.visitUntilWritten(key), ['status purge Starting']);
  assert.match(scene.message(key), /until the Deployment of the deleted daemon/);
  await scene.settle(key);
  assert.deepEqual(
    [scene.verdict(key), scene.cluster.daemon(key)?.status?.image],
    ['Running Ready Active', 'clarive:8'],
  );
});

test('a child that is being deleted is waited for', async () => {
  const scene = new Scene();
  const key = await scene.settled();
  scene.cluster.editChild(key, (child) => {
    child.metadata.deletionTimestamp = at(1);
  });
  assert.deepEqual(await scene.visitUntilWritten(key), ['status purge Starting']);
  assert.match(scene.message(key), /until the deleted Deployment is gone/);
});

test('a paused daemon is left alone, and says so only if the child differs', async () => {
  const scene = new Scene();
  const key = await scene.settled();
  scene.cluster.editDaemon(key, { paused: true });
  await scene.settle(key);
  assert.deepEqual(scene.cluster.writes, ['status purge Running']);
  scene.cluster.editDaemon(key, { replicas: 0, image: 'clarive:8' });
  await scene.settle(key);
  assert.deepEqual(scene.cluster.writes.slice(1), ['status purge Paused']);
  assert.equal(scene.verdict(key), 'Paused Active');
  scene.cluster.deleteChild(key);
  await scene.settle(key);
  assert.equal(scene.message(key), 'The Deployment is missing and is not created while spec.paused is true');
  scene.cluster.editDaemon(key, { paused: false });
  await scene.settle(key);
  assert.equal(scene.verdict(key), 'Stopped Ready');
});

test('a Deployment that somebody paused is still stopped and started', async () => {
  const scene = new Scene();
  const key = await scene.settled();
  scene.cluster.editChild(key, (child) => {
    child.spec.paused = true;
  });
  scene.cluster.editDaemon(key, { image: 'clarive:8' });
  await scene.settle(key);
  assert.equal(scene.verdict(key), 'RolloutPaused Reconciling Active');
  scene.cluster.editDaemon(key, { replicas: 0 });
  await scene.settle(key);
  assert.equal(scene.verdict(key), 'Stopped Ready');
});

test('a start that takes long costs one more status, which says what it waits for', async () => {
  const scene = new Scene();
  const { cluster } = scene;
  const key = cluster.putDaemon();
  const pulling = { container: creating, node: 'node-a' };
  await scene.play(key, [
    [15, () => cluster.runControllers(key)],
    [40, () => cluster.editPod(key, pulling)],
    [29_000, () => cluster.editPod(key, pulling)],
  ]);
  assert.deepEqual(cluster.writes, ['create purge at 1', 'status purge Starting']);
  await scene.play(key, [[60_000, () => cluster.runKubelet(key)]]);
  assert.deepEqual(cluster.writes.slice(2), ['status purge Starting', 'status purge Running']);
});

test('comes back when a held-back status is due, and when a deadline is', async () => {
  const scene = new Scene();
  const key = scene.cluster.putDaemon();
  assert.deepEqual(await scene.visit(key), { requeueAfterMs: 250 });
  scene.nowMs += 100;
  assert.deepEqual(await scene.visit(key), { requeueAfterMs: 150 });
  scene.nowMs += 150;
  await scene.visit(key);
  scene.nowMs = Date.parse(at(600));
  const { requeueAfterMs } = await scene.visit(key);
  assert.equal(requeueAfterMs, undefined);
  assert.equal(scene.verdict(key), 'Starting Stalled');
});
