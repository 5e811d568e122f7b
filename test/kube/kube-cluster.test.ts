import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ClariveDaemonStatus } from '../../src/api/clarive-daemon.ts';
import type { ClariveDispatcherStatus } from '../../src/api/clarive-dispatcher.ts';
import { desiredDeployment, type Rendered } from '../../src/desired/deployment.ts';
import { dispatcherKeyOf } from '../../src/desired/settings.ts';
import { overlayChild } from '../../src/desired/overlay.ts';
import { ApiError } from '../../src/kube/api-error.ts';
import type { ObservedContent } from '../../src/kube/content.ts';
import { EventRecorder } from '../../src/kube/event-recorder.ts';
import { KubeCluster, type StoredDaemon, type StoredDispatcher } from '../../src/kube/kube-cluster.ts';
import type { RawObject } from '../../src/kube/reflector.ts';
import { Store } from '../../src/kube/store.ts';
import type { ApiRequest } from '../../src/kube/transport.ts';
import { RefusedError, UncertainError } from '../../src/reconcile/errors.ts';
import type { MountFailure } from '../../src/status/mounts.ts';
import { identityOfDaemon } from '../../src/presets/identity.ts';
import {
  observeDeployment,
  observePod,
  type ObservedDeployment,
  type ObservedPod,
} from '../../src/status/observed.ts';
import { rawPod } from '../status/observed-builders.ts';
import { aDaemon, aDispatcher } from '../support/builders.ts';

const daemon = aDaemon({ metadata: { resourceVersion: '5' } });
const desired = desiredDeployment(daemon, {
  images: {},
  image: 'clarive:8',
  environment: 'clarive',
}) as Rendered;
const path = '/apis/apps/v1/namespaces/clarive/deployments';
const labels = { 'app.kubernetes.io/managed-by': 'clarive-operator' };
const strict = { fieldManager: 'clarive-operator', fieldValidation: 'Strict' };

/** The child as the server answers it. */
function childObject(version: number, fields: Record<string, unknown> = {}): RawObject {
  const { metadata, ...rest } = fields;
  const own = {
    namespace: 'clarive',
    name: 'purge',
    uid: 'child-1',
    resourceVersion: String(version),
    labels,
  };
  return { metadata: { ...own, ...(metadata as object) }, spec: { replicas: 1 }, ...rest };
}

type Answer = object | Error;

/** A cluster whose API server gives these answers, one after the other. */
function aCluster(...answers: Answer[]) {
  const requests: ApiRequest[] = [];
  const written: unknown[] = [];
  const stopping = new AbortController();
  const leading = { now: true, forMs: Infinity };
  const request = async <T>(sent: ApiRequest) => {
    requests.push(sent);
    const answer = answers.shift();
    if (answer === undefined) throw new Error(`Nobody expected ${sent.method} ${sent.path}`);
    if (answer instanceof Error) throw answer;
    return answer as T;
  };
  const aContentStore = () => new Store<ObservedContent>(() => undefined);
  const children = new Store<ObservedDeployment>(() => undefined);
  const dispatchers = new Store<StoredDispatcher>(() => undefined);
  const daemons = new Store<StoredDaemon>(
    () => undefined,
    ({ daemon }) =>
      [dispatcherKeyOf(daemon), identityOfDaemon(daemon)].filter((value) => value !== undefined),
  );
  const pods = new Store<ObservedPod>(
    () => undefined,
    (pod) => [pod.daemon, pod.identity],
  );
  const mountFailures = new Store<MountFailure>(
    () => undefined,
    ({ podUid }) => [podUid],
  );
  const contents = { ConfigMap: aContentStore(), Secret: aContentStore() };
  const transport = { request };
  const cluster = new KubeCluster({
    transport,
    view: {
      dispatchers,
      daemons,
      children,
      pods,
      contents,
      observeDispatcher: (object) => ({
        key: 'clarive/main',
        uid: object.metadata.uid,
        resourceVersion: object.metadata.resourceVersion,
        dispatcher: object as unknown as StoredDispatcher['dispatcher'],
      }),
      mountFailures,
      observeDaemon: (object) => ({
        key: 'clarive/purge',
        uid: object.metadata.uid,
        resourceVersion: object.metadata.resourceVersion,
        daemon: object as unknown as StoredDaemon['daemon'],
      }),
      observeChild: (object) => observeDeployment(object, undefined),
      observePod,
    },
    overlayChild,
    events: new EventRecorder({ transport, now: () => 0, instance: 'test', onError: () => undefined }),
    signal: stopping.signal,
    leads: () => leading.now,
    leadsForMs: () => leading.forMs,
    onChildWritten: (...what) => written.push(what),
  });
  const child = observeDeployment(childObject(10), undefined);
  return {
    cluster,
    dispatchers,
    daemons,
    children,
    pods,
    mountFailures,
    child,
    requests,
    written,
    leading,
    signal: stopping.signal,
  };
}

