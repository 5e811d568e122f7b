/** Who may do what: the operator no more than it does, a starter nothing but start and stop. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { waitFor } from '../../e2e/host/wait-for.ts';
import type { OperatorProcess } from '../../e2e/operator-process.ts';
import type { ClariveDaemon } from '../../src/api/clarive-daemon.ts';
import type { KubeClient } from '../../test/support/kube-client.ts';
import { clariveDaemons, deployments } from '../../test/support/resources.ts';
import { until } from '../../test/support/until.ts';
import { releaseNamespace, type Rendered } from './helm.ts';
import { grantedTo, Stage, type Rule } from './stage.ts';

/** What can't be seen in an audit log: the admission plugin asks for it when an owner reference is written. */
const unseen = ['update clarivedaemons/finalizers'];

const restarting = 'daemons.restartOnConfigmapChange=true,daemons.restartOnSecretChange=true';

const scopes = [
  { name: 'of the whole cluster', args: [] },
  { name: 'of one namespace', args: ['--set', 'watchNamespaces={clarive}'] },
  { name: 'that restarts daemons for what they name', args: ['--set', restarting] },
  { name: 'that does so in one namespace', args: ['--set', `watchNamespaces={clarive},${restarting}`] },
];

suite('rights', () => {
  let stage: Stage;
  /** An API server as they were before they could stream lists. */
  let olderStage: Stage;

  before(async () => {
    stage = await Stage.start('--enable-admission-plugins=OwnerReferencesPermissionEnforcement');
    olderStage = await Stage.start('--feature-gates=WatchList=false');
  });
  after(async () => {
    await stage?.stop();
    await olderStage?.stop();
  });

  for (const { name, args } of scopes) {
    test(`an operator ${name} uses every right that it has, and needs no other`, async (t) => {
      const objects = await stage.install(...args);
      const used = new Set([
        ...(await usedWhile(stage, objects, (mark, operator) => haveItDoEverything(stage, mark, operator))),
        ...(await usedWhile(olderStage, await olderStage.install(...args), async () => undefined)),
      ]);
      const granted = grantedTo(objects);
      const unused = [...granted.difference(used)];
      const lacking = [...used.difference(granted)];
      t.diagnostic(`used: ${[...used].toSorted().join(', ')}`);
      t.diagnostic(`granted but not used: ${unused.join(', ') || 'nothing'}`);
      t.diagnostic(`used but not granted: ${lacking.join(', ') || 'nothing'}`);
      assert.deepEqual({ unused, lacking }, { unused: unseen, lacking: [] });
    });
  }

  for (const right of unseen) {
    test(`without ${right} no Deployment can be created`, async () => {
      const objects = await stage.install();
      const resource = right.split(' ')[1] ?? '';
      await stage.apply([withoutResource(objects, resource)]);
      const operator = await stage.startOperator(objects);
      try {
        await stage.kube.create(clariveDaemons, daemon('refused'));
        const isRefused = (found: ClariveDaemon) =>
          ready(found)?.message.includes('blockOwnerDeletion') ?? false;
        await until(stage.kube, clariveDaemons, 'refused', isRefused, { describe: 'the refusal to be told' });
      } finally {
        await operator.stop();
        await stage.clear(objects);
      }
    });
  }

  test('a starter may read, start and stop, and nothing else', async (t) => {
    const objects = await stage.install();
    const role = ['--clusterrole=clarive-operator-starter', '--user=starter', '--namespace=clarive'];
    await stage.kubectl('create', 'rolebinding', 'starter', ...role);
    const allowed = await rightsOf(stage.kube.as('starter'));
    t.diagnostic(allowed.join(', '));
    assert.deepEqual(allowed, [
      ...['get', 'list', 'watch'].map((verb) => `${verb} clarivedaemons`),
      ...['get', 'update', 'patch'].map((verb) => `${verb} clarivedaemons/scale`),
      ...['get', 'list', 'watch'].map((verb) => `${verb} clarivedispatchers`),
      ...['get', 'update', 'patch'].map((verb) => `${verb} clarivedispatchers/scale`),
    ]);

    await stage.kube.create(clariveDaemons, daemon('one'));
    const asStarter = (...args: string[]) => stage.kubectl('--as=starter', '--namespace=clarive', ...args);
    await asStarter('scale', 'clarivedaemon/one', '--replicas=0');
    assert.equal((await stage.kube.get(clariveDaemons, 'one')).spec.replicas, 0);
    await asStarter('scale', 'cld/one', '--replicas=1', '--current-replicas=0');
    assert.match(await asStarter('get', 'cld'), /one/);
    const patch = ['patch', 'cld', 'one', '--type=merge', '-p', '{"spec":{"image":"other:1"}}'];
    const tried = [patch, ['delete', 'cld', 'one'], ['annotate', 'cld', 'one', 'a=b'], ['get', 'secrets']];
    for (const refused of tried)
      await assert.rejects(asStarter(...refused), /Forbidden/, `kubectl ${refused.join(' ')}`);
    await stage.clear(objects);
  });
});

