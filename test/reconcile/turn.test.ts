/** What daemons share is taken over by one after the other, and by no further one when one fails. */
import assert from 'node:assert/strict';
import { describe, mock, test } from 'node:test';
import type { ObjectKey } from '../../src/api/object-key.ts';
import { at, exit, exited } from '../status/observed-builders.ts';
import { Installation } from './installation.ts';

const names = ['a', 'b', 'c', 'd'];
const next = { image: 'clarive:2' };
const bad = { image: 'clarive:bad' };
const mended = { image: 'clarive:3' };

function withBadImage(installation: Installation): Installation {
  installation.cluster.isBad = (template) => template.includes('clarive:bad');
  return installation;
}

describe('a change of the dispatcher', () => {
  test('comes to one daemon after the other, in the order of their names, each after ten good seconds', async () => {
    const installation = await Installation.running();
    installation.change(next);
    let mostDown = 0;
    const changed: string[] = [];
    for (let second = 0; second < 70; second++) {
      changed.push(...(await installation.changedWithin(1)));
      const down = Object.values(installation.verdicts).filter((verdict) => !verdict.includes('Active'));
      mostDown = Math.max(mostDown, down.length);
    }
    assert.deepEqual(changed, names);
    assert.equal(mostDown, 1);
    assert.equal(installation.summary, 'Running Ready 4/4');
    for (const key of installation.daemons)
      assert.equal(installation.cluster.daemon(key)?.status?.image, next.image);
  });

  test('makes the others say for whom they wait, and the dispatcher how many wait', async () => {
    const installation = await Installation.running();
    installation.change(next);
    await installation.pass(3);
    assert.equal(installation.verdicts['b'], 'WaitingForTurn Reconciling Active');
    const waitsFor = (name: string) =>
      `Takes over the new settings of the ClariveDispatcher "main" as soon as ${name} has run well with them for 10 seconds`;
    assert.deepEqual(
      ['b', 'c', 'd'].map((name) => installation.message(name)),
      ['a', 'b', 'c'].map(waitsFor),
    );
    assert.equal(installation.summary, 'RollingOut Reconciling 3/4');
    assert.match(installation.dispatcherMessage, /waiting: b, c, d$/);
    assert.equal(installation.cluster.dispatcher(installation.main)?.status?.daemons?.waiting, 3);
  });

  test('goes on where it was after a restart of the operator', async () => {
    const installation = await Installation.running();
    installation.change(next);
    const changed: string[] = [];
    for (let restart = 0; restart < 20; restart++) {
      changed.push(...(await installation.changedWithin(4)));
      installation.scene.restartOperator();
    }
    assert.deepEqual(changed, names);
    assert.equal(installation.summary, 'Running Ready 4/4');
  });

  test('that alters no pod, such as one of its own switch, comes at once and writes no child', async () => {
    const installation = await Installation.running();
    installation.change({ replicas: 0 });
    await installation.pass(5);
    assert.deepEqual(await installation.changedWithin(5), []);
  });

  test('that concerns one service alone comes to that at once, whatever becomes of the others', async () => {
    const installation = await Installation.running();
    installation.cluster.editPod('clarive/a', {
      ready: false,
      phase: 'Pending',
      container: null,
      node: null,
    });
    installation.change({ services: [{ service: 'service.c.daemon', config: { frequency: 5 } }] });
    await installation.scene.visit('clarive/c');
    assert.deepEqual(installation.cluster.writes, ['apply c at 1']);
  });

  test('that concerns several services comes to one after the other', async () => {
    const installation = await Installation.running();
    const services = ['a', 'c', 'd'].map((name) => ({
      service: `service.${name}.daemon`,
      config: { frequency: 5 },
    }));
    installation.change({ services });
    assert.deepEqual(await installation.changedWithin(3), ['a']);
    assert.deepEqual(await installation.changedWithin(60), ['c', 'd']);
  });

  test('writes nothing to a daemon for which it alters nothing', async () => {
    const installation = await Installation.running();
    installation.cluster.editDaemon('clarive/b', { image: 'own:1' });
    await installation.pass(20);
    installation.change(next);
    assert.deepEqual(await installation.changedWithin(60), ['a', 'c', 'd']);
  });
});

