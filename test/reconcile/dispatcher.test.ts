/** A dispatcher's switch, its absence, and what it says of its daemons. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RefusedError } from '../../src/reconcile/errors.ts';
import { aDaemon, aDispatcher } from '../support/builders.ts';
import { Installation } from './installation.ts';
import { Scene } from './scene.ts';

const attached = { dispatcherRef: { name: 'main' } };

test('a dispatcher of replicas 0 stops every daemon, and 1 brings back each as its own switch says', async () => {
  const installation = await Installation.running();
  const { cluster } = installation;
  cluster.editDaemon('clarive/c', { replicas: 0 });
  await installation.pass(5);
  assert.equal(installation.summary, 'Running Ready 3/4');

  cluster.writes = [];
  installation.change({ replicas: 0 });
  await installation.pass(5);
  assert.deepEqual(
    cluster.writes.filter((write) => write.startsWith('scale')),
    ['scale a to 0', 'scale b to 0', 'scale d to 0'],
  );
  assert.deepEqual(installation.verdicts, {
    a: 'DispatcherStopped Ready',
    b: 'DispatcherStopped Ready',
    c: 'Stopped Ready',
    d: 'DispatcherStopped Ready',
  });
  assert.equal(installation.summary, 'Stopped Ready 0/4');
  const { status } = cluster.dispatcher(installation.main) ?? {};
  assert.deepEqual([status?.replicas, status?.daemons?.stopped], [0, 4]);

  cluster.writes = [];
  installation.change({ replicas: 1 });
  await installation.pass(5);
  assert.deepEqual(
    cluster.writes.filter((write) => write.startsWith('scale')),
    ['scale a to 1', 'scale b to 1', 'scale d to 1'],
  );
  assert.deepEqual(installation.verdicts['c'], 'Stopped Ready');
  assert.equal(installation.summary, 'Running Ready 3/4');
  assert.equal(cluster.dispatcher(installation.main)?.status?.replicas, 1);
});

test('a daemon whose dispatcher is missing is not created until it appears', async () => {
  const installation = Installation.headless('a');
  await installation.pass(3);
  assert.deepEqual(installation.cluster.writes, ['status a MissingReference']);
  assert.equal(installation.verdicts['a'], 'MissingReference Reconciling');
  assert.match(
    installation.message('a'),
    /^Can't find the ClariveDispatcher "main", which spec\.dispatcherRef names: create it/,
  );
  installation.cluster.putDispatcher();
  await installation.pass(3);
  assert.equal(installation.cluster.writes[1], 'create a at 1');
  assert.equal(installation.verdicts['a'], 'Running Ready Active');
});

test('a daemon whose dispatcher goes is left as it is, can be stopped, and not be started', async () => {
  const installation = await Installation.running(['a']);
  const { cluster } = installation;
  cluster.dispatchers.clear();
  cluster.editDaemon('clarive/a', { env: [{ name: 'A', value: '1' }] });
  await installation.pass(3);
  assert.deepEqual(cluster.writes, ['status a MissingReference']);
  assert.equal(installation.verdicts['a'], 'MissingReference Reconciling Active');

  cluster.writes = [];
  cluster.editDaemon('clarive/a', { replicas: 0 });
  await installation.pass(3);
  assert.equal(cluster.writes[0], 'scale a to 0');
  assert.equal(cluster.daemon('clarive/a')?.status?.replicas, 0);

  cluster.writes = [];
  cluster.editDaemon('clarive/a', { replicas: 1 });
  await installation.pass(3);
  assert.deepEqual(
    cluster.writes.filter((write) => !write.startsWith('status')),
    [],
  );
});

test('after ten minutes without its dispatcher a daemon is stalled', async () => {
  const scene = new Scene();
  const key = scene.cluster.putDaemon(aDaemon(attached));
  await scene.visitUntilWritten(key);
  scene.nowMs += 600_000;
  await scene.visit(key);
  assert.equal(scene.verdict(key), 'MissingReference Stalled');
});

test('a dispatcher of that name that comes anew is taken like the first', async () => {
  const installation = await Installation.running(['a']);
  installation.cluster.dispatchers.clear();
  await installation.pass(2);
  installation.cluster.putDispatcher(aDispatcher({ image: 'clarive:1' }));
  installation.cluster.writes = [];
  await installation.pass(2);
  assert.deepEqual(
    installation.cluster.writes.filter((write) => !write.startsWith('status')),
    [],
  );
  assert.equal(installation.verdicts['a'], 'Running Ready Active');
});

test('a dispatcher without daemons says so', async () => {
  const scene = new Scene();
  const key = scene.cluster.putDispatcher();
  await scene.visitDispatcher(key);
  const { status } = scene.cluster.dispatcher(key) ?? {};
  assert.deepEqual(
    [status?.active, status?.replicas, status?.conditions?.[0]?.reason],
    ['0/0', 0, 'NoDaemons'],
  );
});

test('a dispatcher that is gone is nobody to visit', async () => {
  assert.deepEqual(await new Scene().visitDispatcher('clarive/gone'), []);
});

test('of a dispatcher at rest nothing is written, nor after a restart of the operator', async () => {
  const installation = await Installation.running();
  installation.scene.restartOperator();
  installation.scene.nowMs += 3_600_000;
  await installation.pass(3);
  assert.deepEqual(installation.cluster.writes, []);
});

test('a dispatcher is not Ready for its new settings before its daemons are', async () => {
  const installation = await Installation.running(['a']);
  installation.change({ image: 'clarive:2' });
  await installation.scene.visitDispatcher(installation.main);
  installation.scene.nowMs += 250;
  await installation.scene.visitDispatcher(installation.main);
  const { status, metadata } = installation.cluster.dispatcher(installation.main) ?? {};
  assert.equal(status?.observedGeneration, metadata?.generation);
  assert.equal(installation.summary, 'Progressing Reconciling 1/1');
  await installation.pass(20);
  assert.equal(installation.summary, 'Running Ready 1/1');
});

test('a daemon that needs help makes its dispatcher stalled, in its words', async () => {
  const installation = await Installation.running();
  installation.cluster.editDaemon('clarive/b', { config: { big: 2 ** 60 } });
  await installation.pass(2);
  assert.equal(installation.summary, 'DaemonsStalled Stalled 4/4');
  assert.match(
    installation.dispatcherMessage,
    /^b is InvalidSpec; b: The number spec\.config\.big is beyond/,
  );
});

test('what the dispatcher has wrong shows on each daemon, with the place to mend', async () => {
  const installation = await Installation.running();
  installation.change({ config: { big: 2 ** 60 } });
  await installation.pass(2);
  for (const name of ['a', 'b', 'c', 'd']) {
    assert.equal(installation.verdicts[name], 'InvalidSpec Stalled Active');
    assert.match(
      installation.message(name),
      /^The number spec\.config\.big of the ClariveDispatcher "main" is beyond/,
    );
  }
});

test('an overlay that the API server refuses shows on each daemon, and stops none', async () => {
  const installation = await Installation.running();
  installation.cluster.childWriteError = new RefusedError(
    'InvalidSpec',
    'Deployment.apps "x" is invalid: spec: no',
  );
  installation.change({ template: { spec: { priority: -1 } } });
  await installation.pass(10);
  for (const name of ['a', 'b', 'c', 'd'])
    assert.equal(installation.verdicts[name], 'InvalidSpec Stalled Active', name);
  installation.cluster.childWriteError = undefined;
  installation.change({ template: {} });
  await installation.pass(3);
  assert.equal(installation.summary, 'Running Ready 4/4');
});

test('a daemon that moves to another dispatcher counts there', async () => {
  const installation = await Installation.running(['a', 'b']);
  const { cluster, scene } = installation;
  const other = cluster.putDispatcher(aDispatcher({ metadata: { name: 'other' } }));
  cluster.editDaemon('clarive/b', { dispatcherRef: { name: 'other' } });
  await installation.pass(5);
  await scene.visitDispatcher(other);
  assert.equal(installation.summary, 'Running Ready 1/1');
  assert.equal(cluster.dispatcher(other)?.status?.active, '1/1');
});

test('of many daemons that wait, those that come next are told of a change', async () => {
  const { cluster, main, scene } = Installation.headless();
  cluster.putDispatcher(aDispatcher());
  const names = Array.from({ length: 120 }, (_, index) => `d${String(index).padStart(3, '0')}`);
  const ready = {
    type: 'Ready',
    status: 'False',
    reason: 'WaitingForTurn',
    message: '',
    lastTransitionTime: '',
  };
  for (const name of names.toReversed()) {
    const daemon = aDaemon({ metadata: { name }, dispatcherRef: { name: 'main' } });
    cluster.putDaemon({ ...daemon, status: { conditions: [{ ...ready, status: 'False' }] } });
  }
  const told = await scene.visitDispatcher(main);
  assert.deepEqual(
    told,
    names.slice(0, 100).map((name) => `clarive/${name}`),
  );
});
