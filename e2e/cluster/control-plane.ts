import { join } from 'node:path';
import { waitFor } from '../host/wait-for.ts';
import { apiServerClient } from './api-server-client.ts';
import type { ApiServerClient } from './api-server-client.ts';
import { Component } from './component.ts';
import { apiServerFlags, controllerManagerFlags, etcdFlags, schedulerFlags } from './control-plane-flags.ts';
import type { ClusterPlan } from './plan.ts';

const bootTimeoutMs = 120_000;

/** The programs of a control plane. */
export class ControlPlane {
  readonly #plan: ClusterPlan;
  #client: ApiServerClient | undefined;
  #etcd: Component | undefined;
  #apiServer: Component | undefined;
  readonly #clients: Component[] = [];

  constructor(plan: ClusterPlan) {
    this.#plan = plan;
  }

  /** Starts etcd and the API server, and what works on them as soon as they answer; returns when all are ready. */
  async start(): Promise<void> {
    this.#client = await apiServerClient(join(this.#plan.root, 'pki'), this.#plan.ports.apiServer);
    this.#etcd = this.#run('etcd', etcdFlags(this.#plan));
    await this.startApiServer();
    if (!this.#plan.controllers) return;
    this.#clients.push(this.#run('kube-controller-manager', controllerManagerFlags(this.#plan)));
    if (this.#plan.nodes > 0) this.#clients.push(this.#run('kube-scheduler', schedulerFlags(this.#plan)));
    await this.until('the default service account', () =>
      this.get('/api/v1/namespaces/default/serviceaccounts/default'),
    );
  }

  async startApiServer(): Promise<void> {
    this.#apiServer = this.#run('kube-apiserver', apiServerFlags(this.#plan));
    await this.until('the API server to become ready', () => this.get('/readyz'));
  }

  async stopApiServer(signal: NodeJS.Signals): Promise<void> {
    await this.#apiServer?.stop(signal, 10_000);
  }

  /** Stops everything; etcd last, because an API server that has lost it hangs in its shutdown. */
  async stop(): Promise<void> {
    await Promise.all(this.#clients.map((component) => component.stop()));
    await this.#apiServer?.stop();
    await this.#etcd?.stop();
  }

  /** The body of a successful GET, else undefined. */
  async get(path: string): Promise<string | undefined> {
    const response = await this.#client?.get(path);
    return response?.status === 200 ? response.body : undefined;
  }

  /** Waits for `condition`, unless a program of the control plane ends before. */
  async until(what: string, condition: () => Promise<string | boolean | undefined>): Promise<void> {
    const running = [this.#etcd, this.#apiServer, ...this.#clients].filter(
      (component) => component !== undefined,
    );
    const failures = running.map(({ failure }) => failure);
    await Promise.race([waitFor(condition, { what, timeoutMs: bootTimeoutMs }), ...failures]);
  }

  #run(name: string, flags: string[]): Component {
    const { programs, root } = this.#plan;
    return new Component({ name, command: [programs[name] ?? name, ...flags], logs: join(root, 'logs') });
  }
}
