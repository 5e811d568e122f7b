import assert from 'node:assert/strict';
import { test } from 'node:test';
import { presets } from '../../src/presets/presets.ts';
import { samples } from './manifests.ts';

test('the samples are the standard daemons, one file each, named like the daemon', async () => {
  const daemons = await samples();
  for (const [file, { metadata }] of daemons) assert.equal(file, `${metadata.name}.yaml`);
  const standard = Object.keys(presets).filter((service) => presets[service]?.standard);
  const services = [...daemons.values()].map(({ spec }) => spec.service);
  assert.deepEqual(services.toSorted(), standard.toSorted());
});
