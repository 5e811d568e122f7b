import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

const isTaken = 75;

/**
 * Runs `work` while holding the lock `file`. The lock is the kernel's (flock): it ends with the process that holds it,
 * however that dies, so none is ever stale. Whoever has to wait says so, once, through `progress`.
 */
export async function withLock<T>(
  file: string,
  progress: (line: string) => void,
  work: () => Promise<T>,
): Promise<T> {
  await mkdir(dirname(file), { recursive: true });
  const holder = (await tryLock(file)) ?? (await waitForLock(file, progress));
  try {
    await writeFile(file, String(process.pid));
    return await work();
  } finally {
    holder.stdin?.end();
    await once(holder, 'exit');
  }
}

async function waitForLock(file: string, progress: (line: string) => void): Promise<ChildProcess> {
  const owner = (await readFile(file, 'utf8')) || 'unknown';
  progress(`Waiting for process ${owner}, which is already working on "${file.replace(/\.lock$/, '')}"`);
  const holder = await lock(file, []);
  if (!holder) throw new Error(`Cannot lock "${file}"`);
  return holder;
}

function tryLock(file: string): Promise<ChildProcess | undefined> {
  return lock(file, ['--nonblock', '--conflict-exit-code', String(isTaken)]);
}

/** Starts a process that holds the lock until its standard input closes; undefined if the lock is taken. */
async function lock(file: string, options: string[]): Promise<ChildProcess | undefined> {
  const holder = spawn('flock', [...options, file, 'sh', '-c', 'echo locked; exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true,
  });
  const exited = once(holder, 'exit').then(([code]) => Number(code));
  const outcome = await Promise.race([once(holder.stdout, 'data'), exited]);
  if (typeof outcome !== 'number') return holder;
  if (outcome === isTaken) return undefined;
  throw new Error(`Cannot lock "${file}": flock ended with ${outcome}`);
}
