// Builds the programs of a cluster from Go modules, once, into the cache.
import { join } from 'node:path';
import { cacheFolder, exists, removeUnfinished, writeAtomically } from '../host/cache.ts';
import { requireFreeDisk } from '../host/free-disk.ts';
import { withLock } from '../host/lock.ts';
import { run } from '../host/run.ts';
import { writeGoModule } from './go-module.ts';
import type { Program, Toolset } from './toolsets.ts';

const heartbeatMs = 30_000;

/** Progress of a whole build. */
interface Tally {
  startedMs: number;
  /** The programs that were missing at the start, in the order of building. */
  programs: Program[];
  progress: (line: string) => void;
}

/** Paths of programs by name, e.g. `kube-apiserver`. */
export type Programs = Map<string, string>;

/** Returns where the programs are, after building those that are missing. */
export async function buildPrograms(
  toolsets: Toolset[],
  progress: (line: string) => void,
): Promise<Programs> {
  const missing = (await Promise.all(toolsets.map(missingPrograms))).flat();
  if (missing.length > 0) {
    await requireGo(missing);
    await requireDisk(toolsets, missing);
    const usualSeconds = missing.reduce((sum, program) => sum + program.usualSeconds, 0);
    progress(
      `Building ${missing.length} programs into "${cacheFolder()}", once; ` +
        `with nothing cached this usually takes ${formatSeconds(usualSeconds)} on two cores`,
    );
    const tally: Tally = { startedMs: performance.now(), programs: missing, progress };
    for (const toolset of toolsets) await buildToolset(toolset, tally);
  }
  return new Map(toolsets.flatMap((set) => set.programs.map(({ name }) => [name, programPath(set, name)])));
}

async function buildToolset(toolset: Toolset, tally: Tally): Promise<void> {
  if ((await missingPrograms(toolset)).length === 0) return;
  const folder = join(cacheFolder(), toolset.folder);
  await withLock(`${folder}.lock`, tally.progress, async () => {
    const missing = await missingPrograms(toolset);
    if (missing.length === 0) return;
    const moduleFolder = join(folder, 'module');
    await removeUnfinished(folder);
    await writeGoModule(moduleFolder, toolset);
    for (const program of missing) await buildProgram(toolset, program, moduleFolder, tally);
  });
}

async function buildProgram(toolset: Toolset, program: Program, cwd: string, tally: Tally): Promise<void> {
  const startedMs = performance.now();
  const position = tally.programs.findIndex(({ name }) => name === program.name) + 1;
  const what = `${program.name} ${toolset.version} (${position} of ${tally.programs.length})`;
  const usually = `usually ${formatSeconds(program.usualSeconds)} with nothing cached`;
  tally.progress(`Building ${what}, ${usually}; ${secondsSince(tally.startedMs)} so far`);
  const heartbeat = setInterval(
    () => tally.progress(`Still building ${what}: ${secondsSince(startedMs)}, ${usually}`),
    heartbeatMs,
  );
  const tags = toolset.buildTags.length > 0 ? ['-tags', toolset.buildTags.join(',')] : [];
  const flags = ['-mod=mod', '-trimpath', ...tags, '-ldflags', toolset.linkerFlags];
  try {
    await writeAtomically(programPath(toolset, program.name), async (temporary) => {
      await run('go', ['build', ...flags, '-o', temporary, program.package], {
        cwd,
        env: { CGO_ENABLED: '0' },
      });
    });
  } finally {
    clearInterval(heartbeat);
  }
}

async function missingPrograms(toolset: Toolset): Promise<Program[]> {
  const present = await Promise.all(toolset.programs.map(({ name }) => exists(programPath(toolset, name))));
  return toolset.programs.filter((_, index) => !present[index]);
}

function programPath(toolset: Toolset, name: string): string {
  return join(cacheFolder(), toolset.folder, name);
}

async function requireGo(missing: Program[]): Promise<void> {
  await run('go', ['version']).catch((cause: unknown) => {
    const remedy =
      'install Go 1.26 or newer, or set KUBEBUILDER_ASSETS to a folder with kube-apiserver and etcd';
    throw new Error(`Cannot build ${namesOf(missing)} from source without Go; ${remedy}`, { cause });
  });
}

async function requireDisk(toolsets: Toolset[], missing: Program[]): Promise<void> {
  const lacking = toolsets.filter(({ programs }) => programs.some((program) => missing.includes(program)));
  const gigabytes = lacking.reduce((sum, toolset) => sum + toolset.gigabytes, 0);
  for (const folder of [cacheFolder(), (await run('go', ['env', 'GOCACHE'])).trim()])
    await requireFreeDisk(folder, gigabytes, `build ${namesOf(missing)}`);
}

function namesOf(programs: Program[]): string {
  return programs.map(({ name }) => name).join(', ');
}

function secondsSince(startedMs: number): string {
  return formatSeconds((performance.now() - startedMs) / 1000);
}

/** Formats a time for people: `45 s`, `2 min 5 s`. */
function formatSeconds(seconds: number): string {
  const whole = Math.round(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}
