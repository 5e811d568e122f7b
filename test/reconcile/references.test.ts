/** A daemon is restarted when a ConfigMap or a Secret changes that its pod was started with: once, and only then. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ClariveDaemonSpec } from '../../src/api/clarive-daemon.ts';
import { restartedAtAnnotation } from '../../src/api/labels.ts';
import type { ObjectKey } from '../../src/api/object-key.ts';
import { at } from '../status/observed-builders.ts';
import { aDaemon, aDispatcher } from '../support/builders.ts';
import { Installation } from './installation.ts';
import { Scene } from './scene.ts';

const settings = 'clarive/ConfigMap/settings';
const required = { envFrom: [{ configMapRef: { name: 'settings' } }] };
const optional = { envFrom: [{ configMapRef: { name: 'settings', optional: true } }] };
const smtp = { envFrom: [{ secretRef: { name: 'smtp' } }] };

interface Running {
  scene: Scene;
  key: ObjectKey;
  /** Writes to the child until all is at rest, and the names of the daemon's pods then. */
  afterwards: () => Promise<string[]>;
}

/** A daemon that runs, with a ConfigMap of content "1" unless another is given. */
async function running(
  spec: Partial<ClariveDaemonSpec> = required,
  content: string | null = '1',
  scene = new Scene(),
): Promise<Running> {
  if (content !== null) scene.cluster.contents.set(settings, content);
  const key = await scene.settled(aDaemon(spec));
  const afterwards = async () => {
    await scene.settle(key);
    const written = scene.cluster.writes.filter((write) => !write.startsWith('status'));
    scene.cluster.writes = [];
    return written;
  };
  return { scene, key, afterwards };
}

describe('a daemon that runs', () => {
  test('is restarted once by a change, and says why', async () => {
    const { scene, key, afterwards } = await running();
    const before = scene.cluster.existingPods(key).map(({ name }) => name);
    scene.cluster.contents.set(settings, '2');
    const now = at(Math.floor((scene.nowMs - Date.parse(at(0))) / 1000));
    assert.deepEqual(await afterwards(), [`restart purge at ${now}`]);
    const after = scene.cluster.existingPods(key).map(({ name }) => name);
    assert.equal(after.length, 1);
    assert.notDeepEqual(after, before);
    assert.equal(scene.verdict(key), 'Running Ready Active');
    assert.deepEqual(scene.cluster.events, ['Normal ReferenceChanged', 'Normal Running']);
    assert.ok(
      scene.cluster.messages.includes('The daemon is restarted, because ConfigMap "settings" changed'),
    );
    scene.restartOperator();
    assert.deepEqual(await afterwards(), []);
  });

  test('is restarted by a change made while the operator was away, and by no restart of it', async () => {
    const { scene, afterwards } = await running();
    scene.restartOperator();
    assert.deepEqual(await afterwards(), []);
    scene.cluster.contents.set(settings, '2');
    scene.restartOperator();
    assert.equal((await afterwards()).length, 1);
  });

  test('is not touched by what it does not name', async () => {
    const { scene, afterwards } = await running();
    scene.cluster.contents.set('clarive/ConfigMap/other', '1');
    scene.cluster.contents.set('clarive/Secret/settings', '1');
    scene.cluster.contents.set('other/ConfigMap/settings', '2');
    assert.deepEqual(await afterwards(), []);
  });

  test('is restarted by each of two changes within a second', async () => {
    const { scene, key } = await running();
    for (const content of ['2', '3']) {
      scene.cluster.contents.set(settings, content);
      await scene.visit(key);
    }
    const restarts = scene.cluster.writes.filter((write) => write.startsWith('restart'));
    assert.equal(new Set(restarts).size, 2, 'the same time again would change nothing');
  });

  test('takes a new spec and a new content in one step', async () => {
    const { scene, key, afterwards } = await running();
    scene.cluster.contents.set(settings, '2');
    scene.cluster.editDaemon(key, { image: 'clarive:8' });
    assert.deepEqual(await afterwards(), ['apply purge at 1']);
  });

  test('is restarted although the repair of a label is all that is to do besides', async () => {
    const { scene, key, afterwards } = await running();
    const before = scene.cluster.existingPods(key).map(({ name }) => name);
    scene.cluster.contents.set(settings, '2');
    scene.cluster.editChild(key, ({ metadata }) => delete metadata.labels?.['clarive.com/service']);
    assert.deepEqual(await afterwards(), ['apply purge at 1']);
    assert.notDeepEqual(
      scene.cluster.existingPods(key).map(({ name }) => name),
      before,
    );
  });

  test('keeps its pod when what it names goes, and when that comes back as it was', async () => {
    const { scene, afterwards } = await running();
    scene.cluster.contents.delete(settings);
    assert.deepEqual(await afterwards(), []);
    scene.cluster.contents.set(settings, '1');
    assert.deepEqual(await afterwards(), []);
    scene.cluster.contents.delete(settings);
    scene.cluster.contents.set(settings, '2');
    assert.equal((await afterwards()).length, 1);
  });

  test('is restarted when something optional appears that it runs without', async () => {
    const { scene, afterwards } = await running(optional, null);
    scene.cluster.contents.set(settings, '1');
    assert.match((await afterwards()).join(), /^restart purge at \S+$/);
  });

  test('restarts on a change of what it names since an edit', async () => {
    const { scene, key, afterwards } = await running(required);
    scene.cluster.contents.set('clarive/Secret/smtp', '1');
    scene.cluster.editDaemon(key, smtp);
    assert.deepEqual(await afterwards(), ['apply purge at 1']);
    scene.cluster.contents.set(settings, '2');
    assert.deepEqual(await afterwards(), []);
    scene.cluster.contents.set('clarive/Secret/smtp', '2');
    assert.equal((await afterwards()).length, 1);
  });
});

