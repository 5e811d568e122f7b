import { readdir, readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import type { ClariveDaemon } from '../../src/api/clarive-daemon.ts';

const repository = new URL('../../', import.meta.url);

/** Reads a YAML file; the path starts at the repository. */
export async function readYaml<Body>(path: string): Promise<Body> {
  return parse(await readFile(new URL(path, repository), 'utf8')) as Body;
}

/** The daemons of crds/samples, by file name. */
export async function samples(): Promise<Map<string, ClariveDaemon>> {
  const files = (await readdir(new URL('crds/samples', repository))).toSorted();
  const daemons = files.map(
    async (file) => [file, await readYaml<ClariveDaemon>(`crds/samples/${file}`)] as const,
  );
  return new Map(await Promise.all(daemons));
}
