/** The ways of `src/kube` that only a real API server can confirm. */
import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import { KubeConfig, type V1Lease, type V1Pod } from '@kubernetes/client-node';
import type { ClariveDaemon } from '../../src/api/clarive-daemon.ts';
import type { DeepPartial } from '../../src/api/kubernetes.ts';
import type { ObjectKey } from '../../src/api/object-key.ts';
import { realClock } from '../../src/controller/clock.ts';
import { carries } from '../../src/desired/compare.ts';
import { desiredDeployment, type Rendered } from '../../src/desired/deployment.ts';
import { overlayChild } from '../../src/desired/overlay.ts';
import { ApiError } from '../../src/kube/api-error.ts';
import { Credentials } from '../../src/kube/credentials.ts';
import { EventRecorder } from '../../src/kube/event-recorder.ts';
import { KubeCluster } from '../../src/kube/kube-cluster.ts';
import { LeaseElector, observeLease, type ObservedLease } from '../../src/kube/lease-elector.ts';
import { Reflector, type RawObject } from '../../src/kube/reflector.ts';
import { Store } from '../../src/kube/store.ts';
import { type ApiRequest, Transport } from '../../src/kube/transport.ts';
import {
  observeDeployment,
  observePod,
  type ObservedDeployment,
  type ObservedPod,
} from '../../src/status/observed.ts';
import { aDaemon } from '../support/builders.ts';
import { inNamespace } from '../support/in-namespace.ts';
import type { KubeClient } from '../support/kube-client.ts';
import { configMaps, deployments, events, pods, type Json, type Resource } from '../support/resources.ts';
import { until } from '../support/until.ts';
import { eventually } from './eventually.ts';
import { type Kept } from './watch-events.ts';

const leases: Resource<Json<V1Lease>> = {
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  plural: 'leases',
  namespaced: true,
};

function aTransport(t: TestContext, onResponse?: (request: ApiRequest, code: string) => void): Transport {
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromDefault();
  const credentials = new Credentials(kubeConfig, () => performance.now());
  const transport = new Transport({ credentials, userAgent: 'test', ...(onResponse && { onResponse }) });
  t.after(() => transport.close());
  return transport;
}

describe('a reflector', () => {
  for (const streamed of [true, false]) {
    test(`follows ConfigMaps from a ${streamed ? 'streamed' : 'paged'} list on`, async (t) => {
      await inNamespace(t, async (kube) => {
        const labels = { mine: 'yes' };
        for (const name of ['a', 'b'])
          await kube.create(configMaps, { metadata: { name, labels }, data: { v: '1' } });
        await kube.create(configMaps, { metadata: { name: 'foreign' } });
        const transport = aTransport(t);
        const changes: string[] = [];
        const errors: unknown[] = [];
        const stopping = new AbortController();
        const store = new Store<Kept>((before, after) => changes.push(`${before?.key} > ${after?.key}`));
        const reflector = new Reflector<Kept>({
          transport: {
            request: (request) => transport.request(request),
            stream: (request) => {
              if (streamed || !request.query?.['sendInitialEvents']) return transport.stream(request);
              throw new ApiError(422, '');
            },
          },
          path: `/api/v1/namespaces/${kube.namespace}/configmaps`,
          labelSelector: 'mine=yes',
          store,
          project: keptOf,
          clock: realClock,
          random: Math.random,
          onError: (error) => errors.push(error),
        });
        const ended = reflector.run(stopping.signal);
        await eventually(() => reflector.synced || errors.length > 0);
        const key = (name: string): ObjectKey => `${kube.namespace}/${name}`;
        assert.deepEqual([...store.values()].map((item) => item.key).toSorted(), [key('a'), key('b')]);

        await kube.patch(configMaps, 'a', { data: { v: 'one\u2028line 😀' } });
        await eventually(() => store.get(key('a'))?.value === 'one\u2028line 😀');
        await kube.delete(configMaps, 'b');
        await eventually(() => store.get(key('b')) === undefined);
        await kube.create(configMaps, { metadata: { name: 'b', labels }, data: { v: '2' } });
        await eventually(() => store.get(key('b'))?.value === '2');
        await kube.patch(configMaps, 'a', { metadata: { labels: { mine: 'no' } } });
        await eventually(() => store.get(key('a')) === undefined);
        assert.equal(changes.length, 6);
        assert.deepEqual(errors, []);
        stopping.abort();
        await ended;
      });
    });
  }

  test('is told by the real server that a version is too old, and that a resource is not installed', async (t) => {
    await inNamespace(t, async ({ namespace }) => {
      const transport = aTransport(t);
      const missing = transport.stream({
        method: 'GET',
        path: '/apis/missing.example/v1/things',
        query: { watch: true },
      });
      await assert.rejects(missing, { name: 'ApiError', code: 404 });
      const path = `/api/v1/namespaces/${namespace}/configmaps`;
      const invalid = transport.stream({
        method: 'GET',
        path,
        query: { watch: true, sendInitialEvents: true },
      });
      await assert.rejects(invalid, { name: 'ApiError', code: 422 });
    });
  });
});

