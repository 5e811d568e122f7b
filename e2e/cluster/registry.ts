// Which clusters there are on this machine: a folder with a state file for each.
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeAtomically } from '../host/cache.ts';
import { withLock } from '../host/lock.ts';
import { clusterFolder, clustersFolder } from './cluster-folder.ts';
import type { Footprint } from './footprint.ts';
import { isRunning, processId } from './process-id.ts';
import type { ProcessId } from './process-id.ts';
import { removeRemains } from './remains.ts';

/** What is on record about a cluster. */
export interface ClusterState {
  name: string;
  root: string;
  data: string;
  nodes: number;
  kubernetes: string;
  kubectl: string;
  /** The process whose end means the end of the cluster: at first the program that starts it, then its leader. */
  owner: ProcessId;
  footprint?: Footprint;
}

/**
 * Takes the name of `state` for a new cluster and makes its folder. What clusters that died have left is removed first.
 * Throws if a running cluster has the name.
 */
export async function registerCluster(state: Omit<ClusterState, 'owner'>): Promise<ClusterState> {
  return withLock(
    join(clustersFolder(), '.lock'),
    () => {},
    async () => {
      await removeDeadClusters();
      const present = await loadState(state.name);
      if (present) {
        const remedy = `stop it (npm run cluster -- down --name ${state.name}) or use another name`;
        throw new Error(`A cluster named "${state.name}" is running already; ${remedy}`);
      }
      const owner = await processId(process.pid);
      if (!owner) throw new Error('Cannot read /proc; clusters need Linux');
      await mkdir(state.root, { recursive: true });
      await saveState({ ...state, owner });
      return { ...state, owner };
    },
  );
}

/** Writes the state file of a cluster. */
export async function saveState(state: ClusterState): Promise<void> {
  const file = stateFile(state.name);
  await writeAtomically(file, (temporary) =>
    writeFile(temporary, JSON.stringify(state, null, 2), { mode: 0o600 }),
  );
}

/** The state of the cluster called `name`; undefined if there is none. */
export async function loadState(name: string): Promise<ClusterState | undefined> {
  const text = await readFile(stateFile(name), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as ClusterState);
}

async function removeDeadClusters(): Promise<void> {
  for (const name of await readdir(clustersFolder())) {
    const state = await loadState(name);
    if (!state || (await isRunning(state.owner))) continue;
    for (const process of state.footprint?.processes ?? []) await kill(process);
    await removeRemains(state);
  }
}

async function kill(id: ProcessId): Promise<void> {
  if (await isRunning(id)) process.kill(id.pid, 'SIGKILL');
}

function stateFile(name: string): string {
  return join(clusterFolder(name).root, 'state.json');
}
