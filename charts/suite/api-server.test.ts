/** What a real API server says of the charts. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { globSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { parse } from 'yaml';
import { KubeClient } from '../../test/support/kube-client.ts';
import { applyServerSide, ensureNamespaces, installAllCrds, kubectl } from './api-server.ts';
import { isHook, objectsOf, releaseNamespace, scenarios, template, tool, type Rendered } from './helm.ts';
import { writeSchemas } from './schemas.ts';

const golden = join(import.meta.dirname, '../../test/desired/golden');

suite('the API server', () => {
  let schemas: string;
  let schemaLocation: string;

  before(async () => {
    await installAllCrds();
    schemas = await mkdtemp(join(tmpdir(), 'clarive-schemas-'));
    const kube = await KubeClient.connect();
    schemaLocation = await writeSchemas(kube, schemas);
    kube.close();
  });
  after(() => rm(schemas, { recursive: true, force: true }));

  const conform = (manifest: string) =>
    tool('kubeconform', ['-strict', '-summary', '-output', 'text', '-schema-location', schemaLocation], {
      input: manifest,
    });

  for (const scenario of scenarios()) {
    test(`kubeconform finds nothing wrong with ${scenario.name}`, async (t) => {
      const manifest = await template(scenario);
      const summary = await conform(manifest);
      assert.match(summary, /Invalid: 0, Errors: 0, Skipped: 0/);
      t.diagnostic(summary.trim());
    });

    test(`${scenario.name} is accepted as it stands, and applied again it changes nothing`, async () => {
      const manifest = await template(scenario);
      const objects = objectsOf(manifest).filter((object) => !isHook(object));
      await ensureNamespaces([
        releaseNamespace,
        ...objects.flatMap(({ metadata }) => metadata.namespace ?? []),
      ]);
      const items = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
      const apply = async () => {
        await applyServerSide(items, '--validate=strict');
        return versionsOf(await kubectl(['get', '-f', '-', '-o', 'json'], items));
      };
      try {
        assert.deepEqual(await apply(), await apply());
      } finally {
        // The next values may want what can't be changed to be otherwise.
        const ours = ['clarivedaemons,clarivedispatchers', '--all', '--namespace', releaseNamespace];
        await kubectl(['delete', ...ours]);
      }
    });
  }

  test('kubeconform finds an unknown field, so the others are none', async () => {
    const [scenario] = scenarios();
    assert.ok(scenario);
    const manifest = (await template(scenario)).replace('revisionHistoryLimit:', 'revisionHistory:');
    await assert.rejects(conform(manifest), /revisionHistory/);
  });

  for (const file of globSync('*.yaml', { cwd: golden }).toSorted()) {
    test(`kubeconform finds nothing wrong with the Deployment of ${file}`, async () => {
      await conform(await readFile(join(golden, file), 'utf8'));
    });
  }

  test('kubectl apply -k applied again changes nothing', async () => {
    const folder = join(import.meta.dirname, '../kustomize');
    await ensureNamespaces(['clarive-system']);
    const apply = async () => {
      const told = await kubectl(['apply', '--server-side', '--force-conflicts', '-k', folder]);
      return { told, versions: versionsOf(await kubectl(['get', '-k', folder, '-o', 'json'])) };
    };
    const first = await apply();
    assert.match(first.told, /deployment\.apps\/clarive-operator serverside-applied/);
    assert.deepEqual((await apply()).versions, first.versions);
  });

  test('what kubectl apply -k has created can be applied server-side, without a conflict', async () => {
    const folder = join(import.meta.dirname, '../kustomize');
    await ensureNamespaces(['clarive-system']);
    await kubectl(['delete', 'deployment', 'clarive-operator', '-n', 'clarive-system', '--ignore-not-found']);
    await kubectl(['apply', '-k', folder]);
    const told = await kubectl(['apply', '--server-side', '-k', folder]);
    assert.match(told, /deployment\.apps\/clarive-operator serverside-applied/);
  });
});

/**
 * Kinds whose status is written in the meantime: of these the generation counts, which no status changes. That of ours has a default,
 * which the API server stores with the first write to an object that no operator has seen.
 */
const withStatus = new Set([
  'ClariveDaemon',
  'ClariveDispatcher',
  'CustomResourceDefinition',
  'Deployment',
  'PodDisruptionBudget',
]);

/** The version of each object by what it is. */
function versionsOf(list: string): Record<string, string | number> {
  const { items } = parse(list) as { items: Stored[] };
  return Object.fromEntries(
    items.map(({ kind, metadata: { namespace = '', name, resourceVersion, generation } }) => [
      `${kind} ${namespace}/${name}`,
      withStatus.has(kind) ? generation : resourceVersion,
    ]),
  );
}

type Stored = Rendered & { metadata: { resourceVersion: string; generation: number } };