test('a daemon that waits for what it names is not restarted when that appears', async () => {
  const { scene, afterwards } = await running(required, null);
  scene.cluster.contents.set(settings, '1');
  assert.deepEqual(await afterwards(), ['record purge']);
  scene.cluster.contents.set(settings, '2');
  assert.match((await afterwards()).join(), /^restart/);
});

test('a stopped daemon is not started by a change, and starts with it in one step', async () => {
  const { scene, key, afterwards } = await running();
  scene.cluster.editDaemon(key, { replicas: 0 });
  assert.deepEqual(await afterwards(), ['scale purge to 0']);
  scene.cluster.contents.set(settings, '2');
  assert.deepEqual(await afterwards(), ['record purge']);
  assert.equal(scene.verdict(key), 'Stopped Ready');
  assert.deepEqual(scene.cluster.existingPods(key), []);
  scene.cluster.editDaemon(key, { replicas: 1 });
  assert.deepEqual(await afterwards(), ['scale purge to 1']);
  assert.equal(scene.verdict(key), 'Running Ready Active');
});

test('a pod that outlives a short stop is replaced, because it lacks the change', async () => {
  const { scene, key, afterwards } = await running();
  const before = scene.cluster.existingPods(key).map(({ name }) => name);
  scene.cluster.editDaemon(key, { replicas: 0 });
  await scene.visit(key);
  scene.cluster.contents.set(settings, '2');
  await scene.visit(key);
  scene.cluster.editDaemon(key, { replicas: 1 });
  await afterwards();
  assert.notDeepEqual(
    scene.cluster.existingPods(key).map(({ name }) => name),
    before,
  );
});

test('a paused daemon is left alone and says what has changed, until it is paused no longer', async () => {
  const { scene, key, afterwards } = await running();
  scene.cluster.editDaemon(key, { paused: true });
  scene.cluster.contents.set(settings, '2');
  assert.deepEqual(await afterwards(), []);
  assert.equal(scene.verdict(key), 'Paused Active');
  assert.equal(
    scene.message(key),
    'ConfigMap "settings" changed after the start, and the Deployment is left alone while spec.paused is true',
  );
  scene.cluster.editDaemon(key, { paused: false });
  assert.match((await afterwards()).join(), /^restart/);
});

describe('the switches', () => {
  test('are off: nothing is written on a child, and nothing is restarted', async () => {
    const { scene, key, afterwards } = await running(required, '1', new Scene([]));
    const { metadata } = scene.cluster.children.get(key) ?? {};
    assert.deepEqual(Object.keys(metadata?.annotations ?? {}), ['clarive.com/applied']);
    scene.cluster.contents.set(settings, '2');
    assert.deepEqual(await afterwards(), []);
  });

  test('are turned on: what is there is written down, and nothing is restarted', async () => {
    const { scene, afterwards } = await running(required, '1', new Scene([]));
    scene.restartOperator(['ConfigMap']);
    assert.deepEqual(await afterwards(), ['record purge']);
    scene.cluster.contents.set(settings, '2');
    assert.match((await afterwards()).join(), /^restart/);
  });

  test('are turned on one after the other', async () => {
    const envFrom = [...smtp.envFrom, { configMapRef: { name: 'settings', optional: true } }];
    const { scene, afterwards } = await running({ envFrom }, '1', new Scene(['Secret']));
    scene.restartOperator(['Secret', 'ConfigMap']);
    assert.deepEqual(await afterwards(), ['record purge']);
  });

  test('are turned off: nothing is written, and no pod is replaced, now or by the next edit that needs none', async () => {
    const { scene, key, afterwards } = await running();
    scene.cluster.contents.set(settings, '2');
    await afterwards();
    const { template } = scene.cluster.children.get(key)?.spec ?? {};
    assert.ok(template?.metadata.annotations?.[restartedAtAnnotation]);
    scene.restartOperator([]);
    assert.deepEqual(await afterwards(), []);
    scene.cluster.editChild(key, ({ metadata }) => delete metadata.labels?.['clarive.com/service']);
    assert.deepEqual(await afterwards(), ['apply purge at 1']);
    assert.deepEqual(scene.cluster.children.get(key)?.spec.template, template);
  });
});

