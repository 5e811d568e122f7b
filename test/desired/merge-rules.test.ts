import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import { identityIn, isAtomic } from '../../src/desired/merge-rules.ts';

interface Schema {
  properties?: Record<string, Schema>;
  items?: Schema;
  additionalProperties?: Schema | boolean;
  'x-kubernetes-list-map-keys'?: string[];
  'x-kubernetes-map-type'?: string;
}

/** The schema of `spec.template`, which is generated from the OpenAPI of Kubernetes. */
function templateSchema(): Schema {
  const crd = parse(readFileSync(new URL('../../crds/clarivedaemons.yaml', import.meta.url), 'utf8'));
  return crd.spec.versions[0].schema.openAPIV3Schema.properties.spec.properties.template;
}

/** Every list that has keys, and every object that is atomic, unless it lies in something that is replaced whole anyway. */
function* mergePoints(field: string, schema: Schema): Generator<{ field: string; schema: Schema }> {
  const keyed = schema['x-kubernetes-list-map-keys'] !== undefined;
  if (schema.items && !keyed) return;
  if (keyed || schema['x-kubernetes-map-type'] === 'atomic') yield { field, schema };
  if (isAtomic(field)) return;
  for (const [name, child] of Object.entries(schema.items?.properties ?? schema.properties ?? {}))
    yield* mergePoints(name, child);
}

const points = [...mergePoints('template', templateSchema())];

describe('the rules of merging are those of the schema of spec.template', () => {
  const lists = points.filter(({ schema }) => schema['x-kubernetes-list-map-keys']);
  const maps = points.filter(({ schema }) => schema['x-kubernetes-map-type'] === 'atomic');

  test('which has keyed lists and atomic maps', () => {
    assert.ok(lists.length >= 12, `found ${lists.length} keyed lists`);
    assert.ok(maps.length >= 2, `found ${maps.length} atomic maps`);
  });

  for (const { field, schema } of lists)
    test(`elements of ${field} are told apart by ${schema['x-kubernetes-list-map-keys']?.join(' and ')}`, () => {
      const keys = schema['x-kubernetes-list-map-keys'] ?? [];
      const identity = identityIn(field);
      assert.ok(identity, `${field} is treated as an atomic list`);
      const element = Object.fromEntries(keys.map((key) => [key, 'x']));
      assert.equal(identity(element), identity({ ...element, other: 'y' }));
      for (const key of keys) assert.notEqual(identity(element), identity({ ...element, [key]: 'y' }));
    });

  for (const { field } of maps) test(`${field} is replaced whole`, () => assert.ok(isAtomic(field)));
});

test('a list without keys is atomic', () => {
  assert.equal(identityIn('tolerations'), undefined);
  assert.equal(identityIn('constructor'), undefined);
});
