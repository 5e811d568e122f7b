import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { parse } from 'yaml';
import type { ClariveDaemon } from '../../src/api/clarive-daemon.ts';
import { presets } from '../../src/presets/presets.ts';
import { installation, samples } from './manifests.ts';

test('the samples are the standard daemons, one file each, named like the daemon', async () => {
  const daemons = await samples();
  for (const [file, { metadata }] of daemons) assert.equal(file, `${metadata.name}.yaml`);
  const standard = Object.keys(presets).filter((service) => presets[service]?.standard);
  const services = [...daemons.values()].map(({ spec }) => spec.service);
  assert.deepEqual(services.toSorted(), standard.toSorted());
});

test('the installation is a dispatcher with the standard daemons, which have the names and ids that they have alone', async () => {
  const [dispatcher, ...daemons] = await installation();
  const alone = [...(await samples()).values()].toSorted(byName);
  assert.deepEqual(daemons.toSorted(byName).map(identity), alone.map(identity));
  const names = new Set(daemons.map(({ spec }) => spec.dispatcherRef?.name));
  assert.deepEqual([...names], [dispatcher.metadata.name]);
});

test('the documentation shows the dispatcher of that file', async () => {
  const page = await readFile(new URL('../../docs/clarivedispatcher.md', import.meta.url), 'utf8');
  const shown: unknown = parse(/```yaml\n(.*?)```/s.exec(page)?.[1] ?? '');
  assert.deepEqual(shown, (await installation())[0]);
});

function byName(a: ClariveDaemon, b: ClariveDaemon): number {
  return a.metadata.name.localeCompare(b.metadata.name);
}

function identity({ metadata: { name }, spec: { service, id } }: ClariveDaemon): object {
  return { name, service, id };
}
