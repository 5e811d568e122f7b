// Everything about a cluster that is settled before its first program runs: names, ports, folders, files.
import { randomBytes } from 'node:crypto';
import { access, constants, mkdir } from 'node:fs/promises';
import type { Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeAuditPolicy } from './audit.ts';
import type { Programs } from './build.ts';
import { clusterFolder } from './cluster-folder.ts';
import { writeCredentials } from './credentials.ts';
import { freePorts, listenOnLoopback } from './free-ports.ts';
import { apiServerPort } from './network-plan.ts';
import type { ClusterPlan, Ports } from './plan.ts';
import type { ClusterState } from './registry.ts';

/** Ports inside the network namespace of a cluster with nodes. */
const portsWithNodes: Ports = { apiServer: apiServerPort, etcd: 2379, etcdPeer: 2380 };

const memoryFolder = '/dev/shm';

/** Throws unless `name` can be the name of a cluster: it becomes part of folder and cgroup names. */
export function requireClusterName(name: string): void {
  if (/^[a-z0-9]([-a-z0-9]{0,28}[a-z0-9])?$/.test(name)) return;
  throw new Error(`Cannot name a cluster "${name}"; use at most 30 lower-case letters, digits and dashes`);
}

/** What is known of a cluster before it is started. */
export async function newClusterState(
  name: string,
  nodes: number,
  kubernetes: string,
  programs: Programs,
): Promise<Omit<ClusterState, 'owner'>> {
  const { root } = clusterFolder(name);
  const data = nodes > 0 ? join(root, 'data') : await folderInMemory(name);
  return { name, root, data, nodes, kubernetes, kubectl: programs.get('kubectl') ?? 'kubectl' };
}

/** A plan and the server through which clients outside reach a cluster with nodes. */
export interface Setup {
  plan: ClusterPlan;
  listener?: Server;
}

/** Writes the files of a registered cluster: certificates, kubeconfigs, the audit policy. */
export async function setUpCluster(
  { name, root, data, nodes }: ClusterState,
  rest: Omit<ClusterPlan, 'name' | 'root' | 'data' | 'nodes' | 'ports'>,
): Promise<Setup> {
  const folder = clusterFolder(name);
  await Promise.all(
    [folder.pki, folder.logs, data].map((path) => mkdir(path, { recursive: true, mode: 0o700 })),
  );
  if (rest.auditLog) await writeAuditPolicy(root);
  const plan = { ...rest, name, root, data, nodes };
  if (nodes > 0) {
    const { server, port } = await listenOnLoopback();
    await writeCredentials(folder, nodes, {
      outside: loopback(port),
      controlPlane: loopback(apiServerPort),
    });
    return { plan: { ...plan, ports: portsWithNodes }, listener: server };
  }
  const ports = await loopbackPorts();
  await writeCredentials(folder, 0, {
    outside: loopback(ports.apiServer),
    controlPlane: loopback(ports.apiServer),
  });
  return { plan: { ...plan, ports } };
}

async function loopbackPorts(): Promise<Ports> {
  const [apiServer = 0, etcd = 0, etcdPeer = 0] = await freePorts(3);
  return { apiServer, etcd, etcdPeer };
}

function loopback(port: number): string {
  return `https://127.0.0.1:${port}`;
}

/** A folder for etcd's data, to be made: in memory where that can be had without root, else on disk. */
async function folderInMemory(name: string): Promise<string> {
  const isWritable = await access(memoryFolder, constants.W_OK).then(
    () => true,
    () => false,
  );
  const suffix = randomBytes(6).toString('hex');
  return join(isWritable ? memoryFolder : tmpdir(), `clarive-operator-${name}-${suffix}`);
}
