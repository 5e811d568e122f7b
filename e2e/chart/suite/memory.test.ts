/** A thousand daemons, and the memory limit of the chart. */
import assert from 'node:assert/strict';
import { after, before, suite, test, type TestContext } from 'node:test';
import type { ClariveDaemon } from '../../../src/api/clarive-daemon.ts';
import type { KubeClient } from '../../../test/support/kube-client.ts';
import { clariveDaemons, pods } from '../../../test/support/resources.ts';
import { untilGone, untilList } from '../../../test/support/until.ts';
import { condition, daemon } from '../../suite/daemons.ts';
import { judge } from '../figures.ts';
import { memoryOf, nameOf, restartsOf, untilLeader, untilReady } from '../operator-pods.ts';
import {
  clear,
  connect,
  createNamespaces,
  daemonNamespace,
  imageValues,
  install,
  releaseName,
  systemNamespace,
} from '../stage.ts';

const count = 1000;
const atOnce = 20;

suite('a thousand daemons', () => {
  let kube: KubeClient;
  let system: KubeClient;

  before(async () => {
    kube = await connect();
    system = kube.in(systemNamespace);
    await createNamespaces(kube, systemNamespace, daemonNamespace);
    await install('clarive-operator', releaseName, systemNamespace, ...imageValues());
    await untilReady(system);
    await createDaemons(kube);
    await untilUnschedulable(kube);
  });
  after(async () => {
    await clear(kube);
    kube.close();
  });

  test('fit into the memory limit of both replicas', (t) => judgeMemory(t, system));

  test('fit into it when an operator starts among them', async (t) => {
    const before = await untilReady(system);
    const leader = await untilLeader(system, before);
    await system.delete(pods, nameOf(leader));
    await untilGone(system, pods, nameOf(leader), { timeoutMs: 40_000 });
    await untilReady(system);
    await judgeMemory(t, system);
  });
});

async function judgeMemory(t: TestContext, system: KubeClient): Promise<void> {
  for (const pod of await untilReady(system)) {
    const { workingSet, resident, peak, limit, kills } = await memoryOf(pod);
    t.diagnostic(
      `${nameOf(pod)}: peak ${peak.toFixed(1)} MiB, killed ${kills} times, started anew ${restartsOf(pod)} times`,
    );
    const most = { atMost: 128, unit: 'MiB' } as const;
    judge(t, `memory of the cgroup of ${nameOf(pod)}`, { value: workingSet, ...most });
    judge(t, 'its resident memory, with the pages of Node', { value: resident, ...most });
    assert.deepEqual({ limit, kills, restarts: restartsOf(pod) }, { limit: 128, kills: 0, restarts: 0 });
  }
}

/** Their pods find no node. They are of a service of which there may be many. */
async function createDaemons(kube: KubeClient): Promise<void> {
  const service = 'service.plugin';
  const template = { spec: { nodeSelector: { 'example.com/none': 'such' } } };
  const names = Array.from({ length: count }, (_, index) => `daemon-${index}`);
  const createNext = async (): Promise<void> => {
    for (let name = names.pop(); name !== undefined; name = names.pop())
      await kube.create(clariveDaemons, daemon(name, { service, template }));
  };
  await Promise.all(Array.from({ length: atOnce }, createNext));
}

async function untilUnschedulable(kube: KubeClient): Promise<void> {
  const isMet = (all: ClariveDaemon[]) =>
    all.length === count && all.every((one) => condition(one, 'Ready')?.reason === 'Unschedulable');
  await untilList(kube, clariveDaemons, {}, isMet, {
    timeoutMs: 300_000,
    describe: `${count} daemons to be Unschedulable`,
  });
}
