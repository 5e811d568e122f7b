/** Whether a daemon is active, and if not, why: as real pods make it true. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { events, pods } from '../../test/support/resources.ts';
import { untilList } from '../../test/support/until.ts';
import { condition, daemon, untilReason } from './daemons.ts';
import { withKubectl } from './kubectl.ts';

test('a daemon that crashes three times in a row is CrashLooping, with its exit code', (t) =>
  withKubectl(t, async (given) => {
    await given.apply(daemon('crashing', { args: ['--exit-after', '1', '--exit-code', '3'] }));
    const crashing = await untilReason(given, 'crashing', 'CrashLooping');
    assert.equal(crashing.status?.pod?.lastExit?.code, 3);
    assert.equal(condition(crashing, 'Stalled')?.status, 'True');
    assert.match(condition(crashing, 'Ready')?.message ?? '', /exited with code 3/);
  }));

test('an image that does not exist is ImagePullFailed', (t) =>
  withKubectl(t, async (given) => {
    await given.apply(daemon('imageless', { image: 'localhost/no-such-image:1' }));
    const failed = await untilReason(given, 'imageless', 'ImagePullFailed');
    assert.match(condition(failed, 'Ready')?.message ?? '', /no-such-image/);
  }));

test('a node selector that no node meets is Unschedulable, in the words of the scheduler', (t) =>
  withKubectl(t, async (given) => {
    await given.apply(daemon('homeless', { template: { spec: { nodeSelector: { disk: 'none' } } } }));
    const homeless = await untilReason(given, 'homeless', 'Unschedulable');
    assert.match(condition(homeless, 'Ready')?.message ?? '', /node/);
  }));

test('a missing ConfigMap is MissingReference until it appears', (t) =>
  withKubectl(t, async (given) => {
    await given.apply(daemon('lacking', { envFrom: [{ configMapRef: { name: 'settings' } }] }));
    const lacking = await untilReason(given, 'lacking', 'MissingReference');
    assert.match(condition(lacking, 'Ready')?.message ?? '', /configmap "settings" not found/);
    await given.kubectl('create', 'configmap', 'settings', '--from-literal=A=1');
    await untilReason(given, 'lacking', 'Running');
  }));

test('the config of the spec is the file that the daemon reads', (t) =>
  withKubectl(t, async (given) => {
    await given.apply(daemon('configured', { config: { frequency: 7, name: 'no', verbose: false } }));
    await untilReason(given, 'configured', 'Running');
    const [pod] = await untilList(
      given.kube,
      pods,
      { labelSelector: 'app.kubernetes.io/instance=configured' },
      (found) => found.length === 1,
      { describe: 'the pod' },
    );
    const file = await given.kubectl(
      'exec',
      pod?.metadata?.name ?? '',
      '--',
      'cat',
      '/opt/clarive/config/clarive.yml',
    );
    assert.equal(file, 'service.sem.daemon:\n  frequency: 7\n  name: "no"\n  verbose: 0\n');
  }));

test('a quota that has no room for the pod is QuotaExceeded, in the words of the API server', (t) =>
  withKubectl(t, async (given) => {
    await given.kubectl('create', 'quota', 'none', '--hard=pods=0');
    await given.apply(daemon('surplus'));
    const surplus = await untilReason(given, 'surplus', 'QuotaExceeded');
    assert.match(condition(surplus, 'Ready')?.message ?? '', /exceeded quota: none/);
  }));

test('directories that end with the pod are warned of once', (t) =>
  withKubectl(t, async (given) => {
    await given.apply(daemon('purge', { service: 'service.purge.daemon' }));
    const warned = ({ reason }: { reason?: string | undefined }) => reason === 'EphemeralDirectory';
    await untilReason(given, 'purge', 'Running');
    const found = await untilList(given.kube, events, {}, (all) => all.some(warned), {
      describe: 'a warning',
    });
    assert.match(found.find(warned)?.message ?? '', /"jobs", "logs", "tmp"/);
    await given.kubectl('scale', 'cld/purge', '--replicas=0');
    await untilReason(given, 'purge', 'Stopped');
    await given.kubectl('scale', 'cld/purge', '--replicas=1');
    await untilReason(given, 'purge', 'Running');
    const counts = (await given.kube.list(events)).filter(warned).map(({ count }) => count);
    assert.deepEqual(counts, [1]);
  }));

test('Pod Security "restricted" lets the daemon in', (t) =>
  withKubectl(t, async (given) => {
    await given.kubectl(
      'label',
      'namespace',
      given.kube.namespace,
      'pod-security.kubernetes.io/enforce=restricted',
    );
    await given.apply(daemon('restricted'));
    await untilReason(given, 'restricted', 'Running');
  }));
