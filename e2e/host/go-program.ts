import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildOnce, cacheFolder } from './cache.ts';
import { run } from './run.ts';

export interface GoSource {
  /** Folder of the Go module, all of it in one folder. */
  folder: string;
  /** Name of the program and of its folder in the cache. */
  name: string;
  /** How long a build with nothing cached usually takes, for people. */
  usually: string;
}

/** Path of a Go program of this project, after building it if the cache does not have it. `progress` is told of a build. */
export async function goProgram(
  { folder, name, usually }: GoSource,
  progress: (line: string) => void,
): Promise<string> {
  const path = join(cacheFolder(), `${name}-${await digestOf(folder)}`, name);
  return buildOnce(
    path,
    async (temporary) => {
      progress(`Building ${name}, once; this usually takes ${usually}`);
      const flags = ['-trimpath', '-ldflags', '-s -w', '-o', temporary];
      await run('go', ['build', ...flags, '.'], { cwd: folder, env: { CGO_ENABLED: '0' } });
    },
    progress,
  );
}

async function digestOf(folder: string): Promise<string> {
  const hash = createHash('sha256');
  for (const name of (await readdir(folder)).toSorted())
    hash.update(name).update(await readFile(join(folder, name)));
  return hash.digest('hex').slice(0, 12);
}