test('a daemon that can not be rendered is not restarted', async () => {
  const { scene, key, afterwards } = await running();
  scene.cluster.editDaemon(key, { config: { big: 2 ** 60 } });
  scene.cluster.contents.set(settings, '2');
  assert.deepEqual(await afterwards(), []);
});

describe('what several daemons name', () => {
  const names = ['a', 'b', 'c', 'd'];
  const ofNames = (writes: string[]) =>
    writes.filter((write) => write.startsWith('restart')).map((write) => write.split(' ')[1]);

  async function installed(spec: Partial<ClariveDaemonSpec> = {}): Promise<Installation> {
    const installation = await Installation.running(names, { image: 'clarive:1', ...required });
    const { cluster, daemons } = installation;
    cluster.contents.set(settings, '1');
    for (const key of daemons) cluster.editDaemon(key, spec);
    await installation.pass(30);
    cluster.writes = [];
    return installation;
  }

  test('comes to one after the other, each after ten good seconds', async () => {
    const installation = await installed();
    installation.cluster.contents.set(settings, '2');
    let mostDown = 0;
    for (let second = 0; second < 80; second++) {
      await installation.pass(1);
      const down = Object.values(installation.verdicts).filter((verdict) => !verdict.includes('Active'));
      mostDown = Math.max(mostDown, down.length);
      if (second === 3) {
        assert.equal(installation.verdicts['b'], 'WaitingForTurn Reconciling Active');
        assert.equal(
          installation.message('b'),
          'Takes over the new contents of ConfigMap "settings" as soon as a has run well with them for 10 seconds',
        );
      }
    }
    assert.deepEqual(ofNames(installation.cluster.writes), names);
    assert.equal(mostDown, 1);
    assert.equal(installation.summary, 'Running Ready 4/4');
  });

  test('goes on where it was after a restart of the operator', async () => {
    const installation = await installed();
    installation.cluster.contents.set(settings, '2');
    for (let restart = 0; restart < 20; restart++) {
      installation.scene.restartOperator();
      await installation.pass(4);
    }
    assert.deepEqual(ofNames(installation.cluster.writes), names);
  });

  test('halts at the first that fails with it, and comes to the others when it is mended', async () => {
    const installation = await installed();
    const { cluster } = installation;
    const restarted = () => ofNames(cluster.writes);
    cluster.isBad = (template) =>
      template.includes(restartedAtAnnotation) && cluster.contents.get(settings) === 'bad';
    cluster.contents.set(settings, 'bad');
    await installation.pass(100);
    assert.deepEqual(restarted(), ['a']);
    assert.equal(
      installation.message('c'),
      'Keeps its old settings, because a fails with the new contents of ConfigMap "settings": mend them, or mend or stop a',
    );
    cluster.contents.set(settings, '3');
    await installation.pass(100);
    assert.deepEqual(restarted(), ['a', ...names]);
  });

  test('waits for no daemon that does not name it, is stopped or paused', async () => {
    const installation = await installed();
    const { cluster } = installation;
    cluster.editDaemon('clarive/a', { paused: true });
    cluster.editDaemon('clarive/b', { replicas: 0 });
    await installation.pass(5);
    cluster.writes = [];
    cluster.contents.set(settings, '2');
    await installation.scene.visit('clarive/c');
    assert.deepEqual(ofNames(cluster.writes), ['c']);
  });

  test('comes at once to one that names it alone, though others have a change of their own', async () => {
    const installation = await installed();
    const { cluster } = installation;
    for (const name of ['a', 'b']) {
      cluster.contents.set(`clarive/Secret/${name}`, '1');
      cluster.editDaemon(`clarive/${name}`, { envFrom: [{ secretRef: { name } }] });
    }
    await installation.pass(30);
    cluster.writes = [];
    for (const name of ['a', 'b']) cluster.contents.set(`clarive/Secret/${name}`, '2');
    await installation.pass(1);
    assert.deepEqual(ofNames(cluster.writes), ['a', 'b']);
  });

  test('is paced without a dispatcher, too, and across two of them', async () => {
    const installation = await installed();
    const { cluster } = installation;
    cluster.putDispatcher(aDispatcher({ metadata: { name: 'other' }, image: 'clarive:1' }));
    cluster.deleteDaemon('clarive/c');
    cluster.deleteDaemon('clarive/d');
    await installation.pass(5);
    for (const [name, dispatcherRef] of [
      ['c', undefined],
      ['d', { name: 'other' }],
    ] as const)
      cluster.putDaemon(
        aDaemon({
          metadata: { name },
          service: `service.${name}.daemon`,
          ...(dispatcherRef && { dispatcherRef }),
          ...required,
        }),
      );
    await installation.pass(30);
    cluster.writes = [];
    cluster.contents.set(settings, '2');
    await installation.pass(90);
    assert.deepEqual(ofNames(cluster.writes), names);
  });
});
