/** What kubectl does to a ClariveDaemon is what it does to a Deployment. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { V1Pod, V1Scale, V2HorizontalPodAutoscaler } from '@kubernetes/client-node';
import { autoscalers, clariveDaemons, deployments, pods, type Json } from '../../test/support/resources.ts';
import { until, untilGone, untilList } from '../../test/support/until.ts';
import { condition, daemon, patience, untilNoPods, untilReason } from './daemons.ts';
import { withKubectl } from './kubectl.ts';

test('apply creates a daemon that becomes Active, and wait waits for it', (t) =>
  withKubectl(t, async ({ kube, apply, kubectl }) => {
    await apply(daemon('one'));
    const waited = await kubectl('wait', '--for=condition=Active', '--timeout=90s', 'clarivedaemon/one');
    assert.match(waited, /one condition met/);
    const isReady = { ...patience, describe: 'the Deployment to count the pod' };
    await until(kube, deployments, 'one', ({ status }) => status?.readyReplicas === 1, isReady);
    const table = await kubectl('get', 'cld');
    assert.match(
      table,
      /NAME +SERVICE +ACTIVE +STATE +RESTARTS +AGE\s+one +service\.sem\.daemon +True +Running +0/,
    );
  }));

test('scale to 0 stops the daemon until its pod is gone, and to 1 starts it', (t) =>
  withKubectl(t, async (given) => {
    const { apply, kubectl } = given;
    await apply(daemon('one'));
    await untilReason(given, 'one', 'Running');
    await kubectl('scale', 'clarivedaemon/one', '--replicas=0');
    const stopped = await untilReason(given, 'one', 'Stopped');
    assert.equal(stopped.status?.replicas, 0);
    await untilNoPods(given, 'one');
    assert.equal(condition(stopped, 'Ready')?.status, 'True');
    assert.equal(condition(stopped, 'Active')?.status, 'False');
    await kubectl('scale', 'clarivedaemon/one', '--replicas=1');
    assert.equal(condition(await untilReason(given, 'one', 'Running'), 'Active')?.status, 'True');
  }));

test('patch and edit change the running daemon', (t) =>
  withKubectl(t, async (given) => {
    const { apply, edit, kubectl, kube } = given;
    await apply(daemon('one', { env: [{ name: 'COLOUR', value: 'red' }] }));
    await untilReason(given, 'one', 'Running');
    await edit('clarivedaemon/one', 'red', 'blue');
    await untilEnv('blue');
    await kubectl(
      'patch',
      'clarivedaemon',
      'one',
      '--type=json',
      '-p',
      '[{"op":"remove","path":"/spec/env"}]',
    );
    await untilEnv(undefined);

    async function untilEnv(value: string | undefined): Promise<void> {
      const has = ([pod, ...others]: Json<V1Pod>[]) =>
        others.length === 0 && pod?.status?.phase === 'Running' && colourOf(pod) === value;
      const query = { labelSelector: 'app.kubernetes.io/instance=one' };
      await untilList(kube, pods, query, has, {
        ...patience,
        describe: `the only pod to have COLOUR=${value}`,
      });
    }
  }));

function colourOf(pod: Json<V1Pod>): string | undefined {
  return pod.spec?.containers[0]?.env?.find(({ name }) => name === 'COLOUR')?.value;
}

test('apply --server-side twice changes nothing the second time', (t) =>
  withKubectl(t, async (given) => {
    const { apply, kube } = given;
    await apply(daemon('one'), '--server-side');
    await untilReason(given, 'one', 'Running');
    const before = await kube.get(clariveDaemons, 'one');
    await apply(daemon('one'), '--server-side');
    const after = await kube.get(clariveDaemons, 'one');
    assert.equal(after.metadata.resourceVersion, before.metadata.resourceVersion);
  }));

test('delete takes the Deployment and the pod along', (t) =>
  withKubectl(t, async (given) => {
    const { apply, kubectl, kube } = given;
    await apply(daemon('one'));
    await untilReason(given, 'one', 'Running');
    await kubectl('delete', 'clarivedaemon/one');
    await untilGone(kube, deployments, 'one', patience);
    await untilNoPods(given, 'one');
  }));

test('GET /scale works on a daemon that was applied without replicas', (t) =>
  withKubectl(t, async (given) => {
    const { apply, kube } = given;
    await apply(daemon('one'));
    const running = await untilReason(given, 'one', 'Running');
    const scale = await kube.getSubresource<Json<V1Scale>>(clariveDaemons, 'one', 'scale');
    assert.equal(scale.spec?.replicas, 1);
    assert.equal(scale.status?.replicas, 1);
    assert.equal(scale.status?.selector, running.status?.selector);
  }));

test('a HorizontalPodAutoscaler on a daemon is able to scale', (t) =>
  withKubectl(t, async (given) => {
    const { apply, kube, kubectl } = given;
    await apply(daemon('one'));
    await untilReason(given, 'one', 'Running');
    await kubectl('autoscale', 'clarivedaemon/one', '--min=1', '--max=1', '--cpu=80%');
    const able = (object: Json<V2HorizontalPodAutoscaler>) =>
      object.status?.conditions?.some(({ type, status }) => type === 'AbleToScale' && status === 'True') ??
      false;
    await until(kube, autoscalers, 'one', able, { ...patience, describe: 'AbleToScale to be True' });
  }));

test('unknown fields are refused by the default validation of kubectl', (t) =>
  withKubectl(t, async ({ apply }) => {
    await assert.rejects(
      apply({ ...daemon('one'), spec: { service: 'service.sem.daemon', replica: 1 } }),
      /unknown field "spec\.replica"/,
    );
  }));
