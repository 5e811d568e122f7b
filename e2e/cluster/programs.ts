import { join } from 'node:path';
import { exists } from '../host/cache.ts';
import { run } from '../host/run.ts';
import { buildPrograms } from './build.ts';
import type { Programs } from './build.ts';
import { toolsetsFor } from './toolsets.ts';
import type { Toolset } from './toolsets.ts';
import { kubernetesVersion } from './versions.ts';

/** Programs and the Kubernetes version that they are of. */
export interface FoundPrograms {
  programs: Programs;
  version: string;
}

/**
 * Finds the programs of a cluster, building what is missing. For a control plane those in the folder that
 * `KUBEBUILDER_ASSETS` names come first, and decide on the version. The customary content of such a folder lacks
 * kube-controller-manager, without which Deployments do nothing and nothing is ever garbage-collected: it is built.
 */
export async function findPrograms(
  version: string,
  nodes: number,
  progress: (line: string) => void,
): Promise<FoundPrograms> {
  const assets = process.env['KUBEBUILDER_ASSETS'];
  if (!assets || nodes > 0)
    return { programs: await buildPrograms(toolsetsFor(version, nodes), progress), version };
  const versionThere = await versionOf(join(assets, 'kube-apiserver'));
  const toolsets = toolsetsFor(versionThere, 0);
  const present = await programsIn(assets, toolsets);
  progress(`Using ${[...present.keys()].join(', ')} ${versionThere} of KUBEBUILDER_ASSETS "${assets}"`);
  const built = await buildPrograms(without(toolsets, present), progress);
  return { programs: new Map([...present, ...built]), version: versionThere };
}

/** The version that this project builds of the minor of a given kube-apiserver. */
async function versionOf(apiServer: string): Promise<string> {
  const output = await run(apiServer, ['--version']).catch((cause: unknown) => {
    throw new Error('Cannot use KUBEBUILDER_ASSETS; it has to name a folder with kube-apiserver and etcd', {
      cause,
    });
  });
  return kubernetesVersion(/v(\d+\.\d+)/.exec(output)?.[1] ?? output.trim());
}

async function programsIn(folder: string, toolsets: Toolset[]): Promise<Programs> {
  const names = toolsets.flatMap(({ programs }) => programs.map(({ name }) => name));
  const found = await Promise.all(names.map((name) => exists(join(folder, name))));
  return new Map(names.filter((_, index) => found[index]).map((name) => [name, join(folder, name)]));
}

function without(toolsets: Toolset[], present: Programs): Toolset[] {
  return toolsets.map((set) => ({ ...set, programs: set.programs.filter(({ name }) => !present.has(name)) }));
}
