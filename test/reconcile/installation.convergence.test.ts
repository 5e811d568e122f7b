/**
 * Whatever users do to a dispatcher and its daemons, and however often the operator is restarted: when the settings are good again,
 * every daemon gets them, none is left waiting, and then nothing more is written.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ObjectKey } from '../../src/api/object-key.ts';
import { aDispatcher } from '../support/builders.ts';
import { seededRandom, seeds } from '../support/random.ts';
import { Installation } from './installation.ts';

type Step = (installation: Installation, key: ObjectKey, random: () => number) => unknown;

function pick<T>(random: () => number, ...values: [T, ...T[]]): T {
  return values[Math.floor(random() * values.length)] ?? values[0];
}

function ifDispatcher(edit: Step): Step {
  return (installation, key, random) =>
    installation.cluster.dispatchers.has(installation.main) && edit(installation, key, random);
}

function recreate(installation: Installation, key: ObjectKey): void {
  installation.cluster.deleteDaemon(key);
  installation.put(key.slice('clarive/'.length));
}

const steps: Record<string, Step> = {
  'good image': ifDispatcher((installation, _, random) =>
    installation.change({ image: pick(random, 'clarive:1', 'clarive:2', 'clarive:3') }),
  ),
  'bad image': ifDispatcher((installation) => installation.change({ image: 'clarive:bad' })),
  'bad for one': ifDispatcher((installation) => installation.change({ env: [{ name: 'BAD', value: 'a' }] })),
  'one service': ifDispatcher((installation, _, random) =>
    installation.change({ services: [{ service: 'service.b.daemon', config: { frequency: random() } }] }),
  ),
  'wrong config': ifDispatcher((installation) => installation.change({ config: { big: 2 ** 60 } })),
  'switch for all': ifDispatcher((installation, _, random) =>
    installation.change({ replicas: pick(random, 0, 1) }),
  ),
  'dispatcher goes': ({ cluster }) => cluster.dispatchers.clear(),
  'dispatcher comes': ({ cluster, main }) => cluster.dispatchers.has(main) || cluster.putDispatcher(),
  switch: ({ cluster }, key, random) => cluster.editDaemon(key, { replicas: pick(random, 0, 1) }),
  'own change': ({ cluster }, key, random) =>
    cluster.editDaemon(key, { env: [{ name: 'OWN', value: String(random()) }] }),
  'own image': ({ cluster }, key) => cluster.editDaemon(key, { image: 'own:1' }),
  pause: ({ cluster }, key, random) => cluster.editDaemon(key, { paused: random() < 0.5 }),
  recreate,
  'delete child': ({ cluster }, key) => cluster.children.has(key) && cluster.deleteChild(key),
  drift: ({ cluster }, key) =>
    cluster.children.has(key) &&
    cluster.editChild(key, (child) => (child.spec.template.spec.enableServiceLinks = true)),
  restart: ({ scene }) => scene.restartOperator(),
  wait: (installation, _, random) => installation.pass(Math.floor(random() * 15)),
};

const isBad = (template: string) =>
  template.includes('clarive:bad') || (template.includes('"BAD"') && template.includes('service.a.'));

for (const seed of seeds(25)) {
  test(`every daemon gets the new settings in the end, seed ${seed}`, async () => {
    const random = seededRandom(seed);
    const installation = await Installation.running(['a', 'b', 'c', 'd']);
    const { cluster, daemons, main, scene } = installation;
    cluster.isBad = isBad;
    const taken: string[] = [];
    for (let step = 0; step < 60; step++) {
      const name = pick(random, 'wait', ...Object.keys(steps));
      taken.push(name);
      await steps[name]?.(installation, daemons[Math.floor(random() * daemons.length)]!, random);
      await installation.pass(1);
    }
    if (!cluster.dispatchers.has(main)) cluster.putDispatcher(aDispatcher());
    for (const key of daemons) cluster.editDaemon(key, { paused: false });
    installation.change({ replicas: 1, image: 'clarive:9', env: [], config: {} });
    await installation.pass(100);

    const trail = taken.join(', ');
    for (const key of daemons) {
      const replicas = cluster.daemon(key)?.spec.replicas ?? 1;
      assert.match(scene.verdict(key), replicas === 0 ? /^Stopped Ready$/ : /^Running Ready Active$/, trail);
      assert.equal(cluster.child(key)?.replicas, replicas, trail);
      assert.notEqual(cluster.child(key)?.carries, undefined, trail);
    }
    assert.match(installation.summary, /^Running Ready /, trail);

    cluster.writes = [];
    scene.restartOperator();
    scene.nowMs += 3_600_000;
    await installation.pass(3);
    assert.deepEqual(cluster.writes, [], trail);
  });
}
