// The program that runs a cluster: it starts everything, does what it is asked to, and when it ends, all ends.
// It runs beside its control plane, or inside the namespaces of a cluster with nodes.
import { Server } from 'node:net';
import { ControlPlane } from './control-plane.ts';
import { forward } from './forwarder.ts';
import { NodePool } from './node-pool.ts';
import type { ClusterPlan, Command, Reply, Request } from './plan.ts';
import { removeRemains } from './remains.ts';

/** A cluster, from inside. */
class Leader {
  #plan: ClusterPlan | undefined;
  #controlPlane: ControlPlane | undefined;
  #nodes: NodePool | undefined;
  #preparation: Promise<void> | undefined;
  #isReady = false;

  async execute(command: Command, listener: Server | undefined): Promise<void> {
    switch (command.verb) {
      case 'start':
        return await this.#start(command.plan, listener);
      case 'load-image':
        return await this.#loadImage(command.archive);
      case 'stop-api-server':
        return await this.#controlPlane?.stopApiServer(command.signal);
      case 'start-api-server':
        return await this.#controlPlane?.startApiServer();
      case 'signal-kubelet':
        return this.#nodes?.signalKubelet(command.node, command.signal);
    }
  }

  /** Ends everything in good order. */
  async stop(): Promise<void> {
    await this.#takeDown();
    process.exit(0);
  }

  /** The program that started the cluster is gone: so is the cluster, unless it is meant to stay. */
  async abandon(): Promise<void> {
    if (this.#isReady && this.#plan?.detached) return;
    await this.#takeDown();
    if (this.#plan) await removeRemains(this.#plan);
    process.exit(1);
  }

  async #loadImage(archive: string): Promise<void> {
    if (!this.#nodes) throw new Error(`Cannot load "${archive}" into a cluster without nodes`);
    await this.#nodes.loadImage(archive);
  }

  async #takeDown(): Promise<void> {
    await this.#preparation; // What is half made cannot be undone.
    await this.#nodes?.stop();
    await this.#controlPlane?.stop();
    await this.#nodes?.unmount();
  }

  async #start(plan: ClusterPlan, listener: Server | undefined): Promise<void> {
    this.#plan = plan;
    if (listener) forward(listener, plan.ports.apiServer);
    const controlPlane = new ControlPlane(plan);
    this.#controlPlane = controlPlane;
    await (plan.nodes === 0 ? controlPlane.start() : this.#startWithNodes(plan, controlPlane));
    this.#isReady = true;
  }

  async #startWithNodes(plan: ClusterPlan, controlPlane: ControlPlane): Promise<void> {
    const nodes = new NodePool(plan);
    this.#nodes = nodes;
    await (this.#preparation = nodes.prepare());
    await Promise.all([controlPlane.start(), nodes.startRuntimes()]);
    await nodes.join(controlPlane);
  }
}

const leader = new Leader();

process.on('message', ({ id, command }: Request, handle: unknown) => {
  const answer = (reply: Reply): void => void (process.connected && process.send?.(reply));
  leader.execute(command, handle instanceof Server ? handle : undefined).then(
    () => answer({ id }),
    (error: unknown) => answer({ id, error: error instanceof Error ? error.message : String(error) }),
  );
});
process.once('SIGTERM', () => void leader.stop());
process.once('disconnect', () => void leader.abandon());
