import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../host/run.ts';
import type { Toolset } from './toolsets.ts';

/** A module as go.mod names it. */
interface GoModule {
  Path: string;
  Version?: string;
}

/** A line of go.mod that puts one module in the place of another. */
export interface Replacement {
  Old: GoModule;
  New: GoModule;
}

/** Writes a Go module into `folder` from which the programs of `toolset` can be built. */
export async function writeGoModule(folder: string, toolset: Toolset): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'go.mod'), goMod(toolset, await replacements(folder, toolset)));
}

/**
 * `go install` refuses a program whose go.mod replaces modules. A go.mod of our own repeats the replacements; those of
 * Kubernetes name its own libraries ("staging modules") by relative paths, and these are published as v0.x of each v1.x.
 */
export function goMod({ module, version }: Toolset, replaced: Replacement[]): string {
  const published = ({ Old, New }: Replacement): GoModule =>
    New.Path.startsWith('./staging/') ? { Path: Old.Path, Version: version.replace(/^1\./, 'v0.') } : New;
  return [
    'module clarive-operator-cluster',
    'go 1.26.0',
    'godebug default=go1.26',
    `require ${module} v${version}`,
    ...replaced.map((one) => `replace ${named(one.Old)} => ${named(published(one))}`),
    '',
  ].join('\n');
}

function named({ Path, Version }: GoModule): string {
  return Version === undefined ? Path : `${Path} ${Version}`;
}

/** What the module's own go.mod replaces. */
async function replacements(folder: string, { module, version }: Toolset): Promise<Replacement[]> {
  const download = await run('go', ['mod', 'download', '-json', `${module}@v${version}`], { cwd: folder });
  const { GoMod: file } = JSON.parse(download) as { GoMod: string };
  const edited = await run('go', ['mod', 'edit', '-json', file], { cwd: folder });
  return (JSON.parse(edited) as { Replace?: Replacement[] | null }).Replace ?? [];
}
