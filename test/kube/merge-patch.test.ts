import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mergePatch } from '../../src/kube/merge-patch.ts';
import { seededRandom, seeds } from '../support/random.ts';

type Json = Record<string, unknown>;

test('names what is new or changed, and null for what is gone, also further down', () => {
  const before = { kept: 1, gone: 1, deep: { kept: 'a', gone: 'b' } };
  const after = { kept: 2, added: [1], deep: { kept: 'a' } };
  const patch = { kept: 2, gone: null, added: [1], deep: { kept: 'a', gone: null } };
  assert.deepEqual(mergePatch(before, after), patch);
});

test('sends a field that is the same, because the server may hold another value by now', () => {
  assert.deepEqual(mergePatch({ replicas: 1 }, { replicas: 1 }), { replicas: 1 });
});

test('replaces a list as a whole', () => {
  assert.deepEqual(mergePatch({ list: [{ a: 1 }] }, { list: [{ b: 1 }] }), { list: [{ b: 1 }] });
});

test('removes a field that has become undefined', () => {
  assert.deepEqual(mergePatch({ pod: { name: 'a' } }, { pod: undefined }), { pod: null });
});

test('turns any value into any other, as a server applies it (RFC 7386)', (t) => {
  for (const seed of seeds(200)) {
    const random = seededRandom(seed);
    const before = anyObject(random, 3);
    const after = anyObject(random, 3);
    const sent = JSON.parse(JSON.stringify(mergePatch(before, after))) as Json;
    assert.deepEqual(applyMergePatch(before, sent), after, `SEED=${seed}`);
  }
  t.diagnostic('SEED=<number> repeats one');
});

/** RFC 7386, section 2, word by word. */
function applyMergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const result: Json = isObject(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else result[name] = applyMergePatch(result[name], value);
  }
  return result;
}

function anyObject(random: () => number, depth: number): Json {
  const names = ['a', 'b', 'c', 'd'].filter(() => random() < 0.6);
  return Object.fromEntries(names.map((name) => [name, anyValue(random, depth)]));
}

function anyValue(random: () => number, depth: number): unknown {
  const choice = random();
  if (depth > 0 && choice < 0.5) return anyObject(random, depth - 1);
  if (choice < 0.7) return [Math.floor(random() * 3)];
  return Math.floor(random() * 3);
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