describe('a failure', () => {
  test('halts the rest, which name it and run on', async () => {
    const installation = withBadImage(await Installation.running());
    installation.change(bad);
    assert.deepEqual(await installation.changedWithin(120), ['a']);
    assert.equal(installation.verdicts['b'], 'WaitingForTurn Reconciling Active');
    for (const name of ['b', 'c', 'd'])
      assert.equal(
        installation.message(name),
        'Keeps its old settings, because a fails with the new settings of the ClariveDispatcher "main": mend them, or mend or stop a',
      );
    assert.match(installation.summary, / 3\/4$/);
  });

  test('of one service halts the others that the same change alters', async () => {
    const installation = withBadImage(await Installation.running());
    const services = ['a', 'c'].map((name) => ({ service: `service.${name}.daemon`, ...bad }));
    installation.change({ services });
    assert.deepEqual(await installation.changedWithin(120), ['a']);
    assert.equal(installation.verdicts['c'], 'WaitingForTurn Reconciling Active');
  });

  test('that is mended goes on, beginning with the one that failed', async () => {
    const installation = withBadImage(await Installation.running());
    installation.change(bad);
    await installation.pass(20);
    installation.change(mended);
    assert.deepEqual(await installation.changedWithin(120), names);
    assert.equal(installation.summary, 'Running Ready 4/4');
  });

  test('that is undone comes back to the one that failed, and to no other', async () => {
    const installation = withBadImage(await Installation.running());
    installation.change(bad);
    await installation.pass(20);
    installation.change({ image: 'clarive:1' });
    assert.deepEqual(await installation.changedWithin(60), ['a']);
    assert.equal(installation.summary, 'Running Ready 4/4');
  });

  test('that is stopped lets the others go on', async () => {
    const installation = await Installation.running();
    installation.cluster.isBad = (template) =>
      template.includes('clarive:2') && template.includes('service.a.');
    installation.change(next);
    await installation.pass(20);
    installation.cluster.editDaemon('clarive/a', { replicas: 0 });
    assert.deepEqual(await installation.changedWithin(60), ['b', 'c', 'd']);
  });

  test('that is deleted lets the others go on', async () => {
    const installation = await Installation.running();
    installation.cluster.isBad = (template) =>
      template.includes('clarive:2') && template.includes('service.a.');
    installation.change(next);
    await installation.pass(20);
    installation.cluster.deleteDaemon('clarive/a');
    installation.daemons.shift();
    assert.deepEqual(await installation.changedWithin(60), ['b', 'c', 'd']);
  });

  test('is one crash after the change, though the daemon was started again and runs', async () => {
    const installation = await Installation.running();
    installation.cluster.isBad = (template) =>
      template.includes('clarive:2') && template.includes('service.a.');
    installation.change(next);
    await installation.pass(5);
    const { cluster } = installation;
    const [pod] = cluster.existingPods('clarive/a');
    const restarted = { ready: true, restartCount: 1, state: { running: { startedAt: cluster.now() } } };
    const lastState = pod?.container?.state;
    cluster.runKubelet = () => false;
    cluster.editPod('clarive/a', {
      phase: 'Running',
      container: { ...restarted, lastState: lastState ?? {} },
    });
    assert.deepEqual(await installation.changedWithin(60), []);
    assert.equal(installation.verdicts['a'], 'Running Ready Active');
    assert.match(installation.message('b'), /because a fails/);
    assert.deepEqual(await installation.changedWithin(560), ['b'], 'After ten good minutes it is forgotten');
  });
});

