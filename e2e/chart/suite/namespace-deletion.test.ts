/** `kubectl delete namespace` while daemons run there. */
import assert from 'node:assert/strict';
import { after, before, suite, test, type TestContext } from 'node:test';
import type { KubeClient } from '../../../test/support/kube-client.ts';
import { clariveDaemons, clariveDispatchers, namespaces, pods } from '../../../test/support/resources.ts';
import { untilGone } from '../../../test/support/until.ts';
import { daemon } from '../../suite/daemons.ts';
import { judge, secondsSince } from '../figures.ts';
import { nameOf, restartsOf, untilReady } from '../operator-pods.ts';
import {
  clear,
  connect,
  createNamespaces,
  daemonNamespace,
  imageValues,
  install,
  kubectl,
  releaseName,
  systemNamespace,
  untilActive,
  untilNoPod,
} from '../stage.ts';

const graceSeconds = 20;
/** Those that drain nothing, so that their grace can be as short as that. */
const services = [
  'service.daemon.email',
  'service.event.daemon',
  'service.purge.daemon',
  'service.root_cause_analysis.daemon',
  'service.sem.daemon',
];
const count = 2 * services.length;

suite('the deletion of a namespace full of daemons that ignore all requests to end', () => {
  let kube: KubeClient;
  let system: KubeClient;

  before(async () => {
    kube = await connect();
    system = kube.in(systemNamespace);
    await createNamespaces(kube, systemNamespace);
    await install('clarive-operator', releaseName, systemNamespace, ...imageValues());
    await untilReady(system);
  });
  after(async () => {
    await clear(kube);
    kube.close();
  });

  test('ends soon after their grace while the operator runs', async (t) => {
    const before = await untilReady(system);
    await fillNamespace(kube);
    await judgeDeletion(t, kube);
    const after = await untilReady(system);
    assert.deepEqual(after.map(nameOf), before.map(nameOf));
    assert.deepEqual(after.map(restartsOf), [0, 0]);
  });

  test('ends soon after their grace without an operator', async (t) => {
    await fillNamespace(kube);
    await kubectl('scale', `deployment/${releaseName}`, '--replicas=0', '--namespace', systemNamespace);
    await untilNoPod(system, 'app.kubernetes.io/component=operator');
    await judgeDeletion(t, kube);
  });
});

/** Two installations, because an installation has one daemon of each of these services. */
async function fillNamespace(kube: KubeClient): Promise<void> {
  await createNamespaces(kube, daemonNamespace);
  const spec = {
    env: [{ name: 'STAND_IN_IGNORE_TERM', value: 'yes' }],
    template: { spec: { terminationGracePeriodSeconds: graceSeconds } },
  };
  for (const name of ['first', 'second']) {
    await kube.create(clariveDispatchers, { metadata: { name }, spec });
    for (const [index, service] of services.entries())
      await kube.create(clariveDaemons, daemon(`${name}-${index}`, { service, dispatcherRef: { name } }));
  }
  await untilActive(kube, count);
}

/**
 * Of the 15 s beyond the grace Kubernetes' namespace controller takes up to 12, whatever is in the namespace: it begins after 5 s, and
 * once the grace is over it looks for pods that are left at ever longer intervals, the last of them 5 s.
 */
async function judgeDeletion(t: TestContext, kube: KubeClient): Promise<void> {
  const graces = (await kube.list(pods)).map(({ spec }) => spec?.terminationGracePeriodSeconds);
  assert.deepEqual(
    graces,
    Array.from({ length: count }, () => graceSeconds),
  );
  const startedAtMs = performance.now();
  await kube.delete(namespaces, daemonNamespace);
  await untilGone(kube, namespaces, daemonNamespace, { timeoutMs: 180_000 });
  judge(t, `deletion of a namespace with ${count} daemons, grace ${graceSeconds} s`, {
    value: secondsSince(startedAtMs),
    atMost: graceSeconds + 15,
    unit: 's',
  });
}
