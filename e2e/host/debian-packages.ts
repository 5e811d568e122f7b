import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { exists } from './cache.ts';
import { withLock } from './lock.ts';
import { run } from './run.ts';

const packageLists = '/var/lib/apt/lists';
const listsAreStaleAfterMs = 24 * 60 * 60 * 1000;

/**
 * Sees to it that Debian packages are installed: as root it installs the missing ones, after naming them through
 * `progress`; otherwise it throws with the command to run. `purpose` completes "needed …".
 */
export async function ensureDebianPackages(
  names: string[],
  purpose: string,
  progress: (line: string) => void,
): Promise<void> {
  if (!(await exists('/usr/bin/dpkg-query'))) {
    progress(`This is no Debian: ${purpose} needs what its packages ${names.join(', ')} contain`);
    return;
  }
  if ((await missingPackages(names)).length === 0) return;
  if (process.getuid?.() !== 0) {
    const missing = (await missingPackages(names)).join(' ');
    throw new Error(`${purpose} needs Debian packages; install them: sudo apt-get install ${missing}`);
  }
  await withLock('/tmp/clarive-operator-apt.lock', progress, async () => {
    const missing = await missingPackages(names);
    if (missing.length > 0) await install(missing, purpose, progress);
  });
}

async function missingPackages(names: string[]): Promise<string[]> {
  const installed = await run('dpkg-query', ['--show', '--showformat', '${Package} ${db:Status-Status}\\n']);
  const present = new Set(installed.split('\n'));
  return names.filter((name) => !present.has(`${name} installed`));
}

async function install(names: string[], purpose: string, progress: (line: string) => void): Promise<void> {
  progress(`Installing Debian packages for ${purpose}: ${names.join(', ')}`);
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  const aptGet = (...args: string[]) =>
    run('apt-get', ['-o', 'DPkg::Lock::Timeout=300', '-o', 'Acquire::Retries=3', ...args], { env });
  // One source that cannot be reached makes the whole update fail; the packages may still be had.
  const update = () => aptGet('update').catch((error: unknown) => progress(String(error)));
  const installAll = () => aptGet('install', '--yes', '--no-install-recommends', ...names);
  if (await listsAreStale()) await update();
  await installAll().catch(async () => {
    await update();
    await installAll();
  });
}

async function listsAreStale(): Promise<boolean> {
  const files = await readdir(packageLists).catch(() => []);
  const lists = files.filter((file) => file.includes('_Packages'));
  if (lists.length === 0) return true;
  const changed = await stat(join(packageLists, 'partial')).catch(() => stat(packageLists));
  return Date.now() - changed.mtimeMs > listsAreStaleAfterMs;
}