describe('while the old pod ends, that is told instead of a change that waits for its turn', () => {
  const endings: [what: string, end: (installation: Installation, key: ObjectKey) => Promise<unknown>][] = [
    [
      "after a change of the daemon's own",
      async ({ cluster, scene }, key) => {
        cluster.editDaemon(key, { args: ['--debug'] });
        await scene.visit(key);
      },
    ],
    [
      'after kubectl delete pod, when the successor waits at its gate',
      async ({ cluster }, key) => cluster.editPod(key, { deleting: true }),
    ],
  ];
  for (const [what, end] of endings)
    test(what, async () => {
      const installation = withBadImage(await Installation.running(['a']));
      const { cluster, scene } = installation;
      const key = installation.put('d', { service: 'service.job.daemon' });
      installation.daemons.push(key);
      await installation.pass(30);
      await end(installation, key);
      cluster.runControllers(key);
      await scene.visitUntilWritten(key);
      const told = installation.message('d');
      assert.match(
        told,
        /^Waiting for pod d-\d+ on node node-a to end before its successor starts; it ends by /,
      );

      installation.change(bad);
      for (let step = 0; step < 3; step++) {
        await scene.visit('clarive/a');
        cluster.runControllers('clarive/a');
        cluster.runKubelet('clarive/a');
      }
      await scene.visitUntilWritten(key);
      const { requeueAfterMs = Infinity } = await scene.visit(key);
      assert.equal(installation.message('d'), told);
      assert.equal(installation.verdicts['d'], 'WaitingForOldPod Reconciling Active');
      assert.ok(requeueAfterMs <= 30_000, 'Its turn is still looked after');
      assert.ok(!cluster.writes.includes('apply d at 1'), 'It keeps its settings');
    });
});

describe('nobody is blocked for ever', () => {
  test('by one that was crashing before: it goes first, and if that mends it the others follow', async () => {
    const installation = withBadImage(
      await Installation.running(['a', 'b', 'c', 'd'], { image: 'clarive:1' }),
    );
    const { cluster } = installation;
    cluster.isBad = (template) => template.includes('clarive:1') && template.includes('service.c.');
    cluster.runKubelet('clarive/c');
    await installation.pass(5);
    installation.change(next);
    assert.deepEqual(await installation.changedWithin(60), ['c', 'a', 'b', 'd']);
    assert.equal(installation.summary, 'Running Ready 4/4');
  });

  test('by all of them crashing: all get the change at once', async () => {
    const installation = withBadImage(await Installation.running());
    installation.cluster.isBad = (template) => template.includes('clarive:1');
    await installation.pass(5);
    installation.change(next);
    assert.deepEqual(await installation.changedWithin(2), names);
  });

  test('by one that is stopped, paused, invalid or being deleted', async () => {
    const installation = await Installation.running(['a', 'b', 'c', 'd', 'e']);
    const { cluster } = installation;
    cluster.editDaemon('clarive/a', { replicas: 0 });
    cluster.editDaemon('clarive/b', { paused: true });
    cluster.editDaemon('clarive/c', { config: { big: 2 ** 60 } });
    cluster.beginDeletion('clarive/d', ['example.com/hold']);
    await installation.pass(5);
    installation.change(next);
    assert.deepEqual(await installation.changedWithin(5), ['a', 'e']);
  });

  test('by one that crashes for a reason of its own and has nothing to take over', async () => {
    const installation = await Installation.running();
    installation.cluster.editDaemon('clarive/a', { image: 'own:1' });
    await installation.pass(20);
    installation.cluster.isBad = (template) => template.includes('own:1');
    await installation.pass(5);
    installation.change(next);
    assert.deepEqual(await installation.changedWithin(60), ['b', 'c', 'd']);
  });
});

