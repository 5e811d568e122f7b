import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClariveDaemon, ClariveDaemonStatus } from '../../src/api/clarive-daemon.ts';
import { look } from '../status/look.ts';
import { aChild, aPod, at, backingOff, exit } from '../status/observed-builders.ts';
import { aDaemon } from '../support/builders.ts';
import { actionsOf, afterAction, healthOf, runLua, type Health } from './argo-cd.ts';

const starting = look({ pods: [], child: aChild({ current: 0 }) }).status;
const overdue = look({ pods: [], child: aChild({ current: 0 }), before: starting, second: 999 }).status;
const crashLoop = backingOff(exit(3, at(40), at(41)), { restartCount: 2 });

const rows: [
  name: string,
  status: ClariveDaemonStatus | undefined,
  health: Health['status'],
  message: RegExp,
][] = [
  ['without status', undefined, 'Progressing', /^Waiting for the Clarive operator$/],
  ['of an older spec', { ...look().status, observedGeneration: 0 }, 'Progressing', /^Waiting for the/],
  ['without conditions', { observedGeneration: 1 }, 'Progressing', /^Waiting for the/],
  ['Running', look().status, 'Healthy', /^Running: Pod purge-1 runs on node node-a$/],
  ['Stopped', look({ daemon: aDaemon({ replicas: 0 }) }).status, 'Healthy', /^Stopped: /],
  ['Stopping', look({ wanted: 0, pods: [aPod()] }).status, 'Progressing', /^Stopping: /],
  ['Starting', starting, 'Progressing', /^Starting: Waiting for the pod to be created/],
  ['Starting for too long', overdue, 'Degraded', /^Starting: /],
  ['CrashLooping', look({ pods: [aPod({ container: crashLoop })] }).status, 'Degraded', /^CrashLooping: /],
  [
    'InvalidSpec',
    look({ desired: { invalid: 'No image is known' }, pods: [], child: undefined }).status,
    'Degraded',
    /^InvalidSpec: No image is known/,
  ],
  [
    'Paused',
    look({ outcome: { is: 'paused', message: 'It is left alone' } }).status,
    'Suspended',
    /^Paused: It is left alone$/,
  ],
];

for (const [name, status, expected, message] of rows) {
  test(`Argo CD calls a daemon ${name} ${expected}`, async () => {
    const health = await healthOf(withStatus(aDaemon(), status));
    assert.equal(health.status, expected);
    assert.match(health.message, message);
  });
}

test('Argo CD offers to stop and restart a daemon that is to run, and to start one that is stopped', async () => {
  assert.deepEqual(await offered(aDaemon()), ['restart', 'stop']);
  assert.deepEqual(await offered(aDaemon({ replicas: 0 })), ['start']);
  assert.deepEqual(await offered(aDaemon({ paused: true })), ['stop']);
});

test('start, stop and restart change what they say and nothing else', async () => {
  const daemon = aDaemon({ replicas: 0, config: { sleep_period: 3600 } });
  const started = await afterAction('start', daemon);
  assert.deepEqual(started, { ...daemon, spec: { ...daemon.spec, replicas: 1 } });
  assert.deepEqual(await afterAction('stop', started), daemon);

  const { template, ...others } = (await afterAction('restart', started)).spec;
  assert.deepEqual(others, started.spec);
  const restartedAt = template?.metadata?.annotations?.['kubectl.kubernetes.io/restartedAt'];
  assert.match(restartedAt ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  assert.ok(Math.abs(Date.parse(restartedAt ?? '') - Date.now()) < 60_000);
});

test('restart keeps the rest of the pod template', async () => {
  const template = { metadata: { annotations: { a: 'b' } }, spec: { nodeSelector: { disk: 'ssd' } } };
  const restarted = (await afterAction('restart', aDaemon({ template }))).spec.template;
  assert.deepEqual(restarted?.spec, template.spec);
  assert.equal(restarted?.metadata?.annotations?.['a'], 'b');
});

test('the engine refuses what Argo CD refuses', async () => {
  await assert.rejects(runLua('return { status = string.upper("healthy") }', {}), /nil.*'upper'/);
  await assert.rejects(runLua('return { status = io.open("/etc/passwd") }', {}), /nil.*'open'/);
  await assert.rejects(runLua('return { status = require("os").getenv("HOME") }', {}), /non-function/);
  await assert.rejects(runLua('while true do end', {}), /deadline/);
});

async function offered(daemon: ClariveDaemon): Promise<string[]> {
  const actions = Object.entries(await actionsOf(daemon));
  return actions.flatMap(([name, { disabled }]) => (disabled ? [] : [name])).toSorted();
}

function withStatus(daemon: ClariveDaemon, status: ClariveDaemonStatus | undefined): ClariveDaemon {
  return { ...daemon, ...(status && { status }) };
}
