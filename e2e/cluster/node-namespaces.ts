import { writeFile } from 'node:fs/promises';
import { run } from '../host/run.ts';
import { waitFor } from '../host/wait-for.ts';
import { exists } from '../host/cache.ts';
import { Component } from './component.ts';
import { nodeLink, nodeNetwork } from './network-plan.ts';
import { nodeName } from './node-files.ts';
import type { ClusterPlan } from './plan.ts';
import { join } from 'node:path';

/** Kernel settings that kubelet insists on. It finds them set, and leaves those of the machine alone. */
const kernelSettings = new Map([
  ['vm/overcommit_memory', '1'],
  ['vm/panic_on_oom', '0'],
  ['kernel/panic', '10'],
  ['kernel/panic_on_oops', '1'],
  ['kernel/keys/root_maxkeys', '1000000'],
  ['kernel/keys/root_maxbytes', '25000000'],
]);

/** Folders that each node has for itself, in memory. Kubernetes and CNI offer no other place for some of their files. */
const privateFolders = ['/run', '/var/log', '/var/lib/kubelet', '/var/lib/cni'];

const isReadyFile = '/run/node-is-ready';

/** What runs first in the namespaces of a node and holds them. */
function holderScript(name: string): string {
  const settings = [...kernelSettings].map(
    ([setting, value], index) =>
      `echo ${value} > /run/settings/${index}; mount --bind /run/settings/${index} /proc/sys/${setting}`,
  );
  return [
    'set -e',
    ...privateFolders.map((folder) => `mkdir -p ${folder}; mount -t tmpfs -o mode=755 node ${folder}`),
    'mkdir /run/settings',
    ...settings,
    'echo 1 > /proc/sys/net/ipv4/ip_forward',
    `hostname ${name}`,
    `touch ${isReadyFile}`,
    'exec sleep infinity',
  ].join('\n');
}

/** The mount, network and host name namespaces of one node, inside those of the cluster. */
export class NodeNamespaces {
  readonly #holder: Component;

  private constructor(holder: Component) {
    this.#holder = holder;
  }

  /** Makes the namespaces of node `index` and connects them to the network of the nodes. */
  static async create(plan: ClusterPlan, index: number): Promise<NodeNamespaces> {
    const script = holderScript(nodeName(index));
    const holder = new Component({
      name: `${nodeName(index)}-namespaces`,
      command: ['unshare', '--mount', '--net', '--uts', 'sh', '-c', script],
      logs: join(plan.root, 'logs'),
    });
    const ready = waitFor(() => exists(`/proc/${holder.pid}/root${isReadyFile}`), {
      what: `the namespaces of ${nodeName(index)}`,
      timeoutMs: 10_000,
      intervalMs: 10,
    });
    await Promise.race([ready, holder.failure]);
    const namespaces = new NodeNamespaces(holder);
    await ip(nodeLink(index, holder.pid));
    await ip(nodeNetwork(index, plan.nodes), namespaces.enter([]));
    return namespaces;
  }

  /** The command line that runs a command in these namespaces. */
  enter(command: string[]): string[] {
    return ['nsenter', '--target', String(this.#holder.pid), '--mount', '--net', '--uts', '--', ...command];
  }

  /** Path, for the leader, of a path in these namespaces. */
  path(path: string): string {
    return join('/proc', String(this.#holder.pid), 'root', path);
  }
}

/** Executes commands of `ip`, optionally behind a prefix that enters other namespaces. */
export async function ip(commands: string[], prefix: string[] = []): Promise<void> {
  const [command, ...args] = [...prefix, 'ip', '-batch', '-'];
  await run(command, args, { input: `${commands.join('\n')}\n` });
}

/** Lets the control plane's namespace pass on packets between nodes. */
export async function enableForwarding(): Promise<void> {
  await writeFile('/proc/sys/net/ipv4/ip_forward', '1');
}
