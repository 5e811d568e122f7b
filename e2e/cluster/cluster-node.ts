import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { run } from '../host/run.ts';
import { waitFor } from '../host/wait-for.ts';
import { killCgroup } from './cgroups.ts';
import { Component } from './component.ts';
import { kubeletFlags, nodeCgroup, nodeFiles, nodeFolder, nodeName } from './node-files.ts';
import { NodeNamespaces } from './node-namespaces.ts';
import type { ClusterPlan } from './plan.ts';

const containerdTimeoutMs = 30_000;

/** One node of the cluster: namespaces, containerd, kubelet and kube-proxy. */
export class ClusterNode {
  readonly #plan: ClusterPlan;
  readonly #index: number;
  readonly #namespaces: NodeNamespaces;
  readonly #containerd: Component;
  #kubelet: Component | undefined;
  #kubeProxy: Component | undefined;

  private constructor(plan: ClusterPlan, index: number, namespaces: NodeNamespaces) {
    this.#plan = plan;
    this.#index = index;
    this.#namespaces = namespaces;
    this.#containerd = this.#start('containerd', [
      '--config',
      join(nodeFolder(plan, index), 'containerd.toml'),
    ]);
  }

  /** Starts the container runtime of node `index` and loads the images of the plan. */
  static async start(plan: ClusterPlan, index: number): Promise<ClusterNode> {
    await writeNodeFiles(plan, index);
    const node = new ClusterNode(plan, index, await NodeNamespaces.create(plan, index));
    await node.#containerdReady();
    for (const archive of plan.images) await node.loadImage(archive);
    return node;
  }

  /** Starts what makes this a node of the cluster; needs the API server. */
  join(): void {
    const config = `--config=${join(nodeFolder(this.#plan, this.#index), 'kube-proxy.json')}`;
    this.#kubelet = this.#start('kubelet', kubeletFlags(this.#plan, this.#index));
    this.#kubeProxy = this.#start('kube-proxy', [config]);
  }

  /** Rejects when one of its programs ends by itself. */
  get failure(): Promise<never> {
    return Promise.race([this.#containerd, ...this.#agents].map(({ failure }) => failure));
  }

  signalKubelet(signal: NodeJS.Signals): void {
    this.#kubelet?.signal(signal);
  }

  async loadImage(archive: string): Promise<void> {
    await this.#ctr('--namespace', 'k8s.io', 'images', 'import', archive);
  }

  /** Stops kubelet, which would start pods again, then the pods, then what they ran on. */
  async stop(): Promise<void> {
    await Promise.all(this.#agents.map((agent) => agent.stop()));
    await killCgroup(nodeCgroup(this.#plan, this.#index));
    await this.#containerd.stop();
  }

  get #agents(): Component[] {
    return [this.#kubelet, this.#kubeProxy].filter((agent) => agent !== undefined);
  }

  async #containerdReady(): Promise<void> {
    const answers = (): Promise<boolean> =>
      this.#ctr('version').then(
        () => true,
        () => false,
      );
    const wait = { what: `containerd of ${nodeName(this.#index)}`, timeoutMs: containerdTimeoutMs };
    await Promise.race([waitFor(answers, wait), this.#containerd.failure]);
  }

  async #ctr(...args: string[]): Promise<void> {
    const [command = '', ...rest] = this.#namespaces.enter([this.#program('ctr'), ...args]);
    await run(command, rest);
  }

  #start(program: string, flags: string[]): Component {
    return new Component({
      name: `${nodeName(this.#index)}-${program}`,
      command: this.#namespaces.enter([this.#program(program), ...flags]),
      logs: join(this.#plan.root, 'logs'),
      // containerd finds its shim in its own folder only if that is in the PATH.
      env: { PATH: `${dirname(this.#program('containerd'))}:${process.env['PATH'] ?? ''}` },
    });
  }

  #program(name: string): string {
    return this.#plan.programs[name] ?? name;
  }
}

async function writeNodeFiles(plan: ClusterPlan, index: number): Promise<void> {
  const folder = nodeFolder(plan, index);
  await mkdir(folder, { recursive: true });
  await Promise.all(
    [...nodeFiles(plan, index)].map(([name, contents]) => writeFile(join(folder, name), contents)),
  );
}
