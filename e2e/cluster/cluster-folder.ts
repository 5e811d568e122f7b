import { join } from 'node:path';
import { cacheFolder } from '../host/cache.ts';

/** The folder that holds a folder for each cluster. */
export function clustersFolder(): string {
  return join(cacheFolder(), 'clusters');
}

/** Where the files of one cluster are. */
export interface ClusterFolder {
  root: string;
  /** Certificates and keys. */
  pki: string;
  logs: string;
  /** The administrator's kubeconfig. */
  kubeconfig: string;
}

/** The paths of the cluster called `name`; creates nothing. */
export function clusterFolder(name: string): ClusterFolder {
  const root = join(clustersFolder(), name);
  return { root, pki: join(root, 'pki'), logs: join(root, 'logs'), kubeconfig: join(root, 'kubeconfig') };
}
