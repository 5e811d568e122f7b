import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ClariveDaemon } from '../../src/api/clarive-daemon.ts';
import { exclusiveGate } from '../../src/api/labels.ts';
import { RefusedError, UncertainError } from '../../src/reconcile/errors.ts';
import { decideStart, Gatekeeper, type Start } from '../../src/reconcile/gatekeeper.ts';
import type { ObservedPod } from '../../src/status/observed.ts';
import { aPod, at, type RawPodOptions } from '../status/observed-builders.ts';
import { aDaemon } from '../support/builders.ts';
import { FakeCluster } from './fake-cluster.ts';
import { Scene } from './scene.ts';

const service = 'service.scheduler';
const gates = [exclusiveGate];

const waiting = (options: RawPodOptions = {}): RawPodOptions => ({
  name: 'new',
  gates,
  phase: 'Pending',
  container: null,
  ...options,
});

/** What is decided for the daemon `purge`. */
const decisions: [what: string, pods: RawPodOptions[], decision: string][] = [
  ['no pod: nothing', [], 'nothing'],
  ['its pod runs: nothing', [{ name: 'old' }], 'nothing'],
  ['its pod waits alone: it starts', [waiting()], 'free: new'],
  ['another pod runs', [waiting(), { name: 'old' }], 'held by old'],
  ['another pod is being deleted', [waiting(), { name: 'old', deleting: true }], 'held by old'],
  ['another pod is not ready', [waiting(), { name: 'old', ready: false }], 'held by old'],
  [
    'another pod has no node yet',
    [waiting(), { name: 'old', node: null, phase: 'Pending', container: null }],
    'held by old',
  ],
  [
    'another pod is on a node that is silent',
    [waiting(), { name: 'old', ready: false, containersReady: true }],
    'held by old',
  ],
  [
    'another pod is being deleted on a silent node',
    [waiting(), { name: 'old', deleting: true, ready: false, containersReady: true }],
    'held by old',
  ],
  [
    'another pod is in a phase that nobody knows',
    [waiting(), { name: 'old', phase: 'Unknown' }],
    'held by old',
  ],
  ['another pod has ended well', [waiting(), { name: 'old', phase: 'Succeeded' }], 'free: new'],
  ['another pod has failed', [waiting(), { name: 'old', phase: 'Failed' }], 'free: new'],
  [
    'another pod has failed, and is being deleted',
    [waiting(), { name: 'old', phase: 'Failed', deleting: true }],
    'free: new',
  ],
  [
    "another pod waits behind somebody else's gate only",
    [waiting(), waiting({ name: 'old', gates: ['example.com/quota'] })],
    'held by old',
  ],
  [
    'another pod waits too: the younger starts',
    [waiting({ name: 'old' }), waiting({ createdAt: at(5) })],
    'free: new',
  ],
  [
    'the pod of another daemon waits too',
    [waiting(), waiting({ name: 'other', daemon: 'other' })],
    'free: new',
  ],
  ['the pod of another daemon runs', [waiting(), { name: 'other', daemon: 'other' }], 'held by other'],
  ['only the pod of another daemon waits', [waiting({ daemon: 'other' })], 'nothing'],
  ['it waits and is being deleted', [waiting({ deleting: true })], 'nothing'],
  [
    'of several that hold it up the one whose node is lost is named',
    [waiting(), { name: 'old' }, { name: 'lost', ready: false, containersReady: true }],
    'held by lost',
  ],
];

function inWords(start: Start): string {
  if (start.is === 'held') return `held by ${start.by.name}`;
  return start.is === 'free' ? `free: ${start.pod.name}` : 'nothing';
}

describe('decides on the start of a pod:', () => {
  for (const [what, pods, decision] of decisions)
    test(what, () => assert.equal(inWords(decideStart('clarive/purge', pods.map(aPod))), decision));
});

/** A cluster whose watches show the scheduler's pods, and a gatekeeper. */
function aStage(...pods: RawPodOptions[]) {
  const cluster = new FakeCluster();
  const clock = { nowMs: 0 };
  const gatekeeper = new Gatekeeper({ cluster, monotonic: () => clock.nowMs });
  const put = (...more: RawPodOptions[]) => {
    for (const pod of more) {
      const daemon = pod.daemon ?? 'scheduler';
      const others = cluster.existingPods(`clarive/${daemon}`);
      cluster.allPods.set(`clarive/${daemon}`, [
        ...others,
        { name: 'pod', service, template: '', ...pod, daemon },
      ]);
    }
  };
  put(...pods);
  const start = (daemon = theScheduler()) => gatekeeper.letStart(daemon);
  return { cluster, clock, put, start };
}

