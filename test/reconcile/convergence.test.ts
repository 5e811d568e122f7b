/**
 * Whatever users and the cluster do, and in whatever order it is seen: when they are done, the child is as the daemon wants it, the status is
 * right, and nothing more is written.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClariveDaemon } from '../../src/api/clarive-daemon.ts';
import { managedByLabel } from '../../src/api/labels.ts';
import type { ObjectKey } from '../../src/api/object-key.ts';
import { isExclusive } from '../../src/presets/identity.ts';
import { desiredDeployment } from '../../src/desired/deployment.ts';
import { RefusedError } from '../../src/reconcile/errors.ts';
import { aDaemon } from '../support/builders.ts';
import { seededRandom, seeds } from '../support/random.ts';
import { defaults, type FakeCluster } from './fake-cluster.ts';
import { Scene } from './scene.ts';

type Step = (scene: Scene, key: ObjectKey, random: () => number) => unknown;

function pick<T>(random: () => number, ...values: [T, ...T[]]): T {
  return values[Math.floor(random() * values.length)] ?? values[0];
}

function ifDaemon(edit: (cluster: FakeCluster, key: ObjectKey, random: () => number) => void): Step {
  return ({ cluster }, key, random) => cluster.daemons.has(key) && edit(cluster, key, random);
}

function ifChild(edit: (cluster: FakeCluster, key: ObjectKey, random: () => number) => void): Step {
  return ({ cluster }, key, random) => cluster.children.has(key) && edit(cluster, key, random);
}

/** What the daemon's pod is started with, or without. */
const settings = 'clarive/ConfigMap/settings';

function aDaemonOf(service: string): ClariveDaemon {
  return aDaemon({ service, envFrom: [{ configMapRef: { name: 'settings', optional: true } }] });
}

const steps: Record<string, Step> = {
  scale: ifDaemon((cluster, key, random) => cluster.editDaemon(key, { replicas: pick(random, 0, 1) })),
  image: ifDaemon((cluster, key, random) =>
    cluster.editDaemon(key, { image: pick(random, 'clarive:8', 'clarive:9') }),
  ),
  config: ifDaemon((cluster, key, random) =>
    cluster.editDaemon(key, { config: pick(random, { frequency: 5 }, { big: 2 ** 60 }) }),
  ),
  settings: ({ cluster }, _, random) => {
    const content = pick(random, undefined, '1', '2', '3');
    if (content === undefined) cluster.contents.delete(settings);
    else cluster.contents.set(settings, content);
  },
  pause: ifDaemon((cluster, key, random) => cluster.editDaemon(key, { paused: random() < 0.5 })),
  recreate: ({ cluster }, key) => recreate(cluster, key),
  'begin to delete': ifDaemon((cluster, key) => cluster.beginDeletion(key, ['example.com/hold'])),
  'delete child': ifChild((cluster, key) => cluster.deleteChild(key)),
  'orphan child': ifChild((cluster, key) =>
    cluster.editChild(key, (child) => delete child.metadata.ownerReferences),
  ),
  'unlabel child': ifChild((cluster, key) =>
    cluster.editChild(key, (child) => delete child.metadata.labels?.[managedByLabel]),
  ),
  'scale child': ifChild((cluster, key, random) =>
    cluster.editChild(key, (child) => (child.spec.replicas = pick(random, 0, 1, 2))),
  ),
  'edit child': ifChild((cluster, key) =>
    cluster.editChild(key, (child) => (child.spec.template.spec.enableServiceLinks = true)),
  ),
  'pause rollout': ifChild((cluster, key, random) =>
    cluster.editChild(key, (child) => (child.spec.paused = random() < 0.5)),
  ),
  'delete pods': ({ cluster }, key) => cluster.editPod(key, { deleting: true }),
  'crash pods': ({ cluster }, key) =>
    cluster.editPodOnNode(key, {
      container: {
        ready: false,
        restartCount: 1,
        state: { waiting: { reason: 'CrashLoopBackOff' } },
        lastState: { terminated: { exitCode: 3, finishedAt: cluster.now() } },
      },
    }),
  'lose node': ({ cluster }, key) => cluster.editPodOnNode(key, { ready: false, containersReady: true }),
  'evict pods': ({ cluster }, key) => cluster.editPodOnNode(key, { phase: 'Failed', reason: 'Evicted' }),
  refuse: ({ cluster }, _, random) => {
    cluster.childWriteError = pick(
      random,
      undefined,
      new RefusedError('AdmissionRejected', 'exceeded quota: small'),
      new RefusedError('InvalidSpec', 'it is invalid'),
      new Error('connection refused'),
    );
  },
  accept: ({ cluster }) => (cluster.childWriteError = undefined),
  controllers: ({ cluster }, key) => cluster.runControllers(key),
  kubelet: ({ cluster }, key) => cluster.runKubelet(key),
  garbage: ({ cluster }, key) => cluster.collectGarbage(key),
  'show child': ({ cluster }, key) => cluster.deliverChild(key),
  'show pods': ({ cluster }, key) => cluster.deliverPods(key),
  visit: (scene, key) => scene.visit(key).catch(() => undefined),
  'visit later': (scene, key) => {
    scene.nowMs += 300;
    return scene.visit(key).catch(() => undefined);
  },
  wait: (scene, _, random) => (scene.nowMs += random() * 900_000),
  'restart operator': (scene) => scene.restartOperator(),
};

