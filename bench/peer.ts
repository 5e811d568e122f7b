/** Builds the operator on controller-runtime that ours is compared with, once, into the cache. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildOnce, cacheFolder } from '../e2e/host/cache.ts';
import { run } from '../e2e/host/run.ts';

const folder = join(import.meta.dirname, 'peer');

/** Path of the program. `progress` is told if it has to be built. */
export async function peerProgram(progress: (line: string) => void): Promise<string> {
  const path = join(cacheFolder(), `bench-peer-${await digestOfSources()}`, 'clarive-peer');
  return buildOnce(
    path,
    async (temporary) => {
      progress('Building the operator on controller-runtime, once; this usually takes 3 min');
      const flags = ['-trimpath', '-ldflags', '-s -w', '-o', temporary];
      await run('go', ['build', ...flags, '.'], { cwd: folder, env: { CGO_ENABLED: '0' } });
    },
    progress,
  );
}

async function digestOfSources(): Promise<string> {
  const hash = createHash('sha256');
  for (const name of (await readdir(folder)).toSorted())
    hash.update(name).update(await readFile(join(folder, name)));
  return hash.digest('hex').slice(0, 12);
}
