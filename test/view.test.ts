import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DaemonDefaults } from '../src/desired/settings.ts';
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
