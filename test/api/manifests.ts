import { readdir, readFile } from 'node:fs/promises';
import { parse, parseAllDocuments } from 'yaml';
import type { ClariveDaemon } from '../../src/api/clarive-daemon.ts';
import type { ClariveDispatcher } from '../../src/api/clarive-dispatcher.ts';

const repository = new URL('../../', import.meta.url);

/** Reads a YAML file; the path starts at the repository. */
export async function readYaml<Body>(path: string): Promise<Body> {
  return parse(await readFile(new URL(path, repository), 'utf8')) as Body;
}

/** The daemons of crds/samples, by file name. */
export async function samples(): Promise<Map<string, ClariveDaemon>> {
  const files = (await readdir(new URL('crds/samples', repository))).filter(isYaml).toSorted();
  const daemons = files.map(
    async (file) => [file, await readYaml<ClariveDaemon>(`crds/samples/${file}`)] as const,
  );
  return new Map(await Promise.all(daemons));
}

/** A dispatcher and its daemons, as one file. */
export async function installation(): Promise<[ClariveDispatcher, ...ClariveDaemon[]]> {
  const text = await readFile(new URL('crds/samples/installation/main.yaml', repository), 'utf8');
  const objects: unknown[] = parseAllDocuments(text).map((document) => document.toJS());
  return objects as [ClariveDispatcher, ...ClariveDaemon[]];
}

function isYaml(file: string): boolean {
  return file.endsWith('.yaml');
}
