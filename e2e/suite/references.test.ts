/** ConfigMaps and Secrets that change while daemons run which have read them. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { ClariveDaemon, ClariveDaemonSpec } from '../../src/api/clarive-daemon.ts';
import {
  clariveDaemons,
  configMaps,
  deployments,
  events,
  pods,
  secrets,
} from '../../test/support/resources.ts';
import { until } from '../../test/support/until.ts';
import { condition, daemon, patience, untilNoPods, untilReason } from './daemons.ts';
import { withKubectl, type Given } from './kubectl.ts';
import { OwnOperator, ownOperatorLabel } from './own-operator.ts';

const passwords = ['hunter2 and more', 'hunter3 and more'] as const;
const switches = ['--restart-on-configmap-change', '--restart-on-secret-change'];

/** As long as a daemon has to run well before the next one takes its turn. */
const provenMs = 10_000;

const spec: Record<'one' | 'two' | 'three', Partial<ClariveDaemonSpec>> = {
  one: {
    service: 'service.sem.daemon',
    envFrom: [{ configMapRef: { name: 'shared' } }, { secretRef: { name: 'smtp' } }],
  },
  two: {
    service: 'service.event.daemon',
    template: {
      spec: { volumes: [{ name: 'conf', projected: { sources: [{ configMap: { name: 'own' } }] } }] },
    },
  },
  three: {
    service: 'service.daemon.email',
    env: [{ name: 'COLOUR', valueFrom: { configMapKeyRef: { name: 'shared', key: 'COLOUR' } } }],
  },
};

/** A test beside an operator with both switches on, and with these daemons running. */
function withDaemons(
  t: TestContext,
  names: readonly (keyof typeof spec)[],
  body: (given: Given, operator: OwnOperator) => Promise<void>,
): Promise<void> {
  return withKubectl(t, (given) =>
    OwnOperator.run(
      given,
      async (operator) => {
        const { kube } = given;
        for (const name of ['shared', 'own'])
          await kube.create(configMaps, { metadata: { name }, data: { COLOUR: 'red' } });
        await kube.create(secrets, { metadata: { name: 'smtp' }, stringData: { PASSWORD: passwords[0] } });
        for (const name of names) await create(given, name, spec[name]);
        for (const name of names) await untilReason(given, name, 'Running');
        await body(given, operator);
      },
      switches,
    ),
  );
}

async function create({ kube }: Given, name: string, own: Partial<ClariveDaemonSpec>): Promise<void> {
  const metadata = { name, labels: { [ownOperatorLabel]: '' } };
  await kube.create(clariveDaemons, { ...daemon(name, own), metadata });
}

/** Waits until another pod than this one runs the daemon. */
function untilReplaced({ kube }: Given, name: string, pod: string | undefined): Promise<ClariveDaemon> {
  const isReplaced = (object: ClariveDaemon) =>
    object.status?.pod?.name !== pod &&
    object.status?.replicas === 1 &&
    condition(object, 'Ready')?.reason === 'Running';
  return until(kube, clariveDaemons, name, isReplaced, {
    ...patience,
    describe: `a new pod of "${name}" to run`,
  });
}

async function podOf({ kube }: Given, name: string): Promise<string | undefined> {
  return (await kube.get(clariveDaemons, name)).status?.pod?.name;
}

/** The value of a variable, as the daemon's container has it. */
async function valueIn({ kubectl }: Given, pod = '', variable: string): Promise<string> {
  return (await kubectl('exec', pod, '--', 'sh', '-c', `echo "$${variable}"`)).trim();
}

/** How many pod templates the Deployment has had, as its controller counts them. */
async function revisionOf({ kube }: Given, name: string): Promise<string | undefined> {
  return (await kube.get(deployments, name)).metadata?.annotations?.['deployment.kubernetes.io/revision'];
}

