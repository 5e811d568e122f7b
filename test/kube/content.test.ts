import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { observeConfigMap, observeSecret } from '../../src/kube/content.ts';
import type { RawObject } from '../../src/kube/reflector.ts';

const password = Buffer.from('hunter2').toString('base64');

function anObject(fields: object, metadata: object = {}): RawObject {
  const own = { namespace: 'clarive', name: 'smtp', uid: 'a1', resourceVersion: '1' };
  return { metadata: { ...own, ...metadata }, ...fields };
}

for (const [kind, observe] of [
  ['ConfigMap', observeConfigMap],
  ['Secret', observeSecret],
] as const) {
  const digest = (...args: Parameters<typeof anObject>) => observe(anObject(...args)).digest;

  describe(`of a ${kind}`, () => {
    test('nothing is kept but whose it is, and a digest', () => {
      const kept = observe(anObject({ data: { password } }));
      assert.deepEqual(Object.keys(kept), ['key', 'uid', 'resourceVersion', 'digest']);
      assert.deepEqual(
        { ...kept, digest: '' },
        { key: 'clarive/smtp', uid: 'a1', resourceVersion: '1', digest: '' },
      );
      assert.match(kept.digest, /^[0-9a-f]{16}$/);
    });

    const same: [what: string, one: object, other: object][] = [
      ['the order of keys', { data: { a: '1', b: '2' } }, { data: { b: '2', a: '1' } }],
      ['what is absent or empty', {}, { data: {}, binaryData: {} }],
    ];
    for (const [what, one, other] of same)
      test(`${what} does not count`, () => assert.equal(digest(one), digest(other)));

    test('versions, labels and annotations do not count', () => {
      const changed = {
        resourceVersion: '2',
        labels: { a: 'b' },
        annotations: { c: 'd' },
        managedFields: [],
      };
      assert.equal(digest({ data: { a: '1' } }, changed), digest({ data: { a: '1' } }));
    });

    const contents: object[] = [
      {},
      { data: { a: '1' } },
      { data: { a: '2' } },
      { data: { b: '1' } },
      { data: { a: '1', b: '' } },
      { data: { 'a":"1': '' } },
      { binaryData: { a: '1' } },
      { data: { a: '', b: '1' } },
    ];
    test('every key and value counts', () => {
      assert.equal(new Set(contents.map((each) => digest(each))).size, contents.length);
    });
  });
}

test('a ConfigMap that is made anew with the same content has not changed', () => {
  const [before, after] = [anObject({ data: { a: '1' } }), anObject({ data: { a: '1' } }, { uid: 'a2' })];
  assert.equal(observeConfigMap(after).digest, observeConfigMap(before).digest);
});

test('from the digest of a Secret nobody finds out its content who does not know its uid', () => {
  const digests = ['a1', 'a2', ''].map(
    (uid) => observeSecret(anObject({ data: { password } }, { uid })).digest,
  );
  const withoutKey = observeConfigMap(anObject({ data: { password } })).digest;
  assert.equal(new Set([...digests, withoutKey]).size, 4);
});