function theScheduler(name = 'scheduler'): ClariveDaemon {
  return aDaemon({ metadata: { name }, service });
}

describe('the gatekeeper', () => {
  test('lets a pod start that nothing stands in the way of', async () => {
    const { cluster, start } = aStage(waiting());
    assert.equal(await start(), undefined);
    assert.deepEqual(cluster.writes, ['lift new']);
  });

  test('asks the API server for nothing while the watches show the old pod', async () => {
    const { cluster, start } = aStage(waiting(), { name: 'old', deleting: true });
    cluster.listPods = () => assert.fail('It asks');
    const hold = await start();
    assert.match(hold?.message ?? '', /^Waiting for pod old on node node-a to end/);
    assert.equal(hold?.recheckAfterMs, undefined);
  });

  test('believes the API server, not the watches: a pod that they do not show holds it up, and is looked for again', async () => {
    const { cluster, put, start } = aStage(waiting());
    cluster.deliverPods('clarive/scheduler');
    cluster.lagging = true;
    put({ name: 'unseen' });
    const hold = await start();
    assert.match(hold?.message ?? '', /pod unseen/);
    assert.equal(hold?.recheckAfterMs, 10_000);
    assert.deepEqual(cluster.writes, []);
  });

  test('counts pods of the same daemon under another dispatcher, and none of another installation', async () => {
    const own = aStage(waiting(), { name: 'old', dispatcher: 'main' });
    assert.match((await own.start())?.message ?? '', /pod old/);
    const foreign = aStage(waiting(), { name: 'old', daemon: 'other', dispatcher: 'main' });
    assert.equal(await foreign.start(), undefined);
  });

  test('keeps apart job daemons of one id, and not those of several', async () => {
    const job = 'service.job.daemon';
    const pods = (id: string) => [
      waiting({ service: job, id: 'jobs' }),
      { name: 'old', daemon: 'other', service: job, id },
    ];
    const daemon = aDaemon({ metadata: { name: 'scheduler' }, service: job, id: 'jobs' });
    assert.match(
      (await aStage(...pods('jobs')).start(daemon))?.message ?? '',
      /pod old of the ClariveDaemon "other"/,
    );
    assert.equal(await aStage(...pods('more')).start(daemon), undefined);
  });

  test('leaves pods of services alone that are not exclusive', async () => {
    const { cluster, start } = aStage(waiting({ service: 'service.purge.daemon' }));
    assert.equal(await start(aDaemon({ metadata: { name: 'scheduler' } })), undefined);
    assert.deepEqual(cluster.writes, []);
  });

  test('lets one of two start that ask at the same time', async () => {
    const { cluster, start } = aStage(waiting(), waiting({ name: 'rival', daemon: 'rival' }));
    const listPods = cluster.listPods.bind(cluster);
    const liftGate = cluster.liftGate.bind(cluster);
    // Each call takes its time, in which the other could get in between.
    cluster.listPods = async (...which) => {
      const listed = await listPods(...which);
      await new Promise(setImmediate);
      return listed;
    };
    cluster.liftGate = async (pod) => {
      await new Promise(setImmediate);
      return liftGate(pod);
    };
    const holds = await Promise.all([start(), start(theScheduler('rival'))]);
    assert.deepEqual(cluster.writes, ['lift new']);
    assert.equal(holds[0], undefined);
    assert.match(holds[1]?.message ?? '', /pod new of the ClariveDaemon "scheduler"/);
  });

  test('goes on after a failure, and tells of it', async () => {
    const { cluster, start } = aStage(waiting());
    cluster.podError = new RefusedError('AdmissionRejected', 'you may not');
    await assert.rejects(start(), /you may not/);
    cluster.podError = undefined;
    assert.equal(await start(), undefined);
    assert.deepEqual(cluster.writes, ['lift new']);
  });

  test('lets no other pod start as long as one may have been let start without an answer', async () => {
    const { cluster, clock, start } = aStage(waiting(), waiting({ name: 'rival', daemon: 'rival' }));
    cluster.liftGate = () => Promise.reject(new UncertainError(10_000, 'no answer'));
    await assert.rejects(start(), /no answer/);
    cluster.liftGate = async ({ name }: ObservedPod) => void cluster.writes.push(`lift ${name}`);
    assert.match((await start(theScheduler('rival')))?.message ?? '', /pod new/);
    clock.nowMs = 9_999;
    assert.match((await start(theScheduler('rival')))?.message ?? '', /pod new/);
    clock.nowMs = 10_000;
    assert.equal(await start(theScheduler('rival')), undefined);
    assert.deepEqual(cluster.writes, ['lift rival']);
  });

  test('tries the same pod again at once when there was no answer', async () => {
    const { cluster, start } = aStage(waiting());
    cluster.liftGate = () => Promise.reject(new UncertainError(10_000, 'no answer'));
    await assert.rejects(start(), /no answer/);
    cluster.liftGate = async ({ name }: ObservedPod) => void cluster.writes.push(`lift ${name}`);
    assert.equal(await start(), undefined);
    assert.deepEqual(cluster.writes, ['lift new']);
  });
});