describe('not paced is', () => {
  test("a change of a daemon's own spec, even while others are halted", async () => {
    const installation = withBadImage(await Installation.running());
    installation.change(bad);
    await installation.pass(20);
    installation.cluster.editDaemon('clarive/b', { image: 'clarive:2', args: ['--debug'] });
    assert.deepEqual(await installation.changedWithin(5), ['b']);
  });

  test('the repair of drift', async () => {
    const installation = await Installation.running();
    for (const key of installation.daemons)
      installation.cluster.editChild(key, (child) => (child.spec.template.spec.enableServiceLinks = true));
    assert.deepEqual(await installation.changedWithin(1), names);
  });

  test('a stop and a start, of one and of all', async () => {
    const installation = withBadImage(await Installation.running());
    const { cluster } = installation;
    installation.change(bad);
    await installation.pass(20);
    cluster.editDaemon('clarive/c', { replicas: 0 });
    cluster.writes = [];
    await installation.scene.visit('clarive/c');
    assert.equal(cluster.writes[0], 'scale c to 0');
    installation.change({ replicas: 0 });
    await installation.pass(3);
    assert.deepEqual(installation.verdicts, {
      a: 'DispatcherStopped Ready',
      b: 'DispatcherStopped Ready',
      c: 'Stopped Ready',
      d: 'DispatcherStopped Ready',
    });
    cluster.isBad = () => false;
    installation.change({ replicas: 1 });
    await installation.pass(3);
    assert.equal(installation.summary, 'Running Ready 3/4');
  });

  test('the first start of many daemons', async () => {
    const installation = Installation.headless(...names);
    installation.cluster.putDispatcher();
    await installation.pass(1);
    assert.deepEqual(
      installation.cluster.writes.filter((write) => write.startsWith('create')),
      names.map((name) => `create ${name} at 1`),
    );
  });

  test('that a daemon is attached to a dispatcher, or moves to another', async () => {
    const installation = await Installation.running();
    for (const key of installation.daemons)
      installation.cluster.editDaemon(key, { dispatcherRef: { name: 'other' } });
    const { metadata, spec, ...main } = installation.cluster.dispatcher(installation.main)!;
    installation.cluster.putDispatcher({
      ...main,
      metadata: { ...metadata, name: 'other' },
      spec: { ...spec, ...next },
    });
    assert.deepEqual(await installation.changedWithin(1), names);
  });
});

describe('with many daemons', () => {
  const many = Array.from({ length: 10 }, (_, index) => `d${String(index).padStart(2, '0')}`);

  test('a change still comes to one after the other, each after ten good seconds', async () => {
    const installation = await Installation.running(many);
    installation.change(next);
    const changed: string[] = [];
    for (let second = 0; second < 130; second++) {
      changed.push(...(await installation.changedWithin(1)));
      const down = Object.values(installation.verdicts).filter((verdict) => !verdict.includes('Active'));
      assert.ok(down.length <= 1, `${down.length} are down`);
    }
    assert.deepEqual(changed, many);
    assert.equal(installation.summary, 'Running Ready 10/10');
  });

  test('and none follows one that fails', async () => {
    const installation = withBadImage(await Installation.running(many));
    installation.change(bad);
    assert.deepEqual(await installation.changedWithin(60), ['d00']);
    assert.match(installation.message('d09'), /^Keeps its old settings, because d00 fails/);
  });

  test('the next one looks anew before it goes on', async () => {
    for (const fails of [false, true]) {
      const installation = await Installation.running(many);
      const { cluster, scene } = installation;
      installation.change(next);
      await installation.pass(3);
      scene.nowMs += 60_000;
      await scene.visit('clarive/d09');
      if (fails) cluster.editPod('clarive/d00', { container: exited(exit(1, at(1), at(3))) });
      cluster.writes = [];
      await scene.visit('clarive/d01');
      assert.equal(cluster.writes.includes('apply d01 at 1'), !fails, cluster.writes.join());
    }
  });

  test('not every one of them looks at all others', async () => {
    const installation = await Installation.running(many);
    const { cluster, scene, daemons } = installation;
    installation.change(next);
    const looks = mock.method(cluster, 'attached');
    for (const key of daemons) await scene.visit(key);
    assert.ok(looks.mock.callCount() > 0 && looks.mock.callCount() <= 3, `${looks.mock.callCount()} looks`);
  });
});
