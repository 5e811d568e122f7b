import assert from 'node:assert/strict';
import { test } from 'node:test';
import { apiServerFlags, controllerManagerFlags } from './control-plane-flags.ts';
import type { ClusterPlan } from './plan.ts';

const plan: ClusterPlan = {
  name: 'test',
  root: '/clusters/test',
  data: '/data',
  programs: {},
  nodes: 0,
  ports: { apiServer: 1001, etcd: 1002, etcdPeer: 1003 },
  controllers: true,
  auditLog: false,
  apiServerFlags: [],
  pauseImage: '',
  images: [],
  detached: false,
};

test('a control plane without nodes is reachable from this machine only', () => {
  const flags = apiServerFlags(plan);
  assert.ok(flags.includes('--bind-address=127.0.0.1'));
  assert.ok(flags.includes('--endpoint-reconciler-type=none'), 'a loopback address cannot be an endpoint');
});

test('with nodes the API server advertises an address that pods can reach', () => {
  assert.ok(apiServerFlags({ ...plan, nodes: 1 }).includes('--advertise-address=172.30.0.1'));
});

test('flags of the caller come last, so that they win', () => {
  assert.equal(apiServerFlags({ ...plan, apiServerFlags: ['--v=4'] }).at(-1), '--v=4');
});

test('a node is lost as soon as the caller says', () => {
  const isMonitor = (flag: string): boolean => flag.startsWith('--node-monitor-');
  assert.equal(controllerManagerFlags(plan).some(isMonitor), false);
  const flags = controllerManagerFlags({ ...plan, nodeLostAfterSeconds: 6 });
  assert.ok(flags.includes('--node-monitor-grace-period=6s'), flags.join());
});

test('requests are recorded only if asked for', () => {
  const isAudit = (flag: string): boolean => flag.startsWith('--audit-');
  assert.equal(apiServerFlags(plan).some(isAudit), false);
  assert.equal(apiServerFlags({ ...plan, auditLog: true }).some(isAudit), true);
});