describe('an exclusive daemon', () => {
  const scheduler = aDaemon({ metadata: { name: 'scheduler' }, service });

  test('starts behind the gate', async () => {
    const scene = new Scene();
    const key = await scene.settled(scheduler);
    assert.equal(scene.verdict(key), 'Running Ready Active');
  });

  test('whose pod is deleted waits until it has ended', async () => {
    const scene = new Scene();
    const { cluster } = scene;
    const key = await scene.settled(scheduler);
    cluster.editPod(key, { deleting: true });
    cluster.runControllers(key);
    await scene.visitUntilWritten(key);
    assert.deepEqual(
      cluster.existingPods(key).map((pod) => pod.gates?.length ?? 0),
      [0, 1],
    );
    assert.equal(scene.verdict(key), 'WaitingForOldPod Reconciling Active');
    assert.match(
      scene.message(key),
      /^Waiting for pod scheduler-\d+ on node node-a to end before its successor starts/,
    );
    cluster.runKubelet(key);
    await scene.visit(key);
    assert.equal(cluster.writes.at(-1)?.startsWith('lift scheduler-'), true);
    await scene.settle(key);
    assert.equal(scene.verdict(key), 'Running Ready Active');
  });

  test('whose node is lost is not started elsewhere, and says what to do', async () => {
    const scene = new Scene();
    const { cluster } = scene;
    const key = await scene.settled(scheduler);
    cluster.editPod(key, { deleting: true, ready: false, containersReady: true });
    cluster.runControllers(key);
    await scene.visitUntilWritten(key);
    assert.equal(scene.verdict(key), 'WaitingForOldPod Reconciling Active=Unknown');
    const remedy =
      /^Waiting for pod (\S+) on node node-a, which no longer reports, so the daemon may still run there: repair the node or, if it is lost, make sure that it is off and run kubectl delete pod \1 --force --grace-period=0$/;
    assert.match(scene.message(key), remedy);
    scene.nowMs += 3_600_000;
    await scene.visitUntilWritten(key);
    assert.equal(scene.verdict(key), 'WaitingForOldPod Reconciling Active=Unknown');
  });

  test('is let start while it is paused, or its spec is wrong or refused', async () => {
    const hindrances: ((cluster: FakeCluster) => void)[] = [
      (cluster) => cluster.editDaemon('clarive/scheduler', { paused: true, image: 'other:1' }),
      (cluster) => cluster.editDaemon('clarive/scheduler', { config: { big: 2 ** 60 } }),
      (cluster) => {
        cluster.editDaemon('clarive/scheduler', { image: 'other:1' });
        cluster.childWriteError = new RefusedError('AdmissionRejected', 'no');
      },
    ];
    for (const hinder of hindrances) {
      const scene = new Scene();
      const { cluster } = scene;
      const key = await scene.settled(scheduler);
      hinder(cluster);
      cluster.editPod(key, { deleting: true });
      cluster.runControllers(key);
      cluster.runKubelet(key);
      await scene.visit(key);
      assert.ok(cluster.writes.some((write) => write.startsWith('lift ')));
    }
  });

  test('tells when the operator may not let its pod start', async () => {
    const scene = new Scene();
    scene.cluster.podError = new RefusedError(
      'AdmissionRejected',
      'User "operator" cannot patch resource "pods"',
    );
    const key = scene.cluster.putDaemon(scheduler);
    await scene.visit(key);
    scene.cluster.runControllers(key);
    assert.equal((await scene.visit(key)).requeueAfterMs, 30_000);
    assert.equal(scene.verdict(key), 'AdmissionRejected Stalled');
    assert.match(scene.message(key), /cannot patch resource "pods"; give the operator that right$/);
  });

  test('is not let start when it is being deleted, or is to stop', async () => {
    for (const leave of ['delete', 'stop'] as const) {
      const scene = new Scene();
      const { cluster } = scene;
      const key = cluster.putDaemon(scheduler);
      await scene.visit(key);
      cluster.runControllers(key);
      if (leave === 'delete') cluster.beginDeletion(key, ['foregroundDeletion']);
      else cluster.editDaemon(key, { replicas: 0 });
      cluster.writes = [];
      await scene.visit(key);
      assert.deepEqual(
        cluster.writes.filter((write) => write.startsWith('lift')),
        [],
      );
    }
  });
});
