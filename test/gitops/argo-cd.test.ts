import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClariveDaemon, ClariveDaemonStatus } from '../../src/api/clarive-daemon.ts';
import { look } from '../status/look.ts';
import { aChild } from '../status/observed-builders.ts';
import { aDaemon } from '../support/builders.ts';
import { actionsOf, afterAction, healthOf, runLua, type Health } from './argo-cd.ts';
import { recordedAs, recordedDaemons, recordedDispatchers } from './recorded.ts';

const starting = look({ pods: [], child: aChild({ current: 0 }) }).status;
const overdue = look({ pods: [], child: aChild({ current: 0 }), before: starting, second: 999 }).status;

/** What no cluster was recorded with; recorded.test.ts has the rest. */
const rows: [
  name: string,
  status: ClariveDaemonStatus | undefined,
  health: Health['status'],
  message: RegExp,
][] = [
  ['without status', undefined, 'Progressing', /^Waiting for the Clarive operator$/],
  ['of an older spec', { ...look().status, observedGeneration: 0 }, 'Progressing', /^Waiting for the/],
  ['without conditions', { observedGeneration: 1 }, 'Progressing', /^Waiting for the/],
  ['Starting for too long', overdue, 'Degraded', /^Starting: /],
];

for (const [name, status, expected, message] of rows) {
  test(`Argo CD calls a daemon ${name} ${expected}`, async () => {
    const health = await healthOf(withStatus(aDaemon(), status));
    assert.equal(health.status, expected);
    assert.match(health.message, message);
  });
}

test('Argo CD shows the reason and its message', async () => {
  for (const object of [
    recordedAs(recordedDaemons, 'CrashLooping'),
    recordedAs(recordedDispatchers, 'DaemonsStalled'),
  ]) {
    const { reason, message } = object.status?.conditions?.find(({ type }) => type === 'Ready') ?? {};
    assert.equal((await healthOf(object)).message, `${reason}: ${message}`);
  }
});

test('Argo CD offers to stop and restart a daemon that is to run, and to start one that is stopped', async () => {
  assert.deepEqual(await offered(recordedAs(recordedDaemons, 'Running')), ['restart', 'stop']);
  assert.deepEqual(await offered(recordedAs(recordedDaemons, 'Stopped')), ['start']);
  assert.deepEqual(await offered(recordedAs(recordedDaemons, 'Paused')), ['stop']);
});

test('Argo CD offers to stop a dispatcher that is on, and to start one that is off', async () => {
  assert.deepEqual(await offered(recordedAs(recordedDispatchers, 'Running')), ['stop']);
  assert.deepEqual(await offered(recordedAs(recordedDispatchers, 'Stopped')), ['start']);
});

test('start and stop of a dispatcher change its switch and nothing else', async () => {
  const running = recordedAs(recordedDispatchers, 'Running');
  const stopped = await afterAction('stop', running);
  assert.deepEqual(stopped, { ...running, spec: { ...running.spec, replicas: 0 } });
  assert.deepEqual(await afterAction('start', stopped), running);
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

async function offered(object: { kind: string }): Promise<string[]> {
  const actions = Object.entries(await actionsOf(object));
  return actions.flatMap(([name, { disabled }]) => (disabled ? [] : [name])).toSorted();
}

function withStatus(daemon: ClariveDaemon, status: ClariveDaemonStatus | undefined): ClariveDaemon {
  return { ...daemon, ...(status && { status }) };
}