function refusal(code: number, reason: string, message = 'as the server says'): ApiError {
  return new ApiError(code, JSON.stringify({ kind: 'Status', code, reason, message }));
}

async function rejection(promise: Promise<unknown>): Promise<Error> {
  return promise.then(
    () => assert.fail('It should have failed'),
    (error: unknown) => error as Error,
  );
}

test('nothing is sent by a process that no longer leads, though its timers have not told it yet', async () => {
  const { cluster, child, leading, requests } = aCluster(childObject(11));
  leading.now = false;
  await assert.rejects(cluster.scaleChild(child, 0), /No longer leading/);
  assert.deepEqual(requests, []);
});

test('of a status write under way, only what shows just that is awaited', async () => {
  const status: ClariveDaemonStatus = { replicas: 0 };
  const answer = { ...daemon, status } as unknown as RawObject;
  const { cluster } = aCluster(answer);
  const written = { ...daemon, status };
  assert.equal(cluster.isAwaited(written), false);
  const writing = cluster.writeStatus(daemon, status);
  assert.equal(cluster.isAwaited(written), true);
  const { metadata } = written;
  const others: Record<string, typeof written> = {
    'another status': { ...written, status: { replicas: 1 } },
    'an edited spec': { ...written, metadata: { ...metadata, generation: 99 } },
    'another incarnation': { ...written, metadata: { ...metadata, uid: 'another' } },
    'the begin of its deletion': { ...written, metadata: { ...metadata, deletionTimestamp: 'now' } },
    'another daemon': { ...written, metadata: { ...metadata, name: 'email' } },
  };
  for (const [what, other] of Object.entries(others)) assert.equal(cluster.isAwaited(other), false, what);
  await writing;
  assert.equal(cluster.isAwaited(written), false);
});

test('the status of a daemon that was deleted meanwhile is no failure', async () => {
  const { cluster } = aCluster(refusal(404, 'NotFound'));
  const metadata = { name: 'purge', namespace: 'clarive', uid: 'daemon-1' };
  const daemon = {
    apiVersion: 'clarive.com/v1',
    kind: 'ClariveDaemon',
    metadata,
    spec: { service: 'service.purge.daemon' },
  } as const;
  await cluster.writeStatus(daemon, { replicas: 0 });
});

