import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { withLock } from './lock.ts';

/** The folder for everything that is built once and kept: `CLARIVE_OPERATOR_CACHE`, else `~/.cache/clarive-operator`. */
export function cacheFolder(): string {
  return process.env['CLARIVE_OPERATOR_CACHE'] ?? join(homedir(), '.cache', 'clarive-operator');
}

/** Whether a file or folder is there. */
export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** Marks what a program that died was about to write. */
const unfinishedPrefix = '.unfinished-';

/** Removes what programs that died were about to write into `folder`. Only for the holder of a lock on it. */
export async function removeUnfinished(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  const unfinished = names.filter((name) => name.startsWith(unfinishedPrefix));
  await Promise.all(unfinished.map((name) => rm(join(folder, name), { recursive: true, force: true })));
}

/**
 * Writes a file or folder that is either complete or not there: `build` fills a temporary path beside it, which is
 * renamed when it returns and removed when it throws.
 */
export async function writeAtomically(
  path: string,
  build: (temporary: string) => Promise<void>,
): Promise<void> {
  const temporary = join(dirname(path), `${unfinishedPrefix}${basename(path)}.${process.pid}`);
  await mkdir(dirname(path), { recursive: true });
  await rm(temporary, { recursive: true, force: true });
  try {
    await build(temporary);
    await rename(temporary, path);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/**
 * Returns `path`, building it first if it is not there. Of two programs that want the same path at once one builds and
 * the other waits, and says so through `progress`.
 */
export async function buildOnce(
  path: string,
  build: (temporary: string) => Promise<void>,
  progress: (line: string) => void = () => {},
): Promise<string> {
  if (await exists(path)) return path;
  await withLock(`${path}.lock`, progress, async () => {
    if (!(await exists(path))) await writeAtomically(path, build);
  });
  return path;
}