describe('a child', () => {
  test('loses what is no longer wanted after a create and two applies, and keeps what others added', async (t) => {
    await inNamespace(t, async (kube) => {
      const scene = aCluster(t, kube);
      const first = aDaemonIn(kube, {
        env: [
          { name: 'GONE', value: '1' },
          { name: 'KEPT', value: '1' },
        ],
      });
      await scene.cluster.createChild(render(first));
      await kube.patch(
        deployments,
        'purge',
        {
          metadata: { annotations: { 'someone/else': 'kept' } },
          spec: { template: { spec: { containers: [{ name: 'sidecar', image: 'sidecar:1' }] } } },
        },
        { type: 'strategic' },
      );

      const second = aDaemonIn(kube, {
        env: [
          { name: 'KEPT', value: '2' },
          { name: 'GONE_TOO', value: '1' },
        ],
      });
      await scene.cluster.applyChild(scene.child(), render(second));
      const third = aDaemonIn(kube, { env: [{ name: 'KEPT', value: '3' }] });
      await scene.cluster.applyChild(scene.child(), render(third));

      const { metadata, spec } = await kube.get(deployments, 'purge');
      const containers = spec?.template.spec?.containers ?? [];
      const env = containers
        .find(({ name }) => name === 'daemon')
        ?.env?.map(({ name, value }) => `${name}=${value}`);
      assert.ok(env?.includes('KEPT=3'), env?.join());
      assert.ok(!env?.some((entry) => entry.startsWith('GONE')), env?.join());
      assert.equal(metadata?.annotations?.['someone/else'], 'kept');
      assert.ok(containers.some(({ name }) => name === 'sidecar'));
      assert.deepEqual(scene.codes, [
        'POST 201',
        'GET 200',
        'PATCH 200',
        'PATCH 200',
        'GET 200',
        'PATCH 200',
      ]);
    });
  });

  test('in which somebody has chosen other members of unions gets ours back, and what we no longer want goes later', async (t) => {
    await inNamespace(t, async (kube) => {
      const scene = aCluster(t, kube);
      const conf = { name: 'conf', configMap: { name: 'site' } };
      const container = { name: 'daemon', livenessProbe: { httpGet: { path: '/', port: 80 } } };
      const template = { spec: { volumes: [conf], containers: [container] } };
      const daemon = aDaemonIn(kube, { env: [{ name: 'A', value: '1' }], template });
      await scene.cluster.createChild(render(daemon));
      const { volumes, env } = await podSpecOf(kube);
      const volume = volumes.findIndex(({ name }) => name === 'conf');
      const entry = env.findIndex(({ name }) => name === 'A');
      const fieldRef = { fieldPath: 'metadata.name' };
      const swaps = {
        [`/volumes/${volume}`]: { name: 'conf', hostPath: { path: '/srv' } },
        [`/containers/0/env/${entry}`]: { name: 'A', valueFrom: { fieldRef } },
        '/containers/0/livenessProbe': { exec: { command: ['true'] } },
        '/securityContext/seccompProfile': { type: 'Localhost', localhostProfile: 'profile.json' },
      };
      const replace = (path: string, value: unknown) => ({ op: 'replace', path, value });
      await kube.patch(
        deployments,
        'purge',
        [
          replace('/spec/strategy', { type: 'RollingUpdate' }),
          ...Object.entries(swaps).map(([path, value]) => replace(`/spec/template/spec${path}`, value)),
          {
            op: 'add',
            path: '/spec/template/spec/tolerations',
            value: [{ key: 'theirs', operator: 'Exists' }],
          },
        ],
        { type: 'json' },
      );

      const desired = render(daemon);
      await unlessChanged(() => scene.cluster.applyChild(scene.child(), desired));
      const repaired = await kube.get(deployments, 'purge');
      assert.ok(carries(repaired, desired.deployment), JSON.stringify(repaired.spec));

      await scene.cluster.applyChild(scene.child(), render(aDaemonIn(kube)));
      const later = await podSpecOf(kube);
      assert.ok(!later.volumes.some(({ name }) => name === 'conf'), JSON.stringify(later.volumes));
      assert.ok(!later.env.some(({ name }) => name === 'A'), JSON.stringify(later.env));
      assert.equal(later.livenessProbe, undefined);
      assert.equal(later.tolerations[0]?.key, 'theirs');
    });
  });

  test('is scaled only if it is the very one that was seen', async (t) => {
    await inNamespace(t, async (kube) => {
      const scene = aCluster(t, kube);
      await scene.cluster.createChild(render(aDaemonIn(kube)));
      const other = { ...scene.child(), uid: '0b8f7c5e-0000-4000-8000-00000000dead' };
      await assert.rejects(scene.cluster.scaleChild(other, 0), { name: 'ApiError', code: 409 });
      await scene.cluster.scaleChild(scene.child(), 0);
      assert.equal((await kube.get(deployments, 'purge')).spec?.replicas, 0);
      assert.equal(scene.child().replicas, 0);
      await scene.cluster.applyChild(scene.child(), render(aDaemonIn(kube)));
      assert.equal((await kube.get(deployments, 'purge')).spec?.replicas, 1);
    });
  });

  test('is applied only if it is the very one that was seen, and never made anew', async (t) => {
    await inNamespace(t, async (kube) => {
      const scene = aCluster(t, kube);
      const desired = render(aDaemonIn(kube));
      await scene.cluster.createChild(desired);
      const other = { ...scene.child(), uid: '0b8f7c5e-0000-4000-8000-00000000dead' };
      await assert.rejects(scene.cluster.applyChild(other, desired), /was made anew meanwhile/);
      await kube.delete(deployments, 'purge', { propagationPolicy: 'Background' });
      await assert.rejects(scene.cluster.applyChild(scene.child(), desired), { name: 'ApiError', code: 404 });
    });
  });

  test('of a foreign owner is a Conflict, and one that the watch has not shown is learned', async (t) => {
    await inNamespace(t, async (kube) => {
      const scene = aCluster(t, kube);
      const desired = render(aDaemonIn(kube));
      await scene.cluster.createChild(desired);
      const late = aCluster(t, kube);
      await assert.rejects(late.cluster.createChild(desired), { name: 'ApiError', code: 409 });
      assert.equal(late.child().uid, scene.child().uid);
      await kube.patch(deployments, 'purge', {
        metadata: { labels: { 'app.kubernetes.io/managed-by': 'helm' } },
      });
      const refused = aCluster(t, kube).cluster.createChild(desired);
      await assert.rejects(refused, { name: 'RefusedError', reason: 'Conflict' });
    });
  });

  test('that the server finds invalid is refused in its words', async (t) => {
    await inNamespace(t, async (kube) => {
      const desired = structuredClone(render(aDaemonIn(kube)));
      desired.deployment.spec.template.spec.containers[0]!.image = '';
      const refused = aCluster(t, kube).cluster.createChild(desired);
      await assert.rejects(refused, {
        name: 'RefusedError',
        reason: 'InvalidSpec',
        message: /image: Required value/,
      });
    });
  });
});

