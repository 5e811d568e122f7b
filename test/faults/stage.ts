/** What a scenario plays on: a namespace of its own, and operators that each speak through a proxy of their own. */
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cluster } from '../../e2e/cluster/index.ts';
import { OperatorProcess } from '../../e2e/operator-process.ts';
import { KubeClient } from '../support/kube-client.ts';
import { namespaces } from '../support/resources.ts';
import { FaultProxy } from './fault-proxy.ts';

export interface Replica {
  /** Name under which the API server knows it. */
  user: string;
  proxy: FaultProxy;
  process: OperatorProcess;
}

export interface ReplicaOptions {
  /** Part of its name; `a` by default. */
  name?: string;
  /** Off where a process is killed and the next shall start at once. On by default. */
  elects?: boolean;
}

export class Stage {
  readonly cluster: Cluster;
  /** Speaks to the API server past all proxies, about the scenario's namespace. */
  readonly kube: KubeClient;
  /** Prints a line. */
  readonly say: (line: string) => void;
  readonly #replicas: Replica[] = [];
  /** Rejects when an operator ends that nobody has ended. */
  readonly #crash = Promise.withResolvers<never>();

  private constructor(cluster: Cluster, kube: KubeClient, say: (line: string) => void) {
    this.cluster = cluster;
    this.kube = kube;
    this.say = say;
  }

  /** Runs a scenario in a new namespace, ends its operators and deletes the namespace. */
  static async play(
    cluster: Cluster,
    say: (line: string) => void,
    scenario: (stage: Stage) => Promise<void>,
  ): Promise<void> {
    const admin = await KubeClient.connect(cluster.kubeconfig);
    const name = `faults-${randomBytes(4).toString('hex')}`;
    await admin.create(namespaces, { metadata: { name } });
    const stage = new Stage(cluster, admin.in(name), say);
    try {
      await Promise.race([scenario(stage), stage.#crash.promise]);
    } finally {
      await Promise.all([...stage.#replicas].map((replica) => stage.end(replica)));
      await admin.delete(namespaces, name);
      admin.close();
    }
  }

  get namespace(): string {
    return this.kube.namespace;
  }

  /** Log of the operators of this scenario. */
  get log(): string {
    return join(this.cluster.logs, `${this.namespace}.log`);
  }

  /** Starts an operator for the namespace; returns when it has seen all that exists. */
  async start({ name = 'a', elects = true }: ReplicaOptions = {}): Promise<Replica> {
    const user = `${this.namespace}-${name}`;
    const proxy = await FaultProxy.start({ kubeconfig: this.cluster.kubeconfig, user });
    const path = join(this.cluster.logs, `${user}.kubeconfig`);
    await writeFile(path, proxy.kubeconfig());
    const process = await this.#startProcess(path, elects);
    process.ended.catch(this.#crash.reject);
    const replica = { user, proxy, process };
    this.#replicas.push(replica);
    return replica;
  }

  /** Kills an operator, if it still runs, and closes its proxy. */
  async end(replica: Replica): Promise<void> {
    const index = this.#replicas.indexOf(replica);
    if (index === -1) return;
    this.#replicas.splice(index, 1);
    await replica.process.kill();
    await replica.proxy.close();
  }

  #startProcess(kubeconfig: string, elects: boolean): Promise<OperatorProcess> {
    const env = { KUBECONFIG: kubeconfig, CLARIVE_OPERATOR_LEADER_ELECTION: String(elects) };
    const flags = {
      namespaces: this.namespace,
      'leader-election-namespace': this.namespace,
      'default-image': 'clarive.example/clarive:1',
      'run-as-user': '1000',
      'health-address': '127.0.0.1:0',
      'metrics-address': '0',
    };
    const args = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
    return OperatorProcess.start({ env, args, log: this.log });
  }
}
