/** What a user is told about a daemon that runs as asked. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { events } from '../../test/support/resources.ts';
import { untilList } from '../../test/support/until.ts';
import { daemon, untilReason } from './daemons.ts';
import { withKubectl } from './kubectl.ts';

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
