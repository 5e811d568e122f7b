/** What a pod is started with, and whether that has changed since. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { V1PodSpec } from '@kubernetes/client-node';
import type { Contents, Reference, ReferenceKind } from '../../src/api/contents.ts';
import { nameReferences, newsOf, referencesOf } from '../../src/desired/references.ts';

const both: ReferenceKind[] = ['ConfigMap', 'Secret'];
const daemon = { name: 'daemon', image: 'clarive:7' };

/** Such as `ConfigMap settings` and `Secret smtp?`, which is optional. */
function found(spec: Partial<V1PodSpec>, kinds: ReferenceKind[] = both): string[] {
  const template = { metadata: { labels: {} }, spec: { containers: [daemon], ...spec } };
  return referencesOf(template, new Set(kinds)).map(
    ({ kind, name, optional }) => `${kind} ${name}${optional ? '?' : ''}`,
  );
}

describe('a pod is started with what is named', () => {
  const rows: [where: string, spec: Partial<V1PodSpec>, names: string[]][] = [
    ['nowhere', {}, []],
    [
      'in envFrom',
      {
        containers: [{ ...daemon, envFrom: [{ configMapRef: { name: 'a' } }, { secretRef: { name: 'b' } }] }],
      },
      ['ConfigMap a', 'Secret b'],
    ],
    [
      'by single variables',
      {
        containers: [
          {
            ...daemon,
            env: [
              { name: 'A', value: 'a' },
              { name: 'B', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
              { name: 'C', valueFrom: { configMapKeyRef: { name: 'c', key: 'k' } } },
              { name: 'D', valueFrom: { secretKeyRef: { name: 'd', key: 'k', optional: true } } },
            ],
          },
        ],
      },
      ['ConfigMap c', 'Secret d?'],
    ],
    [
      'by volumes',
      {
        volumes: [
          { name: 'jobs', emptyDir: {} },
          { name: 'a', configMap: { name: 'a', optional: true } },
          { name: 'b', secret: { secretName: 'b' } },
        ],
      },
      ['ConfigMap a?', 'Secret b'],
    ],
    [
      'by projected volumes',
      {
        volumes: [
          {
            name: 'all',
            projected: { sources: [{ secret: { name: 'b', optional: true } }, { configMap: { name: 'a' } }] },
          },
          { name: 'none', projected: {} },
        ],
      },
      ['ConfigMap a', 'Secret b?'],
    ],
    [
      'by containers beside the daemon',
      {
        initContainers: [{ name: 'before', envFrom: [{ secretRef: { name: 'b' } }] }],
        containers: [daemon, { name: 'beside', envFrom: [{ configMapRef: { name: 'a' } }] }],
      },
      ['ConfigMap a', 'Secret b'],
    ],
    [
      'twice, of which one place is optional',
      {
        containers: [
          {
            ...daemon,
            envFrom: [
              { configMapRef: { name: 'a', optional: true } },
              { configMapRef: { name: 'a' } },
              { configMapRef: { name: 'a', optional: true } },
              { secretRef: { name: 'b', optional: true } },
              { secretRef: { name: 'b', optional: true } },
            ],
          },
        ],
      },
      ['ConfigMap a', 'Secret b?'],
    ],
    ['without a name', { volumes: [{ name: 'a', configMap: {} }] }, []],
    ['for pulling images', { imagePullSecrets: [{ name: 'registry' }] }, []],
  ];
  for (const [where, spec, names] of rows) test(where, () => assert.deepEqual(found(spec), names));

  test('if that kind is followed', () => {
    const volumes = [
      { name: 'a', configMap: { name: 'a' } },
      { name: 'b', secret: { secretName: 'b' } },
    ];
    assert.deepEqual(found({ volumes }, ['ConfigMap']), ['ConfigMap a']);
    assert.deepEqual(found({ volumes }, ['Secret']), ['Secret b']);
  });
});

describe('since a child was written', () => {
  const settings = 'ConfigMap/settings';
  interface Row {
    name: string;
    optional?: boolean;
    recorded: Contents | undefined;
    now: string | undefined;
    changed: boolean;
    /** What is to be written, if it is not written already. */
    writes?: string | null;
  }
  const rows: Row[] = [
    { name: 'the same is no change', recorded: { [settings]: '1' }, now: '1', changed: false },
    {
      name: 'other content is a change',
      recorded: { [settings]: '1' },
      now: '2',
      changed: true,
      writes: '2',
    },
    {
      name: 'a deletion is none, and keeps what is written',
      recorded: { [settings]: '1' },
      now: undefined,
      changed: false,
    },
    {
      name: 'nor is that of something optional, without which the next pod starts',
      optional: true,
      recorded: { [settings]: '1' },
      now: undefined,
      changed: false,
      writes: null,
    },
    {
      name: 'what still is not there is no change',
      recorded: { [settings]: null },
      now: undefined,
      changed: false,
    },
    {
      name: 'what the pod has waited for is no change',
      recorded: { [settings]: null },
      now: '1',
      changed: false,
      writes: '1',
    },
    {
      name: 'what the pod has started without is a change',
      optional: true,
      recorded: { [settings]: null },
      now: '1',
      changed: true,
      writes: '1',
    },
    {
      name: 'what nobody has written down is no change',
      recorded: undefined,
      now: '1',
      changed: false,
      writes: '1',
    },
    {
      name: 'nor is it beside others',
      optional: true,
      recorded: { 'Secret/smtp': '1' },
      now: '1',
      changed: false,
      writes: '1',
    },
    {
      name: 'it is also written down that something is not there',
      recorded: undefined,
      now: undefined,
      changed: false,
      writes: null,
    },
    {
      name: 'what is no longer named costs no write',
      recorded: { [settings]: '1', 'Secret/smtp': '1' },
      now: '1',
      changed: false,
    },
  ];
  for (const { name, optional = false, recorded, now, changed, writes } of rows)
    test(name, () => {
      const reference: Reference = { kind: 'ConfigMap', name: 'settings', optional };
      const news = newsOf([reference], recorded, () => now);
      assert.deepEqual(news.changed, changed ? [reference] : []);
      assert.equal(news.isRecorded, writes === undefined);
      assert.deepEqual(news.contents, { [settings]: writes === undefined ? recorded?.[settings] : writes });
    });

  test('of a pod that names nothing there is no news, whatever is written', () => {
    const news = newsOf([], { [settings]: '1' }, () => assert.fail('Nothing is to be looked up'));
    assert.deepEqual(news, { contents: {}, isRecorded: true, changed: [] });
  });

  test('each is looked at for itself', () => {
    const references: Reference[] = ['a', 'b', 'c'].map((name) => ({
      kind: 'Secret',
      name,
      optional: false,
    }));
    const recorded = { 'Secret/a': '1', 'Secret/b': '1', 'Secret/c': null };
    const { contents, changed } = newsOf(references, recorded, ({ name }) => (name === 'a' ? '1' : '2'));
    assert.deepEqual(contents, { 'Secret/a': '1', 'Secret/b': '2', 'Secret/c': '2' });
    assert.equal(nameReferences(changed), 'Secret "b"');
  });
});
