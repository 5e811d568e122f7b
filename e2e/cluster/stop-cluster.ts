import { waitFor } from '../host/wait-for.ts';
import type { Leftovers } from './cluster.ts';
import { footprintOf, leftBehind } from './footprint.ts';
import type { Footprint } from './footprint.ts';
import { childrenOf, isRunning } from './process-id.ts';
import type { ClusterState } from './registry.ts';
import { removeRemains } from './remains.ts';

const patienceMs = 10_000;
const isNothing = (left: Leftovers): boolean => left.processes + left.mounts + left.networkNamespaces === 0;

/** Takes a cluster down, alive or not, removes its files and counts what is still there. */
export async function stopCluster(state: ClusterState): Promise<Leftovers> {
  const footprint = await fullFootprint(state);
  if (await isRunning(state.owner)) await endLeader(state);
  await removeRemains(state);
  return waitForNothing(footprint);
}

/** Asks the leader to take the cluster down; what has not ended in time is killed. */
async function endLeader({ owner, nodes }: ClusterState): Promise<void> {
  const leader = nodes > 0 ? (await childrenOf(owner.pid))[0] : owner.pid;
  if (leader !== undefined) process.kill(leader, 'SIGTERM');
  const hasEnded = async (): Promise<boolean> => !(await isRunning(owner));
  const wait = { what: 'the cluster to end', intervalMs: 20 };
  await waitFor(hasEnded, { ...wait, timeoutMs: patienceMs }).catch(async () => {
    process.kill(owner.pid, 'SIGKILL');
    await waitFor(hasEnded, { ...wait, timeoutMs: patienceMs });
  });
}

/** The kernel clears up namespaces after the last process, on a busy machine seconds later; what is still there then stays. */
async function waitForNothing(footprint: Footprint): Promise<Leftovers> {
  let left = await leftBehind(footprint);
  await waitFor(async () => isNothing((left = await leftBehind(footprint))), {
    what: 'the end of all processes',
    timeoutMs: patienceMs,
  }).catch(() => {});
  return left;
}

/** What the cluster occupied when it became ready, and what it occupies now. */
async function fullFootprint({ owner, footprint, root, data }: ClusterState): Promise<Footprint> {
  const folders = [root, data];
  const earlier = footprint ?? { processes: [], namespaces: [], folders };
  if (!(await isRunning(owner))) return earlier;
  const now = await footprintOf(owner.pid, folders);
  return {
    processes: [...earlier.processes, ...now.processes],
    namespaces: [...new Set([...earlier.namespaces, ...now.namespaces])],
    folders,
  };
}
