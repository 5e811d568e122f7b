import { join } from 'node:path';
import { run } from '../host/run.ts';
import type { Cluster } from './cluster.ts';

/** Installs the project's CRDs and returns when the API server serves them. */
export async function installCrds({ kubectl, env }: Pick<Cluster, 'kubectl' | 'env'>): Promise<void> {
  const options = { env, cwd: join(import.meta.dirname, '../..') };
  const crds = ['-f', 'crds/', '--recursive=false'];
  await run(kubectl, ['apply', '--server-side', '--force-conflicts', ...crds], options);
  await run(kubectl, ['wait', '--for=condition=Established', '--timeout=30s', ...crds], options);
}