describe('a create', () => {
  test('is a POST of the whole child, with strict validation; the next read shows the answer', async () => {
    const { cluster, requests, written, signal } = aCluster(childObject(11));
    await cluster.createChild(desired);
    assert.deepEqual(requests, [{ method: 'POST', path, body: desired.deployment, query: strict, signal }]);
    assert.equal(cluster.child('clarive/purge')?.resourceVersion, '11');
    assert.deepEqual(written, [['clarive/purge', 'Deployment created', { replicas: 1, image: 'clarive:8' }]]);
  });

  test('finds the name taken by a foreign Deployment: a Conflict that names the remedy', async () => {
    const taken = refusal(409, 'AlreadyExists', 'deployments.apps "purge" already exists');
    const foreign = childObject(9, { metadata: { labels: {} } });
    const { cluster, requests, written } = aCluster(taken, foreign);
    const error = await rejection(cluster.createChild(desired));
    assert.ok(error instanceof RefusedError);
    assert.equal(error.reason, 'Conflict');
    assert.match(
      error.message,
      /"purge" already exists; it was not made for this daemon .*: delete or rename it/,
    );
    assert.equal(requests[1]?.method, 'GET');
    assert.equal(cluster.child('clarive/purge'), undefined);
    assert.deepEqual(written, []);
  });

  test('finds a child of ours that the watch has not shown yet: it is learned, and nobody is accused', async () => {
    const taken = refusal(409, 'AlreadyExists');
    const { cluster } = aCluster(taken, childObject(12));
    assert.equal(await rejection(cluster.createChild(desired)), taken);
    assert.equal(cluster.child('clarive/purge')?.resourceVersion, '12');
  });

  test('that meets a quota just being changed is no Conflict of names', async () => {
    const busy = refusal(409, 'Conflict', 'Operation cannot be fulfilled on resourcequotas "q"');
    const { cluster, requests } = aCluster(busy);
    assert.equal(await rejection(cluster.createChild(desired)), busy);
    assert.equal(requests.length, 1);
  });
});