test('an Event is found with the daemon, and counted when it repeats', async (t) => {
  await inNamespace(t, async (kube) => {
    const errors: unknown[] = [];
    const recorder = new EventRecorder({
      transport: aTransport(t),
      now: Date.now,
      instance: 'operator-1',
      onError: (error) => errors.push(error),
    });
    const daemon = aDaemonIn(kube);
    const event = { type: 'Normal', reason: 'Running', message: 'The daemon runs' } as const;
    recorder.record(daemon, event);
    recorder.record(daemon, event);
    await eventually(() => errors.length > 0 || recorder.idle);
    assert.deepEqual(errors, []);
    const [recorded, ...others] = await kube.list(events, { fieldSelector: 'involvedObject.name=purge' });
    assert.deepEqual([recorded?.count, recorded?.message, others.length], [2, 'The daemon runs', 0]);
  });
});

test('of two electors on a real Lease one leads, and the other goes on within a second when it gives up', async (t) => {
  await inNamespace(t, async (kube) => {
    const [a, b] = [anElector(t, kube, 'a'), anElector(t, kube, 'b')];
    await Promise.race([a.leads, b.leads]);
    const [leader, standby] = a.elector.leads ? [a, b] : [b, a];
    const held = await until(
      kube,
      leases,
      'operator',
      ({ spec }) => spec?.holderIdentity === leader.identity,
      {
        describe: 'the lease to be held',
      },
    );
    assert.equal(held.spec?.leaseDurationSeconds, 15);
    assert.ok(!standby.elector.leads);
    const renewed = ({ spec }: typeof held) => spec?.renewTime !== held.spec?.renewTime;
    await until(kube, leases, 'operator', renewed, { describe: 'the lease to be renewed' });
    assert.ok(!standby.elector.leads);

    const stoppedAtMs = performance.now();
    leader.stop();
    await standby.leads;
    const tookMs = performance.now() - stoppedAtMs;
    assert.ok(!leader.elector.leads);
    assert.ok(tookMs < 1000, `The hand-over took ${tookMs} ms`);
    t.diagnostic(`The hand-over took ${Math.round(tookMs)} ms`);
    standby.stop();
    await until(kube, leases, 'operator', ({ spec }) => !spec?.holderIdentity, {
      describe: 'it to be given up',
    });
    assert.deepEqual([...a.errors, ...b.errors], []);
  });
});