/** What the operator asks for from its start to its end. */
async function usedWhile(
  stage: Stage,
  objects: Rendered[],
  work: (mark: number, operator: OperatorProcess) => Promise<void>,
): Promise<Set<string>> {
  const mark = await stage.audit.mark();
  const operator = await stage.startOperator(objects);
  try {
    await work(mark, operator);
  } finally {
    await operator.stop();
    await stage.clear(objects);
  }
  return stage.usedSince(mark);
}

/** Brings about whatever an operator ever has to do. */
async function haveItDoEverything(stage: Stage, mark: number, operator: OperatorProcess): Promise<void> {
  const { kube } = stage;
  const untilReason = (name: string, reason: string) =>
    until(kube, clariveDaemons, name, (found) => ready(found)?.reason === reason, { describe: reason });

  await kube.create(clariveDaemons, daemon('one'));
  await until(kube, deployments, 'one', () => true, { describe: 'the Deployment' });
  // A stop is one Event; the same once more counts it up.
  for (const replicas of [0, 1, 0]) {
    await kube.scale(clariveDaemons, 'one', replicas);
    await untilReason('one', replicas === 0 ? 'Stopped' : 'Starting');
  }
  await kube.patch(clariveDaemons, 'one', { spec: { env: [{ name: 'A', value: '1' }] } });
  const hasVariable = (found: object) => JSON.stringify(found).includes('"A"');
  await until(kube, deployments, 'one', hasVariable, { describe: 'the variable' });
  // A Deployment of somebody else has to be looked at.
  await stage.kubectl('create', 'deployment', 'foreign', '--image=localhost/none:1', '--namespace=clarive');
  await kube.create(clariveDaemons, daemon('foreign', 'service.job.daemon'));
  await untilReason('foreign', 'Conflict');
  // The pod of an exclusive daemon has to be let start.
  await kube.create(clariveDaemons, daemon('scheduler', 'service.scheduler'));
  await stage.apply([dispatcher]);
  await changeLeaseBehindItsBack(stage, operator);
  const last = ['get leases', 'patch events', 'patch clarivedispatchers/status', 'patch pods'];
  await waitFor(async () => (await stage.usedSince(mark)).isSupersetOf(new Set(last)), {
    what: last.join(' and '),
    timeoutMs: 30_000,
  });
}

/** The operator sleeps, until its Lease is due for renewal, while the Lease changes: so the renewal is a conflict. */
async function changeLeaseBehindItsBack(stage: Stage, operator: OperatorProcess): Promise<void> {
  const lease = ['lease', 'clarive-operator', '--namespace', releaseNamespace];
  process.kill(operator.pid, 'SIGSTOP');
  try {
    await stage.kubectl('annotate', ...lease, 'example.com/touched=yes');
    const renewTime = Date.parse(await stage.kubectl('get', ...lease, '-o', 'jsonpath={.spec.renewTime}'));
    await waitFor(() => Date.now() > renewTime + 4000, { what: 'the renewal to be due', timeoutMs: 5000 });
  } finally {
    process.kill(operator.pid, 'SIGCONT');
  }
}

/** The operator's Role without the rule about one resource. */
function withoutResource(objects: Rendered[], resource: string): object {
  const role = objects.find(({ kind }) => kind === 'ClusterRole') as Rendered & { rules: Rule[] };
  return { ...role, rules: role.rules.filter(({ resources }) => !resources.includes(resource)) };
}

const dispatcher = {
  apiVersion: 'clarive.com/v1',
  kind: 'ClariveDispatcher',
  metadata: { name: 'main', namespace: 'clarive' },
  spec: {},
};

function daemon(name: string, service = 'service.purge.daemon'): ClariveDaemon {
  return {
    apiVersion: 'clarive.com/v1',
    kind: 'ClariveDaemon',
    metadata: { name },
    spec: { service },
  };
}

function ready({ status }: ClariveDaemon): { reason: string; message: string } | undefined {
  return status?.conditions?.find(({ type }) => type === 'Ready');
}

/** Those of many rights that a user has, by what `kubectl auth can-i` asks. */
async function rightsOf(user: KubeClient): Promise<string[]> {
  const ours = ['clarivedaemons', 'clarivedispatchers'].flatMap((kind) => [
    kind,
    ...['scale', 'status', 'finalizers'].map((subresource) => `${kind}/${subresource}`),
  ]);
  const others = ['deployments', 'deployments/scale', 'pods', 'pods/log', 'secrets', 'events', 'roles'];
  const allowed: string[] = [];
  for (const resource of [...ours, ...others])
    for (const verb of ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection'])
      if (await isAllowed(user, verb, resource)) allowed.push(`${verb} ${resource}`);
  return allowed;
}

const groups: Record<string, string> = {
  clarivedaemons: 'clarive.com',
  clarivedispatchers: 'clarive.com',
  deployments: 'apps',
  roles: 'rbac.authorization.k8s.io',
};

async function isAllowed(user: KubeClient, verb: string, path: string): Promise<boolean> {
  const [resource = '', subresource] = path.split('/');
  const { namespace } = user;
  const attributes = { namespace, verb, group: groups[resource] ?? '', resource, subresource };
  const body = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectAccessReview',
    spec: { resourceAttributes: attributes },
  };
  const reviews = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
  const { status } = (await user.call({ method: 'POST', path: reviews, body })) as {
    status: { allowed: boolean };
  };
  return status.allowed;
}