describe('an apply', () => {
  const applied = { manager: 'clarive-operator', operation: 'Apply' };
  const created = { manager: 'clarive-operator', operation: 'Update' };
  const scaled = { ...created, subresource: 'scale' };
  const foreign = { manager: 'kubectl-edit', operation: 'Update' };
  const managed = (...managedFields: object[]) => childObject(10, { metadata: { managedFields } });

  test('is a forced server-side apply for the very child that was seen', async () => {
    const { cluster, child, requests, written, signal } = aCluster(
      managed(foreign, applied, scaled),
      childObject(13),
    );
    await cluster.applyChild(child, desired);
    const [read, write] = requests as [ApiRequest, ApiRequest];
    assert.deepEqual([requests.length, read.method, read.path], [2, 'GET', `${path}/purge`]);
    const body = { ...desired.deployment, metadata: { ...desired.deployment.metadata, uid: 'child-1' } };
    const query = { ...strict, force: true };
    const contentType = 'application/apply-patch+yaml';
    assert.deepEqual(write, { method: 'PATCH', path: `${path}/purge`, body, query, contentType, signal });
    assert.equal(cluster.child('clarive/purge')?.resourceVersion, '13');
    assert.deepEqual(written, [['clarive/purge', 'Deployment applied', { replicas: 1, image: 'clarive:8' }]]);
  });

  test('first turns what the create owns into what an apply owns, if nothing has changed meanwhile', async () => {
    const before = managed(foreign, scaled, created);
    const { cluster, child, requests, signal } = aCluster(before, childObject(11), childObject(12));
    await cluster.applyChild(child, desired);
    assert.deepEqual(
      requests.map(({ method }) => method),
      ['GET', 'PATCH', 'PATCH'],
    );
    assert.deepEqual(requests[1], {
      method: 'PATCH',
      path: `${path}/purge`,
      body: [
        { op: 'test', path: '/metadata/managedFields/2', value: created },
        { op: 'replace', path: '/metadata/managedFields/2/operation', value: 'Apply' },
      ],
      contentType: 'application/json-patch+json',
      query: { fieldManager: 'clarive-operator' },
      signal,
    });
  });

  test('is not needed again, though it has changed nothing or admission has changed it', async () => {
    for (const version of [10, 13]) {
      const { cluster, children, child } = aCluster(managed(applied), childObject(version));
      children.upsert(child);
      await cluster.applyChild(child, desired);
      assert.equal(cluster.child('clarive/purge')?.carries, desired.digest);
    }
  });

  test('sets the replicas that are wanted, whatever the child has', async () => {
    const { cluster, child, requests } = aCluster(managed(applied), childObject(13));
    await cluster.applyChild({ ...child, replicas: 5 }, desired);
    const body = requests[1]?.body as Rendered['deployment'] | undefined;
    assert.equal(body?.spec.replicas, 1);
  });

  test('goes no further if the child has changed meanwhile, and is tried again', async () => {
    const changed = refusal(422, 'Invalid', 'the server rejected our request due to an error in our request');
    const { cluster, child, requests } = aCluster(managed(created), changed);
    const error = await rejection(cluster.applyChild(child, desired));
    assert.ok(error instanceof ApiError, 'not the fault of the spec');
    assert.deepEqual(
      [error.code, error.message],
      [409, 'The Deployment "clarive/purge" has changed meanwhile'],
    );
    assert.equal(requests.length, 2);
  });

  describe('that is refused', () => {
    const volume = (source: object) => ({
      template: { spec: { volumes: [{ name: 'clarive-pid', ...source }] } },
    });
    const swapped = { spec: volume({ hostPath: { path: '/srv' } }) };
    const invalid = () => refusal(422, 'Invalid', 'may not specify more than 1 volume type');

    test('as invalid is sent again after ours has replaced the other member of each union', async () => {
      const ownApply = { ...applied, fieldsV1: { 'f:a': { 'f:b': {} } } };
      const ownUpdate = { ...created, fieldsV1: { 'f:a': { 'f:c': {} }, 'f:d': {} } };
      const { cluster, child, requests } = aCluster(
        childObject(10, swapped),
        invalid(),
        childObject(11),
        childObject(11, { metadata: { managedFields: [ownApply, foreign, ownUpdate] } }),
        childObject(12),
        childObject(13),
      );
      await cluster.applyChild(child, desired);
      assert.deepEqual(
        requests.map(({ method }) => method),
        ['GET', 'PATCH', 'PATCH', 'GET', 'PATCH', 'PATCH'],
      );
      const { body, contentType } = requests[2] as ApiRequest;
      const { metadata, spec } = body as Rendered['deployment'];
      assert.equal(contentType, 'application/merge-patch+json');
      assert.deepEqual(metadata, { uid: 'child-1', resourceVersion: '10' });
      assert.deepEqual(
        spec.template.spec.volumes?.find(({ name }) => name === 'clarive-pid'),
        { name: 'clarive-pid', emptyDir: {} },
      );
      assert.deepEqual(requests[4]?.body, [
        { op: 'test', path: '/metadata/managedFields/2', value: ownUpdate },
        { op: 'test', path: '/metadata/managedFields/0', value: ownApply },
        {
          op: 'replace',
          path: '/metadata/managedFields/0/fieldsV1',
          value: { 'f:a': { 'f:b': {}, 'f:c': {} }, 'f:d': {} },
        },
        { op: 'remove', path: '/metadata/managedFields/2' },
      ]);
      assert.deepEqual(requests[5], requests[1]);
      assert.equal(cluster.child('clarive/purge')?.resourceVersion, '13');
    });

    test('as invalid also then is InvalidSpec, and changes nothing', async () => {
      const { cluster, child, requests, written } = aCluster(childObject(10), invalid(), invalid());
      const error = await rejection(cluster.applyChild(child, desired));
      assert.ok(error instanceof RefusedError);
      assert.equal(error.reason, 'InvalidSpec');
      assert.deepEqual([requests.length, written], [3, []]);
    });

    test('for any other cause is not sent again', async () => {
      for (const cause of [refusal(403, 'Forbidden'), refusal(500, 'InternalError')]) {
        const { cluster, child, requests } = aCluster(childObject(10), cause);
        await rejection(cluster.applyChild(child, desired));
        assert.equal(requests.length, 2);
      }
    });
  });
});

