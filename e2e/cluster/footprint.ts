// What a cluster occupies on the machine, looked at from outside, and what of it is still there later.
import { readFile, readdir, readlink } from 'node:fs/promises';
import type { Leftovers } from './cluster.ts';
import { isRunning, processId } from './process-id.ts';
import type { ProcessId } from './process-id.ts';

/** What a cluster occupies. */
export interface Footprint {
  processes: ProcessId[];
  /** Kernel names of namespaces that are not those of this program, such as `net:[4026532281]`. */
  namespaces: string[];
  /** Folders in which the cluster may have mounted something. */
  folders: string[];
}

const namespaceKinds = ['pid', 'net', 'mnt'];

/** The footprint of the cluster whose first process is `pid`. */
export async function footprintOf(pid: number, folders: string[]): Promise<Footprint> {
  const pids = await familyOf(pid);
  const processes = (await Promise.all(pids.map(processId))).filter((id) => id !== undefined);
  const own = new Set(await namespacesOf('self'));
  const all = (await Promise.all(pids.map(namespacesOf))).flat();
  return { processes, namespaces: [...new Set(all)].filter((namespace) => !own.has(namespace)), folders };
}

/** Counts what is still there of a footprint. */
export async function leftBehind({ processes, namespaces, folders }: Footprint): Promise<Leftovers> {
  const remaining = new Set<number>();
  for (const process of processes) if (await isRunning(process)) remaining.add(process.pid);
  const inUse = new Set<string>();
  for (const pid of await allPids()) {
    const shared = (await namespacesOf(pid)).filter((namespace) => namespaces.includes(namespace));
    if (shared.length > 0 && (await processId(pid))) remaining.add(pid);
    shared.forEach((namespace) => inUse.add(namespace));
  }
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n');
  const pinned = namespaces.filter((namespace) => mounts.some((mount) => mount.includes(namespace)));
  const ofKind = (kind: string): number =>
    [...new Set([...inUse, ...pinned])].filter((namespace) => namespace.startsWith(kind)).length;
  return {
    processes: remaining.size,
    mounts: mounts.filter((mount) => folders.some((folder) => mount.includes(folder))).length + ofKind('mnt'),
    networkNamespaces: ofKind('net'),
  };
}

/** Says what a cluster left behind. */
export function formatLeftovers({ processes, mounts, networkNamespaces }: Leftovers): string {
  return `${processes} processes, ${mounts} mounts, ${networkNamespaces} network namespaces`;
}

/** A process and all its descendants. */
async function familyOf(root: number): Promise<number[]> {
  const parents = new Map<number, number>();
  for (const pid of await allPids()) {
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
    parents.set(pid, Number(/^PPid:\s+(\d+)/m.exec(status)?.[1] ?? 0));
  }
  const family = new Set([root]);
  const belongs = (pid: number): boolean => {
    const parent = parents.get(pid);
    return family.has(pid) || (parent !== undefined && parent > 0 && belongs(parent));
  };
  return [root, ...[...parents.keys()].filter((pid) => pid !== root && belongs(pid))];
}

async function allPids(): Promise<number[]> {
  return (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
}

async function namespacesOf(pid: number | 'self'): Promise<string[]> {
  const links = namespaceKinds.map((kind) => readlink(`/proc/${pid}/ns/${kind}`).catch(() => ''));
  return (await Promise.all(links)).filter(Boolean);
}
