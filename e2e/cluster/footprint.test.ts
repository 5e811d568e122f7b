import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { waitFor } from '../host/wait-for.ts';
import { footprintOf, formatLeftovers, leftBehind } from './footprint.ts';

test('a footprint counts a process and its children until they have ended', async () => {
  const parent = spawn('sh', ['-c', 'sleep 60 & echo started; wait'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  await once(parent.stdout, 'data');
  const pid = parent.pid ?? 0;
  const footprint = await footprintOf(pid, ['/nowhere']);
  assert.deepEqual(await leftBehind(footprint), { processes: 2, mounts: 0, networkNamespaces: 0 });

  process.kill(-pid, 'SIGKILL');
  const isGone = async (): Promise<boolean> =>
    formatLeftovers(await leftBehind(footprint)) === '0 processes, 0 mounts, 0 network namespaces';
  await waitFor(isGone, { what: 'the end of both', timeoutMs: 5000 });
});
