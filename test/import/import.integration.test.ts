/** What `import` prints is what the API server takes, word for word, and `kubectl apply` changes nothing the second time. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import type { ClariveDaemon } from '../../src/api/clarive-daemon.ts';
import type { ImportOptions } from '../../src/import/import.ts';
import { run } from '../../e2e/host/run.ts';
import { inNamespace } from '../support/in-namespace.ts';
import type { KubeClient } from '../support/kube-client.ts';
import { seededRandom, seeds } from '../support/random.ts';
import { clariveDaemons } from '../support/resources.ts';
import { exportOf, generations, importWith } from './fixtures.ts';

const kubectl = process.env['KUBECTL'] ?? 'kubectl';

/** The words that kubectl has for each object: created, configured or unchanged. */
async function apply({ namespace }: KubeClient, manifests: string, ...flags: string[]): Promise<string[]> {
  const args = ['--namespace', namespace, 'apply', '--validate=strict', ...flags, '-f', '-'];
  const told = await run(kubectl, args, { input: manifests });
  return told.trimEnd().split('\n');
}

function daemonsIn(manifests: string): ClariveDaemon[] {
  return parseAllDocuments(manifests)
    .map((document) => document.toJS() as ClariveDaemon)
    .filter(({ kind }) => kind === 'ClariveDaemon');
}

/** Each daemon is stored with the spec that was printed. */
async function assertStored(kube: KubeClient, manifests: string): Promise<void> {
  for (const { metadata, spec } of daemonsIn(manifests))
    assert.deepEqual((await kube.get(clariveDaemons, metadata.name)).spec, spec);
}

const variants: Record<string, Partial<ImportOptions>> = {
  'with a dispatcher': { image: 'registry.example.com/clarive:7', environment: 'prod' },
  'with a dispatcher that is stopped': { stopped: true },
  'without dispatcher': { dispatcher: undefined, image: 'registry.example.com/clarive:7' },
};

for (const generation of generations)
  for (const [how, options] of Object.entries(variants))
    suite(`what becomes of the ${generation} generation ${how}`, () => {
      const { manifests } = importWith(exportOf(generation), options);
      const objects = manifests.split('---\n').length;

      for (const flags of [[], ['--server-side']])
        test(`is applied as it is, and once more without a change, by kubectl apply ${flags.join('')}`, (t) =>
          inNamespace(t, async (kube) => {
            const first = await apply(kube, manifests, ...flags);
            assert.equal(first.length, objects);
            for (const line of first) assert.match(line, / (created|serverside-applied)$/);
            await assertStored(kube, manifests);

            await markSeen(kube);
            const before = await kube.list(clariveDaemons);
            for (const line of await apply(kube, manifests, ...flags))
              assert.match(line, / (unchanged|serverside-applied)$/);
            assert.deepEqual(await kube.list(clariveDaemons), before);
          }));
    });

/** As an operator does at once. Until then the first write to an object, even one without a change, stores the default of its status. */
async function markSeen(kube: KubeClient): Promise<void> {
  for (const { metadata } of await kube.list(clariveDaemons)) {
    const status = { observedGeneration: metadata.generation ?? 0 };
    await kube.patch(clariveDaemons, metadata.name, { status }, { subresource: 'status' });
  }
}

/** kubectl reads YAML 1.1, in which many an unquoted word is no text. Ids of containers are such words now and then. */
test('ids and settings arrive as the texts that they are', (t) =>
  inNamespace(t, async (kube) => {
    const [seed = 0] = seeds(1);
    t.diagnostic(`SEED=${seed}`);
    const random = seededRandom(seed);
    const below = (limit: number) => Math.floor(random() * limit);
    const word = (alphabet: string, length: number) =>
      Array.from({ length }, () => alphabet[below(alphabet.length)]).join('');
    const traps = [
      '1e5',
      '1234567e8901',
      '0x1f',
      '0o17',
      '017',
      '0b1',
      '1_0',
      '12.5',
      '1.',
      '6',
      'on',
      'NO',
      'y',
      'N',
    ];
    const words = [
      'null',
      'Null',
      'true',
      'False',
      '2026-10-05',
      '1.2.3',
      '685.23',
      '190',
      'inf',
      'nan',
      'off',
      'e1',
    ];
    const containers = Array.from({ length: 60 }, () => word('0123456789abcdef', 12));
    const numberLike = Array.from(
      { length: 60 },
      () => `${below(10)}${word('0123456789eE_.-xo', 5)}${below(10)}`,
    );
    const ids = [...new Set([...traps, ...words, ...containers, ...numberLike])];
    const legal = ids.filter((id) => /^[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$/.test(id));
    const config = {
      ids,
      mixed: [
        '~',
        '=',
        '<<',
        '.inf',
        '-.NaN',
        '+1',
        '.5',
        '1:20',
        '- a',
        '# b',
        "it's",
        'a: b',
        ' c ',
        '',
        '\t',
        'ä😀\u0007',
      ],
    };

    const records = [
      {
        service: 'service.job.daemon',
        active: '1',
        instances: legal.map((instance) => ({ instance })),
        config,
      },
    ];
    const { manifests, report } = importWith(records, { dispatcher: undefined });
    await apply(kube, manifests);
    const stored = await kube.list(clariveDaemons);
    assert.deepEqual(new Set(stored.map(({ spec }) => spec.id)), new Set(legal), report);
    for (const { spec } of stored) assert.deepEqual(spec.config, config);
  }));
