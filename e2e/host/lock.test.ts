import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { withLock } from './lock.ts';

test('the second holder of a lock waits for the first, and says so', async (t) => {
  const file = await lockFile(t);
  const order: string[] = [];
  const firstMayEnd = Promise.withResolvers<void>();
  const firstStarted = Promise.withResolvers<void>();
  const first = withLock(
    file,
    (line) => order.push(line),
    async () => {
      firstStarted.resolve();
      await firstMayEnd.promise;
      order.push('first');
    },
  );
  await firstStarted.promise;
  const second = withLock(
    file,
    (line) => {
      order.push(line);
      firstMayEnd.resolve();
    },
    async () => void order.push('second'),
  );
  await Promise.all([first, second]);
  assert.match(order[0] ?? '', new RegExp(`^Waiting for process ${process.pid}`));
  assert.deepEqual(order.slice(1), ['first', 'second']);
});

test('the lock of a killed process is free', { timeout: 10_000 }, async (t) => {
  const file = await lockFile(t);
  const program = `
    import { withLock } from ${JSON.stringify(import.meta.resolve('./lock.ts'))};
    await withLock(${JSON.stringify(file)}, () => {}, async () => {
      console.log('locked');
      await new Promise((resolve) => setTimeout(resolve, 60_000));
    });`;
  const holder = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(holder.stdout, 'data');
  holder.kill('SIGKILL');
  assert.equal(
    await withLock(
      file,
      () => {},
      async () => 'mine',
    ),
    'mine',
  );
});

async function lockFile(t: { after(cleanUp: () => Promise<void>): void }): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'clarive-operator-lock-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return join(folder, 'some.lock');
}
