/** `helm install` of operator and daemons, and what administrators rely on afterwards. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { helm } from '../../../charts/suite/helm.ts';
import type { KubeClient } from '../../../test/support/kube-client.ts';
import { disruptionBudgets, pods } from '../../../test/support/resources.ts';
import { until, untilGone } from '../../../test/support/until.ts';
import { judge, secondsSince } from '../figures.ts';
import {
  fetchFrom,
  memoryOf,
  nameOf,
  restartsOf,
  startOf,
  untilAnotherReady,
  untilLeader,
  untilReady,
} from '../operator-pods.ts';
import {
  clear,
  connect,
  createNamespaces,
  daemonNamespace,
  given,
  imageValues,
  install,
  kubectl,
  releaseName,
  systemNamespace,
  untilActive,
} from '../stage.ts';

const activeTarget = { atMost: 60, unit: 's' } as const;
const megabyte = 1e6;

suite('an operator of the whole cluster', () => {
  let kube: KubeClient;
  /** The same administrator in the operator's namespace. */
  let system: KubeClient;

  before(async () => {
    kube = await connect();
    system = kube.in(systemNamespace);
    await createNamespaces(kube, systemNamespace, daemonNamespace);
  });
  after(async () => {
    await clear(kube);
    kube.close();
  });

  test('has seven daemons Active within a minute', async (t) => {
    const startedAtMs = performance.now();
    await install('clarive-operator', releaseName, systemNamespace, ...imageValues());
    await install('clarive-daemons', 'clarive', daemonNamespace);
    await untilActive(kube, 7);
    judge(t, 'from helm install to seven Active', { value: secondsSince(startedAtMs), ...activeTarget });
    t.diagnostic(await kubectl('get', 'clarivedaemons,clarivedispatchers', '--namespace', daemonNamespace));
  });

  test('adds little to the image of Node', (t) => {
    const value = Number(given('OPERATOR_IMAGE_BYTES')) / megabyte;
    judge(t, 'bytes of the image over its base', { value, atMost: 10, unit: 'MB' });
  });

  test('answers probes and tells its metrics in both replicas', async () => {
    for (const pod of await untilReady(system)) {
      assert.equal(await fetchFrom(system, pod, 8081, '/livez'), 'ok\n');
      assert.equal(await fetchFrom(system, pod, 8081, '/readyz'), 'ok\n');
      assert.equal(restartsOf(pod), 0);
    }
    const path = `/api/v1/namespaces/${systemNamespace}/services/${releaseName}-metrics:metrics/proxy/metrics`;
    assert.match(String(await kube.call({ method: 'GET', path })), /^leader_election_master_status/m);
  });

  test('needs no word about its namespace to find its Lease', async (t) => {
    const name = 'without-namespace';
    t.after(async () => {
      await system.delete(pods, name);
      await untilGone(system, pods, name, { timeoutMs: 40_000 }); // until then it would stand for election
    });
    const [like] = await untilReady(system);
    const { spec } = like ?? {};
    const [container] = spec?.containers ?? [];
    const args = container?.args?.filter((arg) => !arg.startsWith('--leader-election-namespace')) ?? [];
    assert.equal(args.length + 1, container?.args?.length);
    await system.create(pods, {
      metadata: { name },
      spec: {
        serviceAccountName: releaseName,
        automountServiceAccountToken: true,
        securityContext: spec?.securityContext ?? {},
        containers: [{ ...container, name: 'operator', args, env: [], volumeMounts: [] }],
      },
    });
    const isReady = (pod: { status?: { conditions?: { type: string; status: string }[] } }) =>
      pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
    await until(system, pods, name, isReady, { timeoutMs: 30_000, describe: 'the pod to be Ready' });
  });

  test('loses one replica at a time to evictions, and the other takes over', async (t) => {
    const before = await untilReady(system);
    const leader = await untilLeader(system, before);
    const standby = before.find((pod) => pod !== leader) ?? leader;
    const isCounted = { timeoutMs: 30_000, describe: 'the budget to count both replicas' };
    await until(
      system,
      disruptionBudgets,
      releaseName,
      ({ status }) => status?.disruptionsAllowed === 1,
      isCounted,
    );

    const evictedAtMs = performance.now();
    assert.equal(await evict(system, nameOf(leader)), 201);
    assert.equal(await evict(system, nameOf(standby)), 429);
    await untilLeader(system, [standby]);
    judge(t, 'from the eviction of the leader to the next', {
      value: secondsSince(evictedAtMs),
      atMost: 2,
      unit: 's',
    });
    await untilGone(system, pods, nameOf(leader), { timeoutMs: 40_000 });
    await untilReady(system);
  });

  test('is ready soon after its start', async (t) => {
    for (const round of [1, 2, 3]) {
      const before = await untilReady(system);
      const [gone = ''] = before.map(nameOf);
      await system.delete(pods, gone);
      const young = await untilAnotherReady(system, before);
      const toldAtMs = Date.now();
      const { startedAtMs, readyAtMs } = await startOf(system, young);
      const seconds = (endMs: number) =>
        ({ value: (endMs - startedAtMs) / 1000, atMost: 2, unit: 's' }) as const;
      judge(
        t,
        `start ${round}: from the start of the process to ready, as it says itself`,
        seconds(readyAtMs),
      );
      judge(t, `start ${round}: to Ready, as the API server tells`, seconds(toldAtMs));
      await untilGone(system, pods, gone, { timeoutMs: 40_000 });
    }
  });

  test('passes helm test', async (t) => {
    const output = await helm('test', releaseName, '--namespace', systemNamespace, '--logs');
    t.diagnostic(output);
    assert.match(output, /Phase: +Succeeded/);
    for (const word of ['active', 'stopped', 'gone'])
      assert.ok(output.includes(`${releaseName}-test is ${word}`), word);
  });

  test('is content with little memory while nothing happens', async (t) => {
    await untilActive(kube, 7);
    for (const pod of await untilReady(system)) {
      const { workingSet, resident } = await memoryOf(pod);
      const inMegabytes = (mebibytes: number) => (mebibytes * 2 ** 20) / megabyte;
      const most = { atMost: 90, unit: 'MB' } as const;
      judge(t, `memory of the cgroup of ${nameOf(pod)}`, { value: inMegabytes(workingSet), ...most });
      judge(t, 'its resident memory, with the pages of Node', { value: inMegabytes(resident), ...most });
    }
  });
});

/** Evicts a pod as a drain of its node does; returns the code of the answer. */
async function evict(kube: KubeClient, name: string): Promise<number> {
  const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace: kube.namespace } };
  const path = kube.path(pods, name, { subresource: 'eviction' });
  return (await kube.send({ method: 'POST', path, body })).code;
}
