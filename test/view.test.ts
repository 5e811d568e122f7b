import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Rendered } from '../src/desired/deployment.ts';
import type { DaemonDefaults } from '../src/desired/settings.ts';
import type { RawObject } from '../src/kube/reflector.ts';
import { Renderings } from '../src/reconcile/renderings.ts';
import { View } from '../src/view.ts';
import { aDaemon } from './support/builders.ts';

test('what a daemon was made into is forgotten with it', () => {
  let rendered = 0;
  const defaults: DaemonDefaults = {
    images: {},
    environment: 'clarive',
    get image() {
      rendered++;
      return 'clarive:7';
    },
  };
  const renderings = new Renderings(defaults);
  const changes: string[] = [];
  const view = new View({
    renderings,
    onChange: ({ plural }, before, after) => changes.push(`${plural} ${!before} ${!after}`),
  });
  const raw = { ...aDaemon(), metadata: { ...aDaemon().metadata, uid: 'uid-1', resourceVersion: '1' } };
  const stored = view.observeDaemon(raw);
  view.daemons.upsert(stored);
  const render = () => renderings.of(stored.daemon, undefined);
  render();
  render();
  assert.equal(rendered, 1);
  view.daemons.remove(stored);
  render();
  assert.equal(rendered, 2);
  assert.deepEqual(changes, ['clarivedaemons true false', 'clarivedaemons false true']);
});

test('the texts that the conditions of a daemon share are the same, and others stay', () => {
  const view = new View({
    renderings: new Renderings({ images: {}, environment: 'clarive' }),
    onChange: () => {},
  });
  const conditions = [
    { type: 'Ready', message: 'It runs', lastTransitionTime: '2026-01-01T00:00:00Z' },
    { type: 'Active', message: 'It runs', lastTransitionTime: '2026-01-02T00:00:00Z' },
    { type: 'Stalled', message: 'It stalls', lastTransitionTime: '2026-01-01T00:00:00Z' },
  ];
  const metadata = { namespace: 'clarive', name: 'purge', uid: 'uid-1', resourceVersion: '1' };
  const raw = { metadata, spec: { service: 'service.purge.daemon' }, status: { conditions } };
  const { daemon } = view.observeDaemon(structuredClone(raw));
  assert.deepEqual(daemon.status?.conditions, conditions);
});

test('a child that admission has changed is taken for what was written, until its spec or its labels change', () => {
  const defaults = { images: {}, environment: 'clarive', image: 'clarive:7' };
  const renderings = new Renderings(defaults);
  const view = new View({ renderings, onChange: () => {} });
  const daemon = aDaemon({ metadata: { uid: 'uid-1', resourceVersion: '1' } });
  view.daemons.upsert(view.observeDaemon(daemon as unknown as RawObject));
  const desired = renderings.of(daemon, undefined) as Rendered;
  const { metadata, spec } = desired.deployment;
  const shown = (version: string, generation: number, labels = metadata.labels) =>
    view.observeChild({
      metadata: { ...metadata, labels, uid: 'child-1', resourceVersion: version, generation },
      spec: { ...spec, revisionHistoryLimit: 99 },
    });
  assert.equal(shown('5', 1).carries, undefined);
  view.children.upsert({ ...shown('5', 1), carries: desired.digest });
  assert.equal(shown('6', 1).carries, desired.digest);
  assert.equal(shown('7', 2).carries, undefined);
  assert.equal(shown('8', 1, {}).carries, undefined);
});
