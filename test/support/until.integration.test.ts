import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inNamespace } from './in-namespace.ts';
import { KubeError } from './kube-client.ts';
import { configMaps, pods } from './resources.ts';
import { until, untilGone, untilList } from './until.ts';

test('until() returns the object as soon as it meets the condition', async (t) => {
  await inNamespace(t, async (kube) => {
    const found = until(kube, configMaps, 'a', ({ data }) => data?.['colour'] === 'red', {
      describe: 'the config map to be red',
    });
    await kube.create(configMaps, { metadata: { name: 'other' }, data: { colour: 'red' } });
    await kube.create(configMaps, { metadata: { name: 'a' }, data: { colour: 'blue' } });
    await kube.patch(configMaps, 'a', { data: { colour: 'red' } });
    assert.deepEqual((await found).data, { colour: 'red' });
  });
});

test('until() shows what there is when its time is over', async (t) => {
  await inNamespace(t, async (kube) => {
    await kube.apply(configMaps, { metadata: { name: 'a' }, data: { colour: 'blue' } });
    const isRed = { timeoutMs: 100, describe: 'the config map to be red' };
    await assert.rejects(
      until(kube, configMaps, 'a', ({ data }) => data?.['colour'] === 'red', isRed),
      /Waited 100 ms in vain for the config map to be red\n[^]*"colour": "blue"[^]*The namespace has no events/,
    );
  });
});

test('untilGone() returns when the object is deleted', async (t) => {
  await inNamespace(t, async (kube) => {
    await kube.create(configMaps, { metadata: { name: 'a' } });
    const gone = untilGone(kube, configMaps, 'a');
    await kube.delete(configMaps, 'a');
    await gone;
    assert.equal(await kube.find(configMaps, 'a'), undefined);
  });
});

test('untilList() returns the objects that a query selects, once they meet the condition', async (t) => {
  await inNamespace(t, async (kube) => {
    const areRunning = untilList(
      kube,
      pods,
      { labelSelector: 'app=a' },
      (selected) => selected.length === 2 && selected.every(({ status }) => status?.phase === 'Running'),
      { describe: 'both pods to run' },
    );
    const spec = { containers: [{ name: 'daemon', image: 'image' }] };
    for (const name of ['a-1', 'a-2', 'other']) {
      await kube.create(pods, { metadata: { name, labels: { app: name.split('-')[0] ?? '' } }, spec });
    }
    for (const name of ['a-1', 'a-2']) {
      await kube.patch(pods, name, { status: { phase: 'Running' } }, { subresource: 'status' });
    }
    assert.deepEqual(
      (await areRunning).map(({ metadata }) => metadata?.name),
      ['a-1', 'a-2'],
    );
  });
});

test('a client acts as another user by impersonation', async (t) => {
  await inNamespace(t, async (kube) => {
    const stranger = kube.as('stranger', 'system:authenticated', 'visitors');
    await assert.rejects(
      stranger.list(configMaps),
      (error) => error instanceof KubeError && error.code === 403,
    );
  });
});
