import { cacheFolder } from '../host/cache.ts';
import { ensureDebianPackages } from '../host/debian-packages.ts';

const packages = ['runc', 'containernetworking-plugins', 'nftables', 'iproute2'];

/** Folders that each node has for itself, so that nothing outside can be seen in them. */
const hiddenFolders = ['/run', '/var/run', '/var/log'];

/** Sees to it that this machine can run nodes; throws what is missing and what to do about it. */
export async function requireNodeSupport(progress: (line: string) => void): Promise<void> {
  if (process.getuid?.() !== 0) {
    throw new Error('A cluster with nodes needs root; use sudo, or a control plane only (0 nodes)');
  }
  const hidden = hiddenFolders.find((folder) => `${cacheFolder()}/`.startsWith(`${folder}/`));
  if (hidden)
    throw new Error(
      `Nodes cannot see "${cacheFolder()}"; set CLARIVE_OPERATOR_CACHE to a folder outside "${hidden}"`,
    );
  await ensureDebianPackages(packages, 'nodes', progress);
}
