import { rm } from 'node:fs/promises';
import { clusterCgroup, removeCgroup } from './cgroups.ts';

/** Removes what a cluster keeps on the machine outside of its processes: cgroups and files. */
export async function removeRemains(cluster: { name: string; root: string; data: string }): Promise<void> {
  await removeCgroup(clusterCgroup(cluster.name));
  await rm(cluster.data, { recursive: true, force: true });
  await rm(cluster.root, { recursive: true, force: true });
}