test('a changed ConfigMap comes to the daemons that name it, one after the other, and to no other', (t) =>
  withDaemons(t, ['one', 'two', 'three'], async (given) => {
    const { kube, kubectl } = given;
    const before = {
      one: await podOf(given, 'one'),
      two: await podOf(given, 'two'),
      three: await podOf(given, 'three'),
    };
    await kubectl('label', 'configmap/shared', 'example.com/team=blue');
    await kubectl('patch', 'configmap/shared', '--type=merge', '-p', '{"data":{"COLOUR":"blue"}}');
    const waiting = await untilReason(given, 'three', 'WaitingForTurn');
    assert.equal(condition(waiting, 'Active')?.status, 'True');
    assert.match(
      condition(waiting, 'Ready')?.message ?? '',
      /^Takes over the new contents of ConfigMap "shared" as soon as one has run well/,
    );
    const one = await untilReplaced(given, 'one', before.one);
    const three = await untilReplaced(given, 'three', before.three);
    const startedMs = ({ status }: ClariveDaemon) => Date.parse(status?.pod?.startedAt ?? '');
    assert.ok(startedMs(three) - startedMs(one) >= provenMs, 'the second came too early');
    for (const pod of [one, three].map(({ status }) => status?.pod?.name))
      assert.equal(await valueIn(given, pod, 'COLOUR'), 'blue');
    assert.equal(await podOf(given, 'two'), before.two);
    assert.deepEqual([await revisionOf(given, 'one'), await revisionOf(given, 'three')], ['2', '2']);

    await kubectl('patch', 'configmap/own', '--type=merge', '-p', '{"data":{"COLOUR":"blue"}}');
    await untilReplaced(given, 'two', before.two);
    const [podOfOne] = await kube.list(pods, { labelSelector: 'app.kubernetes.io/instance=one' });
    assert.equal(podOfOne?.metadata?.name, one.status?.pod?.name);
  }));

test('a changed Secret comes to the daemon that names it, and its values to nobody else', (t) =>
  withDaemons(t, ['one', 'three'], async (given, operator) => {
    const { kube, kubectl } = given;
    const before = { one: await podOf(given, 'one'), three: await podOf(given, 'three') };
    const change = JSON.stringify({ stringData: { PASSWORD: passwords[1] } });
    await kubectl('patch', 'secret/smtp', '--type=merge', '-p', change);
    const { status } = await untilReplaced(given, 'one', before.one);
    assert.equal(await valueIn(given, status?.pod?.name, 'PASSWORD'), passwords[1]);
    assert.equal(await podOf(given, 'three'), before.three);

    const told = await kube.list(events);
    const reason = told.find((event) => event.reason === 'ReferenceChanged');
    assert.equal(reason?.message, 'The daemon is restarted, because Secret "smtp" changed');
    const written = [
      told,
      await kube.list(clariveDaemons),
      await kube.list(deployments),
      await operator.log(),
    ];
    for (const value of passwords)
      for (const form of [value, Buffer.from(value).toString('base64')])
        assert.ok(!JSON.stringify(written).includes(form), 'no value is told to anybody');
  }));

test('a stopped daemon is not started by a change, nor started twice with it', (t) =>
  withDaemons(t, ['one'], async (given, operator) => {
    const { kube, kubectl } = given;
    await kubectl('scale', 'cld/one', '--replicas=0');
    await untilNoPods(given, 'one');
    await kubectl('patch', 'configmap/shared', '--type=merge', '-p', '{"data":{"COLOUR":"blue"}}');
    await operator.stop();
    await kubectl('patch', 'configmap/shared', '--type=merge', '-p', '{"data":{"COLOUR":"green"}}');
    await operator.start();
    await untilReason(given, 'one', 'Stopped');
    assert.equal((await kube.list(pods, { labelSelector: 'app.kubernetes.io/instance=one' })).length, 0);
    await kubectl('scale', 'cld/one', '--replicas=1');
    const { status } = await untilReason(given, 'one', 'Running');
    assert.equal(await revisionOf(given, 'one'), '1');
    assert.equal(await valueIn(given, status?.pod?.name, 'COLOUR'), 'green');
  }));

test('a daemon that waits for what it names starts once, when that appears', (t) =>
  withDaemons(t, [], async (given) => {
    const { kube } = given;
    await create(given, 'late', { envFrom: [{ configMapRef: { name: 'late' } }] });
    await untilReason(given, 'late', 'MissingReference');
    const waiting = await podOf(given, 'late');
    await kube.create(configMaps, { metadata: { name: 'late' }, data: { COLOUR: 'red' } });
    const { status } = await untilReason(given, 'late', 'Running');
    assert.equal(status?.pod?.name, waiting);
    assert.equal(await revisionOf(given, 'late'), '1');
  }));
