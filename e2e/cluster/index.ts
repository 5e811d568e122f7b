// A real Kubernetes for tests and the demo, from one function.
export { existingCluster } from './existing-cluster.ts';
export { prepareCluster } from './prepare-cluster.ts';
export { startCluster } from './start-cluster.ts';
export type { Cluster } from './cluster.ts';
export { installCrds } from './install-crds.ts';
export { formatLeftovers } from './footprint.ts';