function recreate(cluster: FakeCluster, key: ObjectKey): void {
  const service = cluster.daemon(key)?.spec.service;
  cluster.deleteDaemon(key);
  cluster.putDaemon(aDaemonOf(service ?? services[0]));
}

const stepNames = Object.keys(steps);

/** Takes back what would keep a daemon from coming to rest for good. */
function clearTheWay({ cluster }: Scene, key: ObjectKey): void {
  cluster.childWriteError = undefined;
  cluster.lagging = false;
  if (cluster.daemon(key)?.metadata.deletionTimestamp) {
    recreate(cluster, key);
  }
  if (cluster.daemon(key)?.spec.paused) cluster.editDaemon(key, { paused: false });
  if (!cluster.children.has(key)) return;
  cluster.editChild(key, (child) => delete child.spec.paused);
  // Without owner and label, nobody can tell that it was ours.
  const { metadata } = cluster.children.get(key) ?? {};
  if (!metadata?.ownerReferences && !metadata?.labels?.[managedByLabel]) cluster.deleteChild(key);
}

function expectedVerdict({ cluster }: Scene, key: ObjectKey): RegExp {
  const daemon = cluster.daemon(key);
  assert.ok(daemon);
  if ('invalid' in desiredDeployment(daemon, defaults)) return /^InvalidSpec Stalled/;
  return daemon.spec.replicas === 0 ? /^Stopped Ready$/ : /^Running Ready Active$/;
}

function assertChildIsAsDesired({ cluster }: Scene, key: ObjectKey): void {
  const daemon = cluster.daemon(key);
  const child = cluster.child(key);
  const desired = daemon && desiredDeployment(daemon, defaults);
  assert.ok(desired);
  const wanted = daemon.spec.replicas ?? 1;
  if ('invalid' in desired) {
    if (wanted === 0) assert.equal(child?.replicas ?? 0, 0);
    return;
  }
  assert.deepEqual(
    [child?.carries, child?.replicas, child?.controller?.uid, cluster.existingPods(key).length],
    [desired.digest, wanted, daemon.metadata.uid, wanted],
  );
}

function assertStartedWithNewest({ cluster }: Scene, key: ObjectKey): void {
  const content = cluster.contents.get(settings);
  if (content === undefined) return;
  for (const { startedWith } of cluster.existingPods(key)) assert.equal(startedWith?.get(settings), content);
}

/** What no reader of a status may ever be told, if the watches show what there is. */
function assertNoLie({ cluster }: Scene, key: ObjectKey, verdict: string): void {
  const live = cluster.existingPods(key).filter(({ phase }) => phase !== 'Failed');
  if (verdict === 'Stopped Ready') assert.deepEqual(live, []);
  if (verdict === 'Running Ready Active') {
    const template = JSON.stringify(cluster.children.get(key)?.spec.template);
    assert.ok(live.some((pod) => pod.template === template && !pod.deleting && pod.container !== null));
  }
}

/** Of an exclusive daemon only one pod may run; that Kubernetes' own work is seen late is no excuse. */
function assertAlone({ cluster }: Scene, key: ObjectKey): void {
  const mayRun = cluster.existingPods(key).filter(({ gates, phase }) => !gates?.length && phase !== 'Failed');
  assert.ok(mayRun.length <= 1, mayRun.map(({ name }) => name).join(' and '));
}

const services = ['service.purge.daemon', 'service.scheduler'] as const;
const games = services.flatMap((service) => seeds(40).map((seed) => ({ service, seed })));

for (const { service, seed } of games) {
  for (const lagging of [false, true]) {
    test(`${service} comes to rest in the right state, seed ${seed}${lagging ? ', with watches that lag' : ''}`, async () => {
      const random = seededRandom(seed);
      const scene = new Scene();
      const { cluster } = scene;
      cluster.lagging = lagging;
      const key = cluster.putDaemon(aDaemonOf(service));
      const taken: string[] = [];
      for (let step = 0; step < 80; step++) {
        const name = pick(random, 'visit', ...stepNames);
        taken.push(name);
        cluster.writes = [];
        await steps[name]?.(scene, key, random);
        const told = cluster.writes.some((write) => write.startsWith('status'));
        if (isExclusive(service)) assertAlone(scene, key);
        if (told && !lagging) assertNoLie(scene, key, scene.verdict(key));
      }
      clearTheWay(scene, key);
      await scene.visit(key).catch(() => undefined); // a child without label is learned by an attempt that fails
      await scene.settle(key);
      // What crashed, was lost or evicted has recovered long ago.
      scene.nowMs += 3_600_000;
      await scene.settle(key);
      const trail = taken.join(', ');
      assert.match(scene.verdict(key), expectedVerdict(scene, key), trail);
      assertChildIsAsDesired(scene, key);
      assertStartedWithNewest(scene, key);
      cluster.writes = [];
      scene.restartOperator();
      await scene.visit(key);
      scene.nowMs += 3_600_000;
      await scene.visit(key);
      assert.deepEqual(cluster.writes, [], trail);
    });
  }
}