test('an apply to a child that was made anew is not sent; the new one is learned', async () => {
  const { cluster, child, requests } = aCluster(childObject(20, { metadata: { uid: 'child-2' } }));
  await assert.rejects(cluster.applyChild(child, desired), /"clarive\/purge" was made anew meanwhile/);
  assert.equal(requests.length, 1);
  assert.equal(cluster.child('clarive/purge')?.uid, 'child-2');
});

describe('a scale', () => {
  test('is a merge patch of the scale subresource, for the very child that was seen', async () => {
    const { cluster, child, children, requests, written, signal } = aCluster(childObject(11));
    children.upsert(child);
    await cluster.scaleChild(child, 0);
    const body = { metadata: { uid: 'child-1' }, spec: { replicas: 0 } };
    const contentType = 'application/merge-patch+json';
    assert.deepEqual(requests, [
      { method: 'PATCH', path: `${path}/purge/scale`, body, query: strict, contentType, signal },
    ]);
    assert.equal(cluster.child('clarive/purge')?.replicas, 0);
    assert.deepEqual(written, [['clarive/purge', 'Deployment scaled', { replicas: 0 }]]);
  });

  test('that is refused changes nothing that a read shows', async () => {
    const { cluster, child, children, written } = aCluster(refusal(409, 'Conflict'));
    children.upsert(child);
    await rejection(cluster.scaleChild(child, 0));
    assert.equal(cluster.child('clarive/purge')?.replicas, 1);
    assert.deepEqual(written, []);
  });
});

describe('what a pod was started with', () => {
  const contents = { 'ConfigMap/settings': '1', 'Secret/smtp': null };
  const annotations = { 'clarive.com/contents': '{"ConfigMap/settings":"1","Secret/smtp":null}' };
  const template = {
    metadata: { annotations: { 'kubectl.kubernetes.io/restartedAt': '2026-11-23T12:00:00Z' } },
  };
  const rows: [does: string, restartedAt: string[], rest: object, told: string][] = [
    ['is written on the child, and nothing else', [], {}, 'References recorded'],
    ['is written with the restart', ['2026-11-23T12:00:00Z'], { spec: { template } }, 'Deployment restarted'],
  ];
  for (const [does, restartedAt, rest, told] of rows)
    test(does, async () => {
      const { cluster, child, requests, written, signal } = aCluster(
        childObject(11, { metadata: { annotations } }),
      );
      await cluster.recordContents(child, contents, ...restartedAt);
      const body = { metadata: { uid: 'child-1', annotations }, ...rest };
      const contentType = 'application/merge-patch+json';
      assert.deepEqual(requests, [
        { method: 'PATCH', path: `${path}/purge`, body, query: strict, contentType, signal },
      ]);
      assert.deepEqual(cluster.child('clarive/purge')?.contents, contents);
      assert.deepEqual(written, [['clarive/purge', told, { references: Object.keys(contents) }]]);
    });
});

test('a status is a merge patch of the status subresource, for the very daemon that was seen', async () => {
  const status: ClariveDaemonStatus = { observedGeneration: 2, replicas: 1, conditions: [] };
  const before = { ...daemon, status: { observedGeneration: 1, replicas: 1, image: 'old' } };
  const answer = { ...before, status, metadata: { ...daemon.metadata, uid: 'd', resourceVersion: '6' } };
  const { cluster, requests, signal } = aCluster(answer);
  await cluster.writeStatus(before, status);
  assert.deepEqual(requests, [
    {
      method: 'PATCH',
      path: '/apis/clarive.com/v1/namespaces/clarive/clarivedaemons/purge/status',
      body: { metadata: { uid: daemon.metadata.uid }, status: { ...status, image: null } },
      query: { fieldManager: 'clarive-operator' },
      contentType: 'application/merge-patch+json',
      signal,
    },
  ]);
  assert.deepEqual(cluster.daemon('clarive/purge')?.status, status);
});

