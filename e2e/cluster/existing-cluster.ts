import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../host/run.ts';
import type { Cluster } from './cluster.ts';

/**
 * Uses a cluster that somebody else runs: the one of a context of the user's kubeconfig. Its programs are out of reach,
 * so images cannot be loaded and its API server cannot be stopped.
 */
export async function existingCluster(context: string): Promise<Cluster> {
  const kubectl = (await run('sh', ['-c', 'command -v kubectl || true'])).trim();
  if (!kubectl) throw new Error(`Cannot use context "${context}" without kubectl; install it`);
  const view = ['config', 'view', '--raw', '--minify', '--flatten', '--context', context];
  const contents = await run(kubectl, view).catch((cause: unknown) => {
    throw new Error(`Cannot use context "${context}" of the kubeconfig`, { cause });
  });
  const folder = await mkdtemp(join(tmpdir(), 'clarive-operator-'));
  const kubeconfig = join(folder, 'kubeconfig');
  await writeFile(kubeconfig, contents, { mode: 0o600 });
  const outOfReach = (): Promise<void> =>
    Promise.reject(new Error(`Cannot stop or start programs of context "${context}"`));
  return {
    name: context,
    kubeconfig,
    kubectl,
    env: { KUBECONFIG: kubeconfig, PATH: process.env['PATH'] ?? '' },
    logs: folder,
    loadImage: () =>
      Promise.reject(
        new Error(
          `Cannot load images into context "${context}"; name one that it can pull, with --image REF`,
        ),
      ),
    stopApiServer: outOfReach,
    startApiServer: outOfReach,
    restartApiServer: outOfReach,
    freezeKubelet: outOfReach,
    thawKubelet: outOfReach,
    async stop() {
      await rm(folder, { recursive: true, force: true });
      return { processes: 0, mounts: 0, networkNamespaces: 0 };
    },
  };
}
