/** `helm install` of operator and daemons, and what administrators rely on afterwards. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { after, before, suite, test } from 'node:test';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { helm } from '../../../charts/suite/helm.ts';
import type { KubeClient } from '../../../test/support/kube-client.ts';
import { clariveDaemons, disruptionBudgets, pods } from '../../../test/support/resources.ts';
import { until, untilGone } from '../../../test/support/until.ts';
import { tokenKubeconfig } from '../../../test/support/token-kubeconfig.ts';
import { judge, secondsSince } from '../figures.ts';
import {
  fetchFrom,
  memoryOf,
  nameOf,
  restartsOf,
  secondsToReady,
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
    t.after(() => system.delete(pods, name, { gracePeriodSeconds: 0 }));
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
      const [first] = await untilReady(system);
      const gone = nameOf(first ?? {});
      await system.delete(pods, gone);
      await untilGone(system, pods, gone, { timeoutMs: 40_000 });
      const young = (await untilReady(system)).toSorted(byAge).at(-1) ?? {};
      const value = await secondsToReady(system, young);
      judge(t, `from its start to ready, start ${round}`, { value, atMost: 2, unit: 's' });
    }
  });

  test('passes helm test', async (t) => {
    const output = await helm('test', releaseName, '--namespace', systemNamespace, '--logs');
    t.diagnostic(output);
    assert.match(output, /Phase: +Succeeded/);
    for (const word of ['active', 'stopped', 'gone'])
      assert.ok(output.includes(`${releaseName}-test is ${word}`), word);
  });

  test('lets a starter start and stop, and nothing else', async (t) => {
    await kubectl('create', 'serviceaccount', 'night-shift', '--namespace', daemonNamespace);
    const subject = ['--serviceaccount', `${daemonNamespace}:night-shift`, '--namespace', daemonNamespace];
    const role = `--clusterrole=${releaseName}-starter`;
    await kubectl('create', 'rolebinding', 'night-shift', role, ...subject);
    const token = (await kubectl('create', 'token', 'night-shift', '--namespace', daemonNamespace)).trim();
    const folder = await mkdtemp(join(tmpdir(), 'clarive-starter-'));
    t.after(() => rm(folder, { recursive: true }));
    const kubeconfig = join(folder, 'kubeconfig');
    await writeFile(kubeconfig, await tokenKubeconfig(kubectl, token), { mode: 0o600 });
    const starter = (...args: string[]) =>
      kubectl('--kubeconfig', kubeconfig, '--namespace', daemonNamespace, ...args);
    t.diagnostic(await starter('auth', 'can-i', '--list'));
    assert.deepEqual(await allowedVerbs(starter), [
      ...['get', 'list', 'watch'].map((verb) => `${verb} clarivedaemons`),
      ...['get', 'update', 'patch'].map((verb) => `${verb} clarivedaemons/scale`),
      ...['get', 'list', 'watch'].map((verb) => `${verb} clarivedispatchers`),
      ...['get', 'update', 'patch'].map((verb) => `${verb} clarivedispatchers/scale`),
    ]);

    for (const [replicas, isMet] of [
      ['0', false],
      ['1', true],
    ] as const) {
      await starter('scale', 'cld/purge', `--replicas=${replicas}`);
      const became = isMet ? 'Active' : 'not Active';
      const told = ({ status }: { status?: { conditions?: { type: string; status: string }[] } }) =>
        status?.conditions?.some(
          (one) => one.type === 'Active' && one.status === (isMet ? 'True' : 'False'),
        ) ?? false;
      await until(kube, clariveDaemons, 'purge', told, {
        timeoutMs: 60_000,
        describe: `purge to be ${became}`,
      });
    }
    await starter('scale', 'cldisp/main', '--replicas=1', '--current-replicas=1');
    for (const refused of forbidden)
      await assert.rejects(starter(...refused), /Forbidden|forbidden/, `kubectl ${refused.join(' ')}`);
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

const forbidden = [
  ['patch', 'cld/purge', '--type=merge', '-p', '{"spec":{"image":"localhost/other:1"}}'],
  ['annotate', 'cld/purge', 'a=b'],
  ['delete', 'cld/purge'],
  ['delete', 'cldisp/main'],
  ['create', 'deployment', 'own', '--image=localhost/other:1'],
  ['scale', 'deployment/purge', '--replicas=0'],
  ['exec', 'deployment/purge', '--', 'true'],
  ['get', 'secrets'],
  ['get', 'pods'],
];

suite('an operator of one namespace', () => {
  let kube: KubeClient;

  before(async () => {
    kube = await connect();
    await createNamespaces(kube, systemNamespace, daemonNamespace);
  });
  after(async () => {
    await clear(kube);
    kube.close();
  });

  test('is installed by an administrator of that namespace and has seven daemons Active within a minute', async (t) => {
    const startedAtMs = performance.now();
    await install('clarive-operator-crds', 'clarive-operator-crds', systemNamespace);
    await grantInstallation();
    const asInstaller = ['--kube-as-user=installer'];
    const scope = `watchNamespaces={${daemonNamespace}},crds.enabled=false,rbac.userRoles=false`;
    const values = [...imageValues(), '--set', scope];
    await install('clarive-operator', releaseName, daemonNamespace, ...values, ...asInstaller);
    await install('clarive-daemons', 'clarive', daemonNamespace, ...asInstaller);
    await untilActive(kube, 7);
    judge(t, 'from helm install to seven Active', { value: secondsSince(startedAtMs), ...activeTarget });

    for (const pod of await untilReady(kube)) assert.equal(restartsOf(pod), 0);
    await untilLeader(kube, await untilReady(kube));
    const made = await kubectl(
      'get',
      'clusterroles,clusterrolebindings',
      '--selector=app.kubernetes.io/part-of=clarive',
      '-o',
      'name',
    );
    assert.equal(made, '');
  });

  test('passes helm test', async () => {
    const output = await helm(
      'test',
      releaseName,
      '--namespace',
      daemonNamespace,
      '--kube-as-user=installer',
    );
    assert.match(output, /Phase: +Succeeded/);
  });
});

/** What docs/install.md asks for somebody who may install the operator into one namespace. */
async function grantInstallation(): Promise<void> {
  const user = ['--user=installer', '--namespace', daemonNamespace];
  const role = 'clarive-operator-installer';
  const resources = [
    ...['', '/status', '/scale', '/finalizers'].map(
      (subresource) => `clarivedaemons.clarive.com${subresource}`,
    ),
    ...['', '/status', '/scale'].map((subresource) => `clarivedispatchers.clarive.com${subresource}`),
  ];
  await kubectl('create', 'rolebinding', 'installer-admin', '--clusterrole=admin', ...user);
  const rights = ['--verb=*', `--resource=${resources.join(',')}`, '--namespace', daemonNamespace];
  await kubectl('create', 'role', role, ...rights);
  await kubectl('create', 'rolebinding', role, `--role=${role}`, ...user);
}

