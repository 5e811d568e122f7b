import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../host/run.ts';
import type { Toolset } from './toolsets.ts';

/** The parts of `go mod edit -json` that are read here. */
interface GoMod {
  Replace?: { Old: { Path: string }; New: { Path: string } }[] | null;
}

/** Writes a Go module into `folder` from which the programs of `toolset` can be built. */
export async function writeGoModule(folder: string, toolset: Toolset): Promise<void> {
  await mkdir(folder, { recursive: true });
  const staged = await stagedModules(folder, toolset);
  await writeFile(join(folder, 'go.mod'), goMod(toolset, staged));
}

/**
 * Kubernetes cannot be built by `go install`: its go.mod names its own libraries ("staging modules") by relative paths
 * and as version 0.0.0. They are published as v0.x of each v1.x, which a go.mod of our own can say.
 */
export function goMod({ module, version }: Toolset, stagedModules: string[]): string {
  const stagedVersion = version.replace(/^1\./, 'v0.');
  return [
    'module clarive-operator-cluster',
    'go 1.26.0',
    'godebug default=go1.26',
    `require ${module} v${version}`,
    ...stagedModules.map((path) => `replace ${path} => ${path} ${stagedVersion}`),
    '',
  ].join('\n');
}

async function stagedModules(folder: string, { module, version }: Toolset): Promise<string[]> {
  const download = await run('go', ['mod', 'download', '-json', `${module}@v${version}`], { cwd: folder });
  const { GoMod: file } = JSON.parse(download) as { GoMod: string };
  const { Replace } = JSON.parse(await run('go', ['mod', 'edit', '-json', file], { cwd: folder })) as GoMod;
  return (Replace ?? []).filter(({ New }) => New.Path.startsWith('./staging/')).map(({ Old }) => Old.Path);
}