describe('a refusal of a child', () => {
  const expected: [number, string, string | undefined][] = [
    [400, 'BadRequest', 'InvalidSpec'],
    [413, 'RequestEntityTooLarge', 'InvalidSpec'],
    [422, 'Invalid', 'InvalidSpec'],
    [403, 'Forbidden', 'AdmissionRejected'],
    [401, 'Unauthorized', undefined],
    [404, 'NotFound', undefined],
    [409, 'Conflict', undefined],
    [429, 'TooManyRequests', undefined],
    [500, 'InternalError', undefined],
  ];
  for (const [code, reason, refused] of expected) {
    test(`with ${code} ${refused ? `is ${refused}` : 'is tried again'}`, async () => {
      const cause = refusal(code, reason);
      const { cluster, child } = aCluster(cause);
      const error = await rejection(cluster.scaleChild(child, 1));
      if (!refused) return assert.equal(error, cause);
      assert.ok(error instanceof RefusedError);
      assert.deepEqual([error.reason, error.message, error.cause], [refused, 'as the server says', cause]);
    });
  }

  test('by the network is passed on as it is', async () => {
    const cause = new Error('unreachable');
    const { cluster } = aCluster(cause);
    assert.equal(await rejection(cluster.createChild(desired)), cause);
  });
});

test('the status of a dispatcher is written in the same way, and the next read shows it', async () => {
  const dispatcher = aDispatcher();
  const status: ClariveDispatcherStatus = { observedGeneration: 1, active: '6/7' };
  const metadata = { ...dispatcher.metadata, uid: 'd', resourceVersion: '6' };
  const { cluster, requests, signal } = aCluster(
    { ...dispatcher, status, metadata },
    refusal(404, 'NotFound'),
  );
  await cluster.writeDispatcherStatus(dispatcher, status);
  assert.deepEqual(requests, [
    {
      method: 'PATCH',
      path: '/apis/clarive.com/v1/namespaces/clarive/clarivedispatchers/main/status',
      body: { metadata: { uid: dispatcher.metadata.uid }, status },
      query: { fieldManager: 'clarive-operator' },
      contentType: 'application/merge-patch+json',
      signal,
    },
  ]);
  assert.deepEqual(cluster.dispatcher('clarive/main')?.status, status);
  await cluster.writeDispatcherStatus(dispatcher, status); // one that was deleted meanwhile needs no status
});

test('the daemons of a dispatcher are found by its key', () => {
  const { cluster, daemons } = aCluster();
  for (const [name, dispatcher] of [
    ['a', 'main'],
    ['b', 'main'],
    ['c', 'other'],
    ['d', undefined],
  ] as const) {
    const dispatcherRef = dispatcher && { dispatcherRef: { name: dispatcher } };
    const daemon = aDaemon({ metadata: { name }, ...dispatcherRef });
    daemons.upsert({ key: `clarive/${name}`, uid: name, resourceVersion: '1', daemon });
  }
  const names = cluster.attached('clarive/main').map(({ metadata }) => metadata.name);
  assert.deepEqual(names.toSorted(), ['a', 'b']);
  assert.deepEqual(cluster.attached('clarive/none'), []);
});

test('reads come from the stores; pods are found by their daemon, and Events about volumes by the pods', async () => {
  const { cluster, pods, mountFailures, requests } = aCluster();
  const pod = {
    key: 'clarive/purge-1',
    uid: 'p',
    resourceVersion: '1',
    daemon: 'clarive/purge',
  } as unknown as ObservedPod;
  pods.upsert(pod);
  assert.deepEqual(cluster.pods('clarive/purge'), [pod]);
  assert.deepEqual(cluster.pods('clarive/other'), []);
  const failure: MountFailure = {
    key: 'clarive/purge-1.1',
    uid: 'e',
    resourceVersion: '2',
    pod: 'clarive/purge-1',
    podUid: 'p',
    message: 'no',
    toldAt: '',
  };
  mountFailures.upsert(failure);
  mountFailures.upsert({ ...failure, key: 'clarive/purge-1.2', podUid: 'earlier' });
  assert.deepEqual(cluster.mountFailures('clarive/purge'), [failure]);
  assert.deepEqual(cluster.mountFailures('clarive/other'), []);
  assert.equal(cluster.daemon('clarive/purge'), undefined);
  assert.deepEqual(requests, []);
});

