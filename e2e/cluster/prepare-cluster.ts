import type { Image } from '../images/index.ts';
import { pauseImage } from '../images/index.ts';
import type { Programs } from './build.ts';
import type { ClusterOptions } from './cluster.ts';
import { requireNodeSupport } from './node-requirements.ts';
import { findPrograms } from './programs.ts';
import { kubernetesVersion } from './versions.ts';

/** What a cluster is made of. */
export interface Ingredients {
  programs: Programs;
  /** Version of Kubernetes. */
  version: string;
  /** The image of a pod's sandbox; a control plane without nodes needs none. */
  pause?: Image;
}

/** Sees to it that all that a cluster is made of is there: built, installed, in the cache. */
export async function prepareCluster(options: ClusterOptions): Promise<Ingredients> {
  const { nodes = 0, progress = () => {} } = options;
  if (process.platform !== 'linux') {
    throw new Error('A cluster of our own needs Linux; elsewhere use an existing one (--context)');
  }
  const version = kubernetesVersion(options.kubernetes);
  if (nodes === 0) return findPrograms(version, nodes, progress);
  await requireNodeSupport(progress);
  const pause = await pauseImage(progress);
  return { ...(await findPrograms(version, nodes, progress)), pause };
}