function keptOf(object: RawObject): Kept {
  const { namespace = '', name, uid, resourceVersion } = object.metadata;
  const { v } = object['data'] as { v?: string };
  return { key: `${namespace}/${name}`, uid, resourceVersion, value: v };
}

/** Lists of the pod template of the child, and of its first container. */
async function podSpecOf(kube: KubeClient) {
  const { spec: child } = await kube.get(deployments, 'purge');
  const { volumes = [], tolerations = [], containers = [] } = child?.template.spec ?? {};
  const { env = [], livenessProbe } = containers[0] ?? {};
  return { volumes, tolerations, env, livenessProbe };
}

/** Tries again when a controller has written the object meanwhile, as the operator's queue does. */
async function unlessChanged(write: () => Promise<void>): Promise<void> {
  await write().catch((error: unknown) => {
    if (!(error instanceof ApiError) || error.code !== 409) throw error;
    return unlessChanged(write);
  });
}

describe('the gate of a pod', () => {
  const service = 'service.scheduler';
  const gates = ['clarive.com/exclusive', 'example.com/quota'];
  const pod = (name: string): DeepPartial<Json<V1Pod>> => ({
    metadata: { name, labels: { 'clarive.com/service': service, 'app.kubernetes.io/instance': 'scheduler' } },
    spec: {
      schedulingGates: gates.map((gate) => ({ name: gate })),
      containers: [{ name: 'daemon', image: 'clarive:7', args: ['--', 'cla', service, '--id', 'one'] }],
    },
  });

  test('is lifted and leaves others', (t) =>
    inNamespace(t, async (kube) => {
      const { cluster } = aCluster(t, kube);
      await kube.create(pods, pod('one'));
      const [listed] = await cluster.listPods(kube.namespace, service);
      assert.ok(listed);
      assert.deepEqual(
        [listed.name, listed.identity, listed.gates],
        ['one', `${kube.namespace}//${service}`, gates],
      );
      await cluster.liftGate(listed);
      const [after] = await cluster.listPods(kube.namespace, service);
      assert.deepEqual(after?.gates, ['example.com/quota']);
      await cluster.liftGate(after);
    }));

  test('the last one too', (t) =>
    inNamespace(t, async (kube) => {
      const { cluster } = aCluster(t, kube);
      const { spec, ...rest } = pod('one');
      await kube.create(pods, {
        ...rest,
        spec: { ...spec, schedulingGates: [{ name: 'clarive.com/exclusive' }] },
      });
      const [listed] = await cluster.listPods(kube.namespace, service);
      assert.ok(listed);
      await cluster.liftGate(listed);
      assert.equal((await kube.get(pods, 'one')).spec?.schedulingGates, undefined);
    }));

  test('is not lifted from a pod that has changed since it was seen, or was made anew', (t) =>
    inNamespace(t, async (kube) => {
      const { cluster } = aCluster(t, kube);
      await kube.create(pods, pod('one'));
      const [listed] = await cluster.listPods(kube.namespace, service);
      assert.ok(listed);
      await kube.patch(pods, 'one', { metadata: { labels: { changed: 'yes' } } });
      await assert.rejects(cluster.liftGate(listed), { code: 409 });
      const [changed] = await cluster.listPods(kube.namespace, service);
      assert.ok(changed);
      await kube.delete(pods, 'one', { gracePeriodSeconds: 0 });
      await kube.create(pods, pod('one'));
      await assert.rejects(cluster.liftGate(changed), { code: 409 });
      assert.equal((await kube.get(pods, 'one')).spec?.schedulingGates?.length, 2);
    }));
});

