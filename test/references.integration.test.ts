/** The operator on a real API server: what becomes of a Deployment when a ConfigMap or a Secret changes that its pod names. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { OperatorProcess } from '../e2e/operator-process.ts';
import type { ClariveDaemonSpec } from '../src/api/clarive-daemon.ts';
import { contentsAnnotation, restartedAtAnnotation } from '../src/api/labels.ts';
import { inNamespace } from './support/in-namespace.ts';
import type { KubeClient } from './support/kube-client.ts';
import { clariveDaemons, configMaps, deployments, events, secrets } from './support/resources.ts';
import { until, untilList } from './support/until.ts';

const password = 'correct horse battery staple';

/** An operator for one namespace, which can be ended and started anew. */
async function anOperator(t: TestContext, { namespace }: KubeClient, ...flags: string[]) {
  const folder = await mkdtemp(join(tmpdir(), 'clarive-references-'));
  const log = join(folder, 'operator.log');
  let running: OperatorProcess | undefined;
  const stop = async () => {
    await running?.stop();
    running = undefined;
  };
  const start = async (...more: string[]) => {
    const common = ['--leader-election=false', '--default-image=clarive:7', '--health-address=:0'];
    const args = [...common, '--metrics-address=0', `--namespaces=${namespace}`, ...flags, ...more];
    running = await OperatorProcess.start({ env: {}, args, log });
  };
  t.after(async () => {
    await stop();
    await rm(folder, { recursive: true });
  });
  await start();
  return { start, stop, log: () => readFile(log, 'utf8') };
}

function create(kube: KubeClient, name: string, spec: Partial<ClariveDaemonSpec>) {
  return kube.create(clariveDaemons, {
    metadata: { name },
    spec: { service: 'service.sem.daemon', ...spec },
  });
}

interface Child {
  metadata?: { annotations?: Record<string, string> | undefined } | undefined;
  spec?:
    { template: { metadata?: { annotations?: Record<string, string> | undefined } | undefined } } | undefined;
}

/** How many pod templates a Deployment has had, as its controller counts them. */
function revisionOf({ metadata }: Child): number {
  return Number(metadata?.annotations?.['deployment.kubernetes.io/revision']);
}

function contentsOf({ metadata }: Child): string | undefined {
  return metadata?.annotations?.[contentsAnnotation];
}

function restartOf({ spec }: Child): string | undefined {
  return spec?.template.metadata?.annotations?.[restartedAtAnnotation];
}

function untilRevision(kube: KubeClient, name: string, revision: number): Promise<Child> {
  const describe = `Deployment "${name}" to have its pod template number ${revision}`;
  return until(kube, deployments, name, (child: Child) => revisionOf(child) === revision, { describe });
}

/** Waits until something is written down, or all of it. */
function untilRecorded(kube: KubeClient, isRecorded: (contents: string) => boolean): Promise<Child> {
  const is = (child: Child) => isRecorded(contentsOf(child) ?? 'null');
  return until(kube, deployments, 'one', is, { describe: 'what there is to be written down' });
}

const both = ['--restart-on-configmap-change', '--restart-on-secret-change'];
const named = { envFrom: [{ configMapRef: { name: 'settings' } }, { secretRef: { name: 'smtp' } }] };
const other = { service: 'service.event.daemon', envFrom: [{ configMapRef: { name: 'other' } }] };

async function createContents(kube: KubeClient): Promise<void> {
  for (const name of ['settings', 'other'])
    await kube.create(configMaps, { metadata: { name }, data: { A: '1' } });
  await kube.create(secrets, { metadata: { name: 'smtp' }, stringData: { PASSWORD: password } });
}

test('a change of content replaces the pod once, and only of daemons that name it', (t) =>
  inNamespace(t, async (kube) => {
    await createContents(kube);
    const operator = await anOperator(t, kube, ...both);
    await create(kube, 'one', named);
    await create(kube, 'two', other);
    assert.equal(restartOf(await untilRevision(kube, 'one', 1)), undefined);
    await untilRevision(kube, 'two', 1);

    await kube.patch(configMaps, 'settings', { metadata: { labels: { team: 'blue' } } });
    await kube.patch(configMaps, 'settings', { data: { A: '2' } });
    await untilRevision(kube, 'one', 2);
    await kube.patch(secrets, 'smtp', { stringData: { PASSWORD: 'another one' } });
    await untilRevision(kube, 'one', 3);
    const says = 'The daemon is restarted, because Secret "smtp" changed';
    const isTold = (all: { message?: string | undefined }[]) => all.some(({ message }) => message === says);
    const told = await untilList(kube, events, {}, isTold, { describe: `an Event: ${says}` });

    await operator.stop();
    await kube.patch(configMaps, 'settings', { data: { A: '3' } });
    await operator.start();
    await untilRevision(kube, 'one', 4);
    await operator.stop();
    await operator.start();
    await kube.patch(configMaps, 'other', { data: { A: '2' } });
    await untilRevision(kube, 'two', 2);
    await operator.stop(); // so that it has logged what it was told of
    const log = await operator.log();
    const restarts = log.split('\n').filter((line) => line.includes('Deployment restarted'));
    const daemons = restarts.map((line) => (JSON.parse(line) as { daemon: string }).daemon.split('/')[1]);
    assert.deepEqual(daemons, ['one', 'one', 'one', 'two']);
    assert.doesNotMatch(log, /References recorded/);

    const written = [await kube.list(deployments), await kube.list(clariveDaemons), told, log];
    for (const secret of [password, 'another one'])
      for (const form of [secret, Buffer.from(secret).toString('base64')])
        assert.ok(!JSON.stringify(written).includes(form), 'no value is told to anybody');
  }));

test('what is missing and appears replaces nothing', (t) =>
  inNamespace(t, async (kube) => {
    await anOperator(t, kube, ...both);
    await create(kube, 'one', named);
    const first = await untilRevision(kube, 'one', 1);
    assert.equal(contentsOf(first), '{"ConfigMap/settings":null,"Secret/smtp":null}');
    await createContents(kube);
    const known = await untilRecorded(kube, (contents) => !contents.includes('null'));
    assert.deepEqual([revisionOf(known), restartOf(known)], [1, undefined]);
    await kube.patch(configMaps, 'settings', { data: { A: '2' } });
    await untilRevision(kube, 'one', 2);
  }));

test('without the switches nothing is watched or written; turning them on replaces nothing', (t) =>
  inNamespace(t, async (kube) => {
    await createContents(kube);
    const operator = await anOperator(t, kube);
    await create(kube, 'one', named);
    assert.equal(contentsOf(await untilRevision(kube, 'one', 1)), undefined);
    await operator.stop();
    await operator.start('--restart-on-configmap-change');
    const known = await untilRecorded(kube, (contents) => contents !== 'null');
    assert.match(contentsOf(known) ?? '', /^\{"ConfigMap\/settings":"[0-9a-f]{16}"\}$/);
    assert.deepEqual([revisionOf(known), restartOf(known)], [1, undefined]);
    await kube.patch(secrets, 'smtp', { stringData: { PASSWORD: 'x' } });
    await kube.patch(configMaps, 'settings', { data: { A: '2' } });
    await untilRevision(kube, 'one', 2);
  }));
