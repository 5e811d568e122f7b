import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ObservedPod } from '../../src/status/observed.ts';
import { rejectionOf } from '../../src/status/rejections.ts';
import { look, messageOf, verdict } from './look.ts';
import { aChild, aPod, at, waiting, type RawPodOptions } from './observed-builders.ts';

const words = 'forbidden sysctl: "kernel.msgmax" not allowlisted';

function rejected(second: number, options: RawPodOptions = {}): ObservedPod {
  const name = `purge-${second}`;
  const message = `Pod was rejected: ${words}`;
  return aPod({
    name,
    createdAt: at(second),
    phase: 'Failed',
    reason: 'SysctlForbidden',
    message,
    container: null,
    ...options,
  });
}

function fresh(second: number, options: RawPodOptions = {}): ObservedPod {
  return aPod({ name: 'purge-new', createdAt: at(second), phase: 'Pending', container: null, ...options });
}

const three = [rejected(1), rejected(1, { name: 'purge-1b' }), rejected(2)];

const rejections: [name: string, pods: ObservedPod[]][] = [
  ['three pods in a row', three],
  ['three pods, whatever their order', three.toReversed()],
  ['three pods, and the next one is new', [...three, fresh(2)]],
];

for (const [name, pods] of rejections) {
  test(`a node rejects ${name}`, () => assert.equal(rejectionOf(pods), words));
}

const others: [name: string, pods: ObservedPod[]][] = [
  ['there is no pod', []],
  ['two pods were rejected: a node may just have run full', [rejected(1), rejected(2), fresh(2)]],
  ['the next pod was taken', [...three, fresh(2, { container: waiting('ContainerCreating') })]],
  [
    'the next pod finds no node',
    [...three, fresh(2, { node: null, scheduled: { reason: 'Unschedulable' } })],
  ],
  ['the next pod is being deleted', [...three, fresh(2, { deleting: true })]],
  ['that was a minute before', [...three, fresh(62)]],
  [
    'one of them was evicted',
    [...three, rejected(2, { name: 'purge-2b', reason: 'Evicted', message: 'Full' })],
  ],
  ['the pod template has changed', [...three, { ...fresh(2), template: 'another' }]],
];

for (const [name, pods] of others) {
  test(`there is no rejection to tell of when ${name}`, () => assert.equal(rejectionOf(pods), undefined));
}

test('is AdmissionRejected in the words of the kubelet, and says the same whether the next pod is there or not', () => {
  const before = look({ pods: three, child: aChild({ current: 0 }) }).status;
  assert.deepEqual(
    [verdict(before), messageOf(before)],
    [
      'AdmissionRejected Stalled',
      `The node rejects the pod: ${words}; remove it from securityContext.sysctls in spec.template.spec, or allow it in the kubelet of every node`,
    ],
  );
  const after = look({ before, pods: [...three, fresh(2)], second: 61 }).status;
  assert.deepEqual(after, before);
});

test('hides no older pod that still runs', () => {
  const older = aPod({ name: 'purge-0', deleting: true });
  const { status } = look({ pods: [older, ...three, fresh(2)], child: aChild({ current: 1 }) });
  assert.equal(verdict(status), 'AdmissionRejected Stalled Active');
  assert.deepEqual([status.replicas, status.readyReplicas, status.pod?.name], [1, 1, 'purge-0']);
});

test('is Starting again once the spec has changed', () => {
  const { status } = look({ pods: three, child: aChild({ generation: 2, observedGeneration: 1 }) });
  assert.equal(verdict(status), 'Starting Reconciling');
});

test('is Stopped when it is to be stopped', () => {
  const { status } = look({ pods: three, wanted: 0, child: aChild({ replicas: 0 }) });
  assert.equal(verdict(status), 'Stopped Ready');
});
