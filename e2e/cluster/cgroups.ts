// The control groups of a cluster's pods: one folder in each hierarchy of cgroup v1, or in the one of v2.
import { mkdir, readFile, readdir, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { waitFor } from '../host/wait-for.ts';

/** The cgroup under which a cluster keeps its pods. */
export function clusterCgroup(clusterName: string): string {
  return `/clarive-operator-${clusterName}`;
}

/** Makes a cgroup in all hierarchies. */
export async function createCgroup(path: string): Promise<void> {
  for (const { mountPoint, isUnified } of await hierarchies()) {
    await mkdir(join(mountPoint, path), { recursive: true });
    if (isUnified) await delegateControllers(mountPoint, path);
  }
}

/** Kills all processes in a cgroup and below. */
export async function killCgroup(path: string): Promise<void> {
  for (const { mountPoint } of await hierarchies()) {
    for (const folder of await foldersBelow(join(mountPoint, path))) {
      const processes = await readFile(join(folder, 'cgroup.procs'), 'utf8').catch(() => '');
      for (const pid of processes.split('\n').map(Number).filter(Boolean)) kill(pid);
    }
  }
}

/** Removes a cgroup and those below, once the processes in them are gone. */
export async function removeCgroup(path: string): Promise<void> {
  for (const { mountPoint } of await hierarchies()) {
    await waitFor(() => removeFolder(join(mountPoint, path)), {
      what: `the processes in cgroup "${path}" to end`,
      timeoutMs: 5000,
      intervalMs: 20,
    });
  }
}

/** Where the files of a container are that tell its memory and its processes, by the container's id; seen from outside of the cluster. */
export async function memoryCgroup(clusterName: string, containerId: string): Promise<string> {
  for (const { mountPoint, isUnified } of await hierarchies()) {
    if (!isUnified && !mountPoint.endsWith('/memory')) continue;
    const folders = await foldersBelow(join(mountPoint, clusterCgroup(clusterName)));
    const folder = folders.find((path) => path.endsWith(`/${containerId}`));
    if (folder !== undefined) return folder;
  }
  throw new Error(`Cannot find the cgroup of container "${containerId}"`);
}

interface Hierarchy {
  mountPoint: string;
  /** Whether this is cgroup v2. */
  isUnified: boolean;
}

async function hierarchies(): Promise<Hierarchy[]> {
  const mounts = (await readFile('/proc/self/mounts', 'utf8')).split('\n').map((line) => line.split(' '));
  return mounts
    .filter(([, , type]) => type === 'cgroup' || type === 'cgroup2')
    .map(([, mountPoint = '', type]) => ({ mountPoint, isUnified: type === 'cgroup2' }));
}

/** Lets the children of each group on the way to `path`, and of that group itself, use all controllers. */
async function delegateControllers(mountPoint: string, path: string): Promise<void> {
  const names = path.split('/').filter(Boolean);
  for (let depth = 0; depth <= names.length; depth++) {
    const folder = join(mountPoint, ...names.slice(0, depth));
    const controllers = (await readFile(join(folder, 'cgroup.controllers'), 'utf8')).trim().split(' ');
    const enabled = controllers.filter(Boolean).map((controller) => `+${controller}`);
    if (enabled.length > 0) await writeFile(join(folder, 'cgroup.subtree_control'), enabled.join(' '));
  }
}

/** The folder and all below it, the deepest first; none if it is not there. */
async function foldersBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => undefined);
  if (!entries) return [];
  const children = entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(folder, name));
  return [...(await Promise.all(children.map(foldersBelow))).flat(), folder];
}

async function removeFolder(folder: string): Promise<boolean> {
  for (const below of await foldersBelow(folder)) {
    const removed = await rmdir(below).then(
      () => true,
      () => false,
    );
    if (!removed) return false;
  }
  return true;
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended in the meantime.
  }
}
