import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClariveDaemon, ClariveDaemonSpec } from '../../src/api/clarive-daemon.ts';
import { desiredDeployment, type Rendered } from '../../src/desired/deployment.ts';
import type { DaemonDefaults } from '../../src/desired/settings.ts';
import { Renderings } from '../../src/reconcile/renderings.ts';
import { aDaemon } from '../support/builders.ts';

/** Counts the renderings: each looks once for the default image. */
function aRenderings() {
  const count = { rendered: 0 };
  const defaults: DaemonDefaults = {
    images: {},
    environment: 'clarive',
    get image() {
      count.rendered++;
      return 'clarive:7';
    },
  };
  return { count, defaults, renderings: new Renderings(defaults) };
}

function generation(number: number, spec: Partial<ClariveDaemonSpec> = {}, name = 'purge'): ClariveDaemon {
  return aDaemon({ ...spec, metadata: { name, uid: `uid-${name}`, generation: number } });
}

test('gives what desiredDeployment gives', () => {
  const { defaults, renderings } = aRenderings();
  for (const daemon of [
    generation(1),
    generation(2, { replicas: 0 }),
    generation(3, { args: ['--debug'] }),
  ]) {
    const desired = renderings.of(daemon, undefined) as Rendered;
    const { deployment, digest, image } = desiredDeployment(daemon, defaults) as Rendered;
    assert.deepEqual({ ...desired }, { deployment, digest, image });
  }
});

test('keeps the later restart of the child', () => {
  const { defaults, renderings } = aRenderings();
  const [daemon, later] = [generation(1), '2026-11-22T12:00:00Z'];
  const desired = desiredDeployment(daemon, defaults, { childRestartedAt: later });
  assert.deepEqual({ ...renderings.of(daemon, undefined, { restartedAt: later }) }, desired);
});

test('renders a generation once, and none for a start or a stop', () => {
  const { count, renderings } = aRenderings();
  for (const daemon of [generation(1), generation(1), generation(2, { replicas: 0 }), generation(3)])
    assert.equal(
      'deployment' in renderings.of(daemon, undefined) && typeof renderings.of(daemon, undefined),
      'object',
    );
  assert.equal(count.rendered, 1);
  renderings.of(generation(4, { args: ['--debug'] }), undefined);
  assert.equal(count.rendered, 2);
});

test('takes another incarnation of the name for another daemon', () => {
  const { renderings } = aRenderings();
  const first = renderings.of(generation(1), undefined) as Rendered;
  const daemon = aDaemon({ metadata: { uid: 'another', generation: 1 } });
  const second = renderings.of(daemon, undefined) as Rendered;
  assert.notEqual(second.digest, first.digest);
  assert.equal(second.deployment.metadata.ownerReferences?.[0]?.uid, 'another');
});

test('remembers what is invalid as well, until the spec changes', () => {
  const renderings = new Renderings({ images: {}, environment: 'clarive' });
  assert.ok('invalid' in renderings.of(generation(1), undefined));
  assert.ok('invalid' in renderings.of(generation(2, { replicas: 0 }), undefined));
  assert.ok('digest' in renderings.of(generation(3, { image: 'clarive:8' }), undefined));
});

test('renders anew what it has dropped in favour of others', () => {
  const { count, renderings } = aRenderings();
  const desired = renderings.of(generation(1), undefined) as Rendered;
  for (let index = 0; index < 64; index++) renderings.of(generation(1, {}, `other-${index}`), undefined);
  count.rendered = 0;
  assert.equal((renderings.of(generation(1), undefined) as Rendered).digest, desired.digest);
  assert.equal(count.rendered, 0);
  assert.equal(desired.deployment.metadata.name, 'purge');
  assert.equal(count.rendered, 1);
});

test('forgets a daemon that is gone', () => {
  const { count, renderings } = aRenderings();
  renderings.of(generation(1), undefined);
  renderings.forget('uid-purge');
  renderings.of(generation(1), undefined);
  assert.equal(count.rendered, 2);
});
