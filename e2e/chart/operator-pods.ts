/** The operator's pods, as the API server, their logs and their cgroups tell of them. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { V1Pod } from '@kubernetes/client-node';
import type { KubeClient } from '../../test/support/kube-client.ts';
import { leases, pods, type Json } from '../../test/support/resources.ts';
import { untilList } from '../../test/support/until.ts';
import { memoryCgroup } from '../cluster/cgroups.ts';
import { exists } from '../host/cache.ts';
import { waitFor } from '../host/wait-for.ts';
import { given, kubectl, releaseName } from './stage.ts';

export type Pod = Json<V1Pod>;

const labelSelector = 'app.kubernetes.io/name=clarive-operator,app.kubernetes.io/component=operator';
const ticksPerSecond = 100; // USER_HZ, on all architectures that Node runs on
const mebi = 2 ** 20;

export const nameOf = ({ metadata }: Pod): string => metadata?.name ?? '';

/** Waits until there are exactly so many pods of the operator, all of them Ready. */
export function untilReady(kube: KubeClient, count = 2): Promise<Pod[]> {
  const isMet = (all: Pod[]) => all.length === count && all.every(isReady);
  return untilPods(kube, `${count} pods of the operator to be Ready`, isMet);
}

/** Waits until a pod of the operator is Ready that is none of those, and returns it. */
export async function untilAnotherReady(kube: KubeClient, those: Pod[]): Promise<Pod> {
  const known = new Set(those.map(nameOf));
  const isAnother = (pod: Pod) => isReady(pod) && !known.has(nameOf(pod));
  const found = await untilPods(kube, 'another pod of the operator to be Ready', (all) =>
    all.some(isAnother),
  );
  return found.find(isAnother) ?? {};
}

function untilPods(kube: KubeClient, describe: string, isMet: (all: Pod[]) => boolean): Promise<Pod[]> {
  return untilList(kube, pods, { labelSelector }, isMet, { timeoutMs: 120_000, describe });
}

function isReady({ status, metadata }: Pod): boolean {
  const isSaid = status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True');
  return metadata?.deletionTimestamp === undefined && isSaid === true;
}

/** How often the operator's container of a pod was started anew. */
export function restartsOf({ status }: Pod): number {
  return status?.containerStatuses?.[0]?.restartCount ?? 0;
}

/** Waits until the Lease names one of the pods as the leader; it is looked for in the operator's namespace. */
export async function untilLeader(kube: KubeClient, candidates: Pod[]): Promise<Pod> {
  const look = async () => {
    const holder = (await kube.find(leases, releaseName))?.spec?.holderIdentity ?? '';
    return candidates.find((pod) => holder.startsWith(`${nameOf(pod)}_`));
  };
  return waitFor(look, { what: 'a leader', timeoutMs: 30_000 });
}

/** `GET` of a pod's port, by way of the API server. */
export async function fetchFrom(kube: KubeClient, pod: Pod, port: number, path: string): Promise<string> {
  const proxy = kube.path(pods, `${nameOf(pod)}:${port}`, { subresource: 'proxy' });
  const { code, body } = await kube.send({ method: 'GET', path: `${proxy}${path}` });
  if (code !== 200) throw new Error(`${path} of ${nameOf(pod)} answered ${code}: ${String(body)}`);
  return String(body);
}

/** A start of the operator, in milliseconds since 1970: of its process, and when its log says that it is ready. */
export async function startOf(
  kube: KubeClient,
  pod: Pod,
): Promise<{ startedAtMs: number; readyAtMs: number }> {
  const log = await kubectl('logs', nameOf(pod), '--namespace', kube.namespace, '--timestamps');
  const [readyAt] = /^\S+(?= .*"msg":"Ready")/m.exec(log) ?? [];
  if (readyAt === undefined) throw new Error(`${nameOf(pod)} has not said that it is ready:\n${log}`);
  return { startedAtMs: await processStart(pod), readyAtMs: Date.parse(readyAt) };
}

/** When the container's first process began, in milliseconds since 1970. */
async function processStart(pod: Pod): Promise<number> {
  const pid = await processOf(pod);
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' '); // the name before it may hold blanks
  const uptimeSeconds = Number((await readFile('/proc/uptime', 'utf8')).split(' ')[0]);
  return Date.now() - (uptimeSeconds - Number(fields[19]) / ticksPerSecond) * 1000;
}

/** Memory of the operator's container in MiB. */
export interface Memory {
  /** What `kubectl top` shows and evictions count: all but the files that the kernel can drop at once. */
  workingSet: number;
  /** All pages of the process, also those of Node itself, which are charged to whoever read them first: the most it can be. */
  resident: number;
  /** The most that was ever charged, files included: what the limit is held against. */
  peak: number;
  limit: number;
  /** Processes that were killed for want of memory. */
  kills: number;
}

/** Names of the same things in cgroup v1 and v2. */
const memoryFiles = {
  v1: {
    usage: 'memory.usage_in_bytes',
    peak: 'memory.max_usage_in_bytes',
    limit: 'memory.limit_in_bytes',
    kills: 'memory.oom_control',
    droppable: 'total_inactive_file',
  },
  v2: {
    usage: 'memory.current',
    peak: 'memory.peak',
    limit: 'memory.max',
    kills: 'memory.events',
    droppable: 'inactive_file',
  },
};

/** Reads the cgroup of the operator's container. */
export async function memoryOf(pod: Pod): Promise<Memory> {
  const folder = await cgroupOf(pod);
  const names = memoryFiles[(await exists(join(folder, memoryFiles.v2.usage))) ? 'v2' : 'v1'];
  const read = (name: string) => readFile(join(folder, name), 'utf8');
  const field = async (name: string, key: string) =>
    Number(new RegExp(`^${key} (\\d+)$`, 'm').exec(await read(name))?.[1]);
  const processStatus = await readFile(`/proc/${await processOf(pod)}/status`, 'utf8');
  const droppable = await field('memory.stat', names.droppable);
  return {
    workingSet: (Number(await read(names.usage)) - droppable) / mebi,
    resident: (Number(/^VmRSS:\s+(\d+) kB$/m.exec(processStatus)?.[1]) * 1024) / mebi,
    peak: Number(await read(names.peak)) / mebi,
    limit: Number(await read(names.limit)) / mebi,
    kills: await field(names.kills, 'oom_kill'),
  };
}

/** The container's first process, as this machine numbers it. */
async function processOf(pod: Pod): Promise<number> {
  return Number.parseInt(await readFile(join(await cgroupOf(pod), 'cgroup.procs'), 'utf8'), 10);
}

function cgroupOf({ status }: Pod): Promise<string> {
  const id = status?.containerStatuses?.[0]?.containerID?.replace('containerd://', '') ?? '';
  return memoryCgroup(given('CLUSTER'), id);
}
