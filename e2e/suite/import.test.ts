/** What `import` prints runs: each daemon becomes Running or Stopped, as its record's active flag says. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { type ClariveDaemon, kind } from '../../src/api/clarive-daemon.ts';
import type { ClariveDispatcher } from '../../src/api/clarive-dispatcher.ts';
import { exportOf, generations, importWith } from '../../test/import/fixtures.ts';
import { clariveDaemons, deployments, pods } from '../../test/support/resources.ts';
import { adapted, untilDispatcher, untilReason } from './daemons.ts';
import { withKubectl } from './kubectl.ts';

/** As a service of a plugin it is not in the stand-in's image. */
const pluginService = 'service.acme.ldap_sync.daemon';

function imported(generation: string): (ClariveDaemon | ClariveDispatcher)[] {
  const { manifests } = importWith(exportOf(generation), { environment: 'imported' });
  return parseAllDocuments(manifests)
    .map((document) => document.toJS() as ClariveDaemon | ClariveDispatcher)
    .map((object) => (isDaemon(object) ? adapted(object) : object))
    .filter((object) => !isDaemon(object) || object.spec.service !== pluginService);
}

function isDaemon(object: ClariveDaemon | ClariveDispatcher): object is ClariveDaemon {
  return object.kind === kind;
}

for (const generation of generations)
  test(`the daemons of the ${generation} generation run as their records say`, (t) =>
    withKubectl(t, async (given) => {
      const { apply, kube, kubectl } = given;
      const list = { apiVersion: 'v1', kind: 'List', items: imported(generation) };
      await apply(list);
      const daemons = list.items.filter(isDaemon);
      assert.ok(daemons.length >= 6, 'The export has lost daemons');
      for (const { metadata, spec } of daemons)
        await untilReason(given, metadata.name, spec.replicas === 1 ? 'Running' : 'Stopped');
      const running = daemons.filter(({ spec }) => spec.replicas === 1);
      const main = await untilDispatcher(given, 'main', 'Running');
      assert.equal(main.status?.active, `${running.length}/${daemons.length}`);

      for (const { metadata, spec } of running) {
        const child = await kube.get(deployments, metadata.name);
        const args = child.spec?.template.spec?.containers[0]?.args?.join(' ') ?? '';
        const id = spec.id ?? metadata.name;
        assert.ok(args.includes(` -c imported --id ${id}`), args);
      }

      const before = await kube.list(clariveDaemons);
      const podsBefore = await podNames();
      for (const line of (await apply(list)).trimEnd().split('\n')) assert.match(line, / unchanged$/);
      assert.deepEqual(await kube.list(clariveDaemons), before);
      await kubectl('wait', '--for=condition=Ready', '--timeout=60s', 'clarivedispatcher/main');
      assert.deepEqual(await podNames(), podsBefore);

      async function podNames(): Promise<string[]> {
        return (await kube.list(pods)).map(({ metadata }) => metadata?.name ?? '').toSorted();
      }
    }));