function aDaemonIn({ namespace }: KubeClient, spec: Partial<ClariveDaemon['spec']> = {}): ClariveDaemon {
  return aDaemon({ ...spec, metadata: { namespace } });
}

function render(daemon: ClariveDaemon): Rendered {
  const desired = desiredDeployment(daemon, { images: {}, image: 'clarive:8', environment: 'clarive' });
  assert.ok('deployment' in desired, JSON.stringify(desired));
  // Without its owner, who does not exist, the garbage collector leaves the child alone.
  const { ownerReferences: _, ...metadata } = desired.deployment.metadata;
  return { ...desired, deployment: { ...desired.deployment, metadata } };
}

function aCluster(t: TestContext, { namespace }: KubeClient) {
  const codes: string[] = [];
  const transport = aTransport(t, ({ method }, code) => codes.push(`${method} ${code}`));
  const children = new Store<ObservedDeployment>(() => undefined);
  const cluster = new KubeCluster({
    transport,
    view: {
      dispatchers: new Store(() => undefined),
      daemons: new Store(() => undefined),
      children,
      pods: new Store<ObservedPod>(() => undefined),
      contents: { ConfigMap: new Store(() => undefined), Secret: new Store(() => undefined) },
      observeDispatcher: () => assert.fail('No dispatcher is written'),
      mountFailures: new Store(() => undefined),
      observeDaemon: () => assert.fail('No daemon is written'),
      observeChild: (object) => observeDeployment(object, undefined),
      observePod,
    },
    overlayChild,
    events: new EventRecorder({ transport, now: Date.now, instance: 'test', onError: () => undefined }),
    signal: new AbortController().signal,
    leads: () => true,
    leadsForMs: () => Infinity,
    onChildWritten: () => undefined,
  });
  const child = () => children.get(`${namespace}/purge`) ?? assert.fail('There is no child');
  return { cluster, child, codes };
}

function anElector(t: TestContext, { namespace }: KubeClient, identity: string) {
  const transport = aTransport(t);
  const stopping = new AbortController();
  const stop = () => stopping.abort();
  t.after(stop);
  const errors: unknown[] = [];
  const onError = (error: unknown) => errors.push(error);
  const common = { transport, clock: realClock, random: Math.random, onError };
  const elector = new LeaseElector({ ...common, namespace, name: 'operator', identity });
  const { promise: leads, resolve: onLead } = Promise.withResolvers<void>();
  const reflector = new Reflector<ObservedLease>({
    ...common,
    path: `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`,
    fieldSelector: 'metadata.name=operator',
    store: new Store<ObservedLease>((_, after) => elector.observe(after)),
    project: observeLease,
    onSynced: () =>
      void elector.run(stopping.signal, async (lost) => {
        onLead();
        await new Promise((resolve) => {
          for (const signal of [lost, stopping.signal]) signal.addEventListener('abort', resolve);
        });
      }),
  });
  void reflector.run(stopping.signal);
  return { elector, identity, leads, stop, errors };
}