function byAge(one: { metadata?: { creationTimestamp?: string } }, other: typeof one): number {
  return (
    Date.parse(one.metadata?.creationTimestamp ?? '') - Date.parse(other.metadata?.creationTimestamp ?? '')
  );
}

/** Evicts a pod as a drain of its node does; returns the code of the answer. */
async function evict(kube: KubeClient, name: string): Promise<number> {
  const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace: kube.namespace } };
  const path = kube.path(pods, name, { subresource: 'eviction' });
  return (await kube.send({ method: 'POST', path, body })).code;
}

/** Those of many rights that kubectl calls allowed. */
async function allowedVerbs(as: (...args: string[]) => Promise<string>): Promise<string[]> {
  const ours = ['clarivedaemons', 'clarivedispatchers'].flatMap((kind) => [
    [kind],
    [kind, 'scale'],
    [kind, 'status'],
  ]);
  const others = [['deployments'], ['deployments', 'scale'], ['pods'], ['secrets']];
  const allowed: string[] = [];
  for (const [resource = '', subresource = ''] of [...ours, ...others])
    for (const verb of ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete']) {
      const question = ['auth', 'can-i', verb, resource, `--subresource=${subresource}`];
      const answer = await as(...question).catch(() => 'no'); // it ends with 1 for a no
      if (answer.trim() === 'yes')
        allowed.push(`${verb} ${[resource, subresource].filter(Boolean).join('/')}`);
    }
  return allowed;
}