describe('the gate of a pod', () => {
  const gates = ['example.com/quota', 'clarive.com/exclusive'];
  const pod = observePod(rawPod({ gates }));
  const lifted = rawPod({ gates: ['example.com/quota'] }) as { metadata: object };
  const answer = { ...lifted, metadata: { ...lifted.metadata, resourceVersion: '8' } };

  test('is lifted if the pod is still as it was seen, and other gates stay', async () => {
    const { cluster, pods, requests, written } = aCluster(answer);
    await cluster.liftGate(pod);
    assert.deepEqual(
      requests.map(({ method, path, query, body, contentType, timeoutMs }) => ({
        method,
        path,
        query,
        body,
        contentType,
        timeoutMs,
      })),
      [
        {
          method: 'PATCH',
          path: '/api/v1/namespaces/clarive/pods/purge-1',
          query: { fieldManager: 'clarive-operator', fieldValidation: 'Strict', timeout: '5000ms' },
          body: {
            metadata: { uid: 'uid-of-purge-1', resourceVersion: '7' },
            spec: { schedulingGates: [{ name: 'example.com/quota' }] },
          },
          contentType: 'application/merge-patch+json',
          timeoutMs: 5000,
        },
      ],
    );
    assert.deepEqual(pods.get('clarive/purge-1')?.gates, ['example.com/quota']);
    assert.deepEqual(written, [['clarive/purge', 'Pod let start', { pod: 'purge-1' }]]);
  });

  test('is not lifted when the lease could end before the request', async () => {
    const { cluster, leading, requests } = aCluster(answer);
    leading.forMs = 4999;
    await assert.rejects(cluster.liftGate(pod), /The lease is about to end/);
    assert.deepEqual(requests, []);
    leading.forMs = 5000;
    await cluster.liftGate(pod);
    assert.equal(requests.length, 1);
  });

  test('may be lifted or not if the server has not said', async () => {
    const lost = new Error('PATCH failed: socket hang up');
    const timeout = refusal(504, 'Timeout', 'request did not complete');
    for (const failure of [lost, timeout]) {
      const { cluster } = aCluster(failure);
      await assert.rejects(cluster.liftGate(pod), (error: unknown) => {
        assert.ok(error instanceof UncertainError);
        assert.equal(error.forMs, 10_000);
        return true;
      });
    }
  });

  test('is not lifted if the server has refused', async () => {
    const conflict = refusal(409, 'Conflict', 'the object has been modified');
    const forbidden = refusal(403, 'Forbidden', 'you may not');
    await assert.rejects(aCluster(conflict).cluster.liftGate(pod), ApiError);
    await assert.rejects(aCluster(forbidden).cluster.liftGate(pod), RefusedError);
  });

  test('pods are listed as they are now, by their service', async () => {
    const { cluster, requests } = aCluster({
      items: [rawPod({ name: 'one' }), rawPod({ name: 'two', gates })],
    });
    const found = await cluster.listPods('clarive', 'service.scheduler');
    assert.deepEqual(
      found.map(({ name, gates: own }) => [name, own.length]),
      [
        ['one', 0],
        ['two', 2],
      ],
    );
    const [request] = requests;
    assert.equal(request?.path, '/api/v1/namespaces/clarive/pods');
    assert.deepEqual(request.query, { labelSelector: 'clarive.com/service=service.scheduler' });
  });
});
