/** Upgrade, rollback, uninstallation and reinstallation: none of them may be noticed by a daemon. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { chartsFolder, helm } from '../../../charts/suite/helm.ts';
import type { KubeClient } from '../../../test/support/kube-client.ts';
import { clariveDaemons, customResourceDefinitions } from '../../../test/support/resources.ts';
import { waitFor } from '../../host/wait-for.ts';
import { daemon, untilReason } from '../../suite/daemons.ts';
import { stateOf } from '../daemon-state.ts';
import { fetchFrom, untilLeader, untilReady } from '../operator-pods.ts';
import {
  clear,
  connect,
  createNamespaces,
  daemonNamespace,
  given,
  imageValues,
  install,
  kubectl,
  releaseName,
  systemNamespace,
  untilActive,
  untilNoPod,
} from '../stage.ts';

const probe = 'probe';
const release = [releaseName, '--namespace', systemNamespace];

suite('a release of the operator, begun with an older one', () => {
  let kube: KubeClient;
  let system: KubeClient;
  /** All that may not change. */
  let state: object;

  before(async () => {
    kube = await connect();
    system = kube.in(systemNamespace);
    await createNamespaces(kube, systemNamespace, daemonNamespace);
    const older = join(given('OLDER_CHARTS'), 'clarive-operator');
    const [name = '', ...rest] = release;
    await helm('install', name, older, ...rest, ...imageValues(given('OLDER_IMAGE')));
    await install('clarive-daemons', 'clarive', daemonNamespace);
    await untilActive(kube, 7);
    await kube.create(clariveDaemons, daemon('stopped', { replicas: 0 }));
    await kube.scale(clariveDaemons, 'purge', 0);
    for (const name of ['stopped', 'purge']) await untilReason({ kube }, name, 'Stopped');
    await untilNoPod(kube, 'app.kubernetes.io/instance=purge');
    state = await stateOf(kube);
  });
  after(async () => {
    await clear(kube);
    kube.close();
  });

  test('is upgraded, and no daemon notices', async () => {
    await helm(
      'upgrade',
      releaseName,
      join(chartsFolder, 'clarive-operator'),
      ...release.slice(1),
      ...imageValues(),
    );
    await untilWorking(kube, system, given('OPERATOR_IMAGE'));
    assert.deepEqual(await stateOf(kube), state);
  });

  test('is rolled back, and no daemon notices', async () => {
    await helm('rollback', ...release);
    await untilWorking(kube, system, given('OLDER_IMAGE'));
    assert.deepEqual(await stateOf(kube), state);
  });

  test('is uninstalled, and the daemons run on', async () => {
    await helm('uninstall', ...release);
    await untilNoPod(system, 'app.kubernetes.io/component=operator');
    assert.deepEqual(await stateOf(kube), state);
    const kept = (await kube.list(customResourceDefinitions)).map(({ metadata }) => metadata?.name);
    assert.deepEqual(
      new Set(kept),
      new Set(['clarivedaemons.clarive.com', 'clarivedispatchers.clarive.com']),
    );
  });

  test('is installed again and takes over what is there', async () => {
    await install('clarive-operator', releaseName, systemNamespace, ...imageValues());
    await untilWorking(kube, system, given('OPERATOR_IMAGE'));
    assert.deepEqual(await stateOf(kube), state);
  });
});

/** Waits until the replicas run the image and one of them leads, has started a daemon, and has nothing left to do. */
async function untilWorking(kube: KubeClient, system: KubeClient, image: string): Promise<void> {
  await kubectl(
    'rollout',
    'status',
    `deployment/${releaseName}`,
    '--namespace',
    systemNamespace,
    '--timeout=120s',
  );
  const replicas = await untilReady(system);
  for (const { spec } of replicas) assert.equal(spec?.containers[0]?.image, image);
  const leader = await untilLeader(system, replicas);
  await kube.create(clariveDaemons, daemon(probe));
  await untilReason({ kube }, probe, 'Running');
  await kube.delete(clariveDaemons, probe);
  await untilNoPod(kube, `app.kubernetes.io/instance=${probe}`);
  const isIdle = async () => {
    const depths = (await fetchFrom(system, leader, 8080, '/metrics')).match(/^workqueue_depth\{.*$/gm) ?? [];
    return depths.length > 0 && depths.every((line) => line.endsWith(' 0'));
  };
  await waitFor(isIdle, { what: 'the queue to be empty', timeoutMs: 30_000 });
}
