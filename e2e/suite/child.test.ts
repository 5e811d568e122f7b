/** What the Deployment of a daemon makes possible, and what becomes of one that somebody changes behind the operator's back. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClariveDaemon } from '../../src/api/clarive-daemon.ts';
import { clariveDaemons, deployments, pods } from '../../test/support/resources.ts';
import { until, untilList } from '../../test/support/until.ts';
import { condition, daemon, patience, untilReason } from './daemons.ts';
import { withKubectl } from './kubectl.ts';

test('a child that lost the label by which it is watched gets it back, and can be stopped', (t) =>
  withKubectl(t, async (given) => {
    const { apply, kubectl, kube } = given;
    await apply(daemon('one'));
    await untilReason(given, 'one', 'Running');
    await kubectl('label', 'deployment/one', 'app.kubernetes.io/managed-by-');
    const isLabelled = { ...patience, describe: 'the label to be back' };
    await until(kube, deployments, 'one', hasLabels, isLabelled);
    await kubectl('label', 'deployment/one', 'clarive.com/service-', 'app.kubernetes.io/instance-');
    await until(kube, deployments, 'one', hasLabels, isLabelled);
    await kubectl('scale', 'clarivedaemon/one', '--replicas=0');
    await untilReason(given, 'one', 'Stopped');
  }));

function hasLabels({ metadata }: { metadata?: { labels?: Record<string, string | undefined> } }): boolean {
  const labels = metadata?.labels ?? {};
  return ['app.kubernetes.io/managed-by', 'app.kubernetes.io/instance', 'clarive.com/service'].every(
    (label) => labels[label] !== undefined,
  );
}

test('what somebody changed in the child is repaired, what somebody added stays', (t) =>
  withKubectl(t, async (given) => {
    const { apply, kubectl, kube } = given;
    await apply(daemon('one'));
    await untilReason(given, 'one', 'Running');
    const { image } = (await kube.get(deployments, 'one')).spec?.template.spec?.containers[0] ?? {};
    await kubectl('annotate', 'deployment/one', 'example.com/note=mine');
    await kubectl('scale', 'deployment/one', '--replicas=0');
    await kubectl('set', 'image', 'deployment/one', 'daemon=localhost/other:1');
    const repaired = await until(
      kube,
      deployments,
      'one',
      ({ spec }) => spec?.replicas === 1 && spec.template.spec?.containers[0]?.image === image,
      { ...patience, describe: 'replicas and image to be repaired' },
    );
    assert.equal(repaired.metadata?.annotations?.['example.com/note'], 'mine');
    await untilReason(given, 'one', 'Running');
  }));

test('a spec that becomes valid again, as it was, is found to be carried by the child that moved on meanwhile', (t) =>
  withKubectl(t, async (given) => {
    const { apply, kubectl, kube } = given;
    const change = (spec: string) => kubectl('patch', 'cld', 'one', '--type=merge', '-p', `{"spec":${spec}}`);
    await apply(daemon('one', { config: { a: 1 } }));
    await untilReason(given, 'one', 'Running');
    await change('{"env":[{"name":"A","value":"1"}]}');
    const { status } = await untilReason(given, 'one', 'Running');
    await change('{"config":{"a":9007199254740993}}');
    await untilReason(given, 'one', 'InvalidSpec');
    await kubectl('delete', 'pod', status?.pod?.name ?? '');
    const isReplaced = (object: ClariveDaemon) =>
      object.status?.pod?.name !== status?.pod?.name && condition(object, 'Active')?.status === 'True';
    await until(kube, clariveDaemons, 'one', isReplaced, {
      ...patience,
      describe: 'another pod to be active',
    });
    const { metadata } = await kube.get(deployments, 'one');
    await change('{"config":{"a":1}}');
    await untilReason(given, 'one', 'Running');
    assert.equal((await kube.get(deployments, 'one')).metadata?.generation, metadata?.generation);
  }));

test('kubectl rollout restart of the child is left alone', (t) =>
  withKubectl(t, async (given) => {
    const { apply, kubectl, kube } = given;
    await apply(daemon('one'));
    await untilReason(given, 'one', 'Running');
    await kubectl('rollout', 'restart', 'deployment/one');
    await kubectl('rollout', 'status', 'deployment/one', '--timeout=60s');
    await kubectl('patch', 'cld', 'one', '--type=merge', '-p', '{"spec":{"env":[{"name":"A","value":"1"}]}}');
    await kubectl('rollout', 'status', 'deployment/one', '--timeout=60s');
    await untilReason(given, 'one', 'Running');
    const { spec } = await kube.get(deployments, 'one');
    assert.ok(spec?.template.metadata?.annotations?.['kubectl.kubernetes.io/restartedAt']);
  }));

test('a Deployment of that name that belongs to somebody else is a Conflict and is not touched', (t) =>
  withKubectl(t, async (given) => {
    const { apply, kubectl, kube } = given;
    await kubectl('create', 'deployment', 'one', '--image=localhost/other:1', '--replicas=0');
    const before = await kube.get(deployments, 'one');
    await apply(daemon('one'));
    const conflict = await untilReason(given, 'one', 'Conflict');
    assert.match(condition(conflict, 'Ready')?.message ?? '', /"one" already exists/);
    const after = await kube.get(deployments, 'one');
    assert.deepEqual(after.spec, before.spec);
    assert.deepEqual(after.metadata?.ownerReferences, before.metadata?.ownerReferences);
  }));

test('an orphaned Deployment is taken back by a daemon of its name, without a new pod', (t) =>
  withKubectl(t, async (given) => {
    const { apply, kubectl, kube } = given;
    await apply(daemon('one'));
    const before = await untilReason(given, 'one', 'Running');
    await kubectl('delete', 'clarivedaemon/one', '--cascade=orphan');
    await apply(daemon('one'));
    const after = await untilReason(given, 'one', 'Running');
    assert.equal(after.status?.pod?.name, before.status?.pod?.name);
    const child = await kube.get(deployments, 'one');
    assert.equal(child.metadata?.ownerReferences?.[0]?.uid, after.metadata.uid);
  }));

test('the config of the spec is the file that the daemon reads', (t) =>
  withKubectl(t, async (given) => {
    await given.apply(daemon('configured', { config: { frequency: 7, name: 'no', verbose: false } }));
    await untilReason(given, 'configured', 'Running');
    const [pod] = await untilList(
      given.kube,
      pods,
      { labelSelector: 'app.kubernetes.io/instance=configured' },
      (found) => found.length === 1,
      { describe: 'the pod' },
    );
    const file = await given.kubectl(
      'exec',
      pod?.metadata?.name ?? '',
      '--',
      'cat',
      '/opt/clarive/config/clarive.yml',
    );
    assert.equal(file, 'service.sem.daemon:\n  frequency: 7\n  name: "no"\n  verbose: 0\n');
  }));

test('Pod Security "restricted" lets the daemon in', (t) =>
  withKubectl(t, async (given) => {
    await given.kubectl(
      'label',
      'namespace',
      given.kube.namespace,
      'pod-security.kubernetes.io/enforce=restricted',
    );
    await given.apply(daemon('restricted'));
    await untilReason(given, 'restricted', 'Running');
  }));
