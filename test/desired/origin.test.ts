/** Who has changed, told by fingerprints on the child. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ClariveDaemonSpec } from '../../src/api/clarive-daemon.ts';
import type { ClariveDispatcherSpec } from '../../src/api/clarive-dispatcher.ts';
import { originAnnotation } from '../../src/api/labels.ts';
import { formatOrigin, parseOrigin, type Origin } from '../../src/api/origin.ts';
import { carries } from '../../src/desired/compare.ts';
import { desiredDeployment, type Rendered } from '../../src/desired/deployment.ts';
import { originOf } from '../../src/desired/origin.ts';
import type { DaemonDefaults } from '../../src/desired/settings.ts';
import { aDaemon, aDispatcher } from '../support/builders.ts';

const service = 'service.event.daemon';
const defaults: DaemonDefaults = { image: 'clarive:7', images: {}, environment: 'clarive' };

interface Change {
  daemon?: Partial<ClariveDaemonSpec>;
  dispatcher?: Partial<ClariveDispatcherSpec>;
  defaults?: Partial<DaemonDefaults>;
}

function origin(change: Change = {}): Origin {
  const daemon = aDaemon({ service, dispatcherRef: { name: 'main' }, ...change.daemon });
  return originOf(daemon, aDispatcher(change.dispatcher), { ...defaults, ...change.defaults });
}

function changed(change: Change): string[] {
  const [before, after] = [origin(), origin(change)];
  return (Object.keys(before) as (keyof Origin)[]).filter((part) => before[part] !== after[part]);
}

describe('a change of', () => {
  const rows: [what: string, change: Change, parts: string[]][] = [
    ["the daemon's switches", { daemon: { replicas: 0, paused: true } }, []],
    ["the daemon's image", { daemon: { image: 'own:1' } }, ['own']],
    ["the daemon's arguments", { daemon: { args: ['-v'] } }, ['own']],
    ["the dispatcher's switch", { dispatcher: { replicas: 0 } }, []],
    ["the dispatcher's image", { dispatcher: { image: 'clarive:8' } }, ['shared']],
    ["the dispatcher's config", { dispatcher: { config: { a: 1 } } }, ['shared']],
    ['its entry for the service', { dispatcher: { services: [{ service, config: { a: 1 } }] } }, ['service']],
    ['its entry for another service', { dispatcher: { services: [{ service: 'service.sem.daemon' }] } }, []],
    ["the operator's default image", { defaults: { image: 'clarive:8' } }, ['shared']],
    ["the operator's image for the service", { defaults: { images: { [service]: 'a' } } }, ['service']],
    ["the operator's image for another", { defaults: { images: { 'service.sem.daemon': 'a' } } }, []],
  ];
  for (const [what, change, parts] of rows)
    test(`${what} shows in ${parts.join() || 'nothing'}`, () => assert.deepEqual(changed(change), parts));
});

test('it is read as it was written, and a text that is none is no origin', () => {
  assert.deepEqual(parseOrigin(formatOrigin(origin())), origin());
  for (const text of [undefined, '', 'main', 'main/a/b', 'main/a/b/', 'main/a/b/c/d'])
    assert.equal(parseOrigin(text), undefined, text);
});

describe('on the child', () => {
  const daemon = aDaemon({ service, dispatcherRef: { name: 'main' } });
  const render = (dispatcher: Partial<ClariveDispatcherSpec>): Rendered =>
    desiredDeployment(daemon, defaults, { dispatcher: aDispatcher(dispatcher) }) as Rendered;

  test('it is an annotation', () => {
    const { deployment, origin: expected } = render({});
    const text = deployment.metadata.annotations?.[originAnnotation];
    assert.ok(expected);
    assert.deepEqual(parseOrigin(text), expected);
  });

  test('it alone is no difference that is worth a write', () => {
    const own = { ...daemon, spec: { ...daemon.spec, image: 'own:1' } };
    const [one, other] = ['clarive:1', 'clarive:2'].map(
      (image) => desiredDeployment(own, defaults, { dispatcher: aDispatcher({ image }) }) as Rendered,
    );
    assert.notDeepEqual(one?.origin, other?.origin);
    assert.equal(one?.digest, other?.digest);
    assert.ok(one && other && carries(one.deployment, other.deployment));
  });

  test('it is not there without a dispatcher', () => {
    const { deployment, origin: none } = desiredDeployment(aDaemon(), defaults) as Rendered;
    assert.equal(none, undefined);
    assert.deepEqual(Object.keys(deployment.metadata.annotations ?? {}), ['clarive.com/applied']);
  });
});
