import { run } from '../host/run.ts';
import { createCgroup } from './cgroups.ts';
import { ClusterNode } from './cluster-node.ts';
import type { ControlPlane } from './control-plane.ts';
import { controlPlaneNetwork } from './network-plan.ts';
import { nodeCgroup } from './node-files.ts';
import { enableForwarding, ip } from './node-namespaces.ts';
import type { ClusterPlan } from './plan.ts';

/** The parts of a Node that are read here. */
interface Node {
  spec: { taints?: object[] };
  status: { conditions?: { type: string; status: string }[] };
}

/** The nodes of a cluster and the network between them. */
export class NodePool {
  readonly #plan: ClusterPlan;
  #nodes: ClusterNode[] = [];

  constructor(plan: ClusterPlan) {
    this.#plan = plan;
  }

  /** Makes the network and the cgroups, and keeps the data of the control plane in memory. */
  async prepare(): Promise<void> {
    for (const index of this.#indexes()) await createCgroup(nodeCgroup(this.#plan, index));
    await run('mount', ['-t', 'tmpfs', '-o', 'mode=700', 'data', this.#plan.data]);
    await ip(controlPlaneNetwork());
    await enableForwarding();
  }

  /** Starts the container runtimes; does not need the API server. */
  async startRuntimes(): Promise<void> {
    this.#nodes = await Promise.all(this.#indexes().map((index) => ClusterNode.start(this.#plan, index)));
  }

  /** Makes the nodes part of the cluster and waits until pods can be scheduled to each. */
  async join(controlPlane: ControlPlane): Promise<void> {
    this.#nodes.forEach((node) => node.join());
    const ready = controlPlane.until('the nodes to become ready', async () => {
      const list = await controlPlane.get('/api/v1/nodes');
      const { items } = JSON.parse(list ?? '{"items":[]}') as { items: Node[] };
      return items.filter(isSchedulable).length === this.#plan.nodes;
    });
    await Promise.race([ready, ...this.#nodes.map(({ failure }) => failure)]);
  }

  async loadImage(archive: string): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.loadImage(archive)));
  }

  /** To the kubelet of one node; the first one is 1. */
  signalKubelet(index: number, signal: NodeJS.Signals): void {
    const node = this.#nodes[index - 1];
    if (!node)
      throw new Error(`Cannot signal the kubelet of node ${index}: there are ${this.#nodes.length} nodes`);
    node.signalKubelet(signal);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.stop()));
  }

  /** Undoes what `prepare` mounted. */
  async unmount(): Promise<void> {
    await run('umount', ['--lazy', this.#plan.data]);
  }

  #indexes(): number[] {
    return Array.from({ length: this.#plan.nodes }, (_, index) => index + 1);
  }
}

function isSchedulable({ spec, status }: Node): boolean {
  const isReady = status.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True');
  return isReady === true && (spec.taints ?? []).length === 0;
}
