/** A control plane on which the operator of the chart runs, with the chart's arguments and rights, beside it. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installCrds, startCluster, type Cluster } from '../../e2e/cluster/index.ts';
import { run } from '../../e2e/host/run.ts';
import { OperatorProcess } from '../../e2e/operator-process.ts';
import { AuditLog } from '../../test/support/audit-log.ts';
import { KubeClient } from '../../test/support/kube-client.ts';
import { tokenKubeconfig } from '../../test/support/token-kubeconfig.ts';
import { isHook, objectsOf, releaseNamespace, template, type Rendered } from './helm.ts';

export interface Rule {
  apiGroups: string[];
  resources: string[];
  verbs: string[];
}

interface OperatorDeployment extends Rendered {
  spec: { template: { spec: { serviceAccountName: string; containers: { args: string[] }[] } } };
}

export class Stage {
  /** An administrator, in the namespace `clarive`. */
  readonly kube: KubeClient;
  readonly audit: AuditLog;
  readonly #cluster: Cluster;
  readonly #folder: string;

  private constructor(cluster: Cluster, kube: KubeClient, folder: string) {
    this.#cluster = cluster;
    this.kube = kube;
    this.#folder = folder;
    this.audit = new AuditLog(cluster.auditLog ?? '');
  }

  static async start(...apiServerFlags: string[]): Promise<Stage> {
    const cluster = await startCluster({ auditLog: true, apiServerFlags });
    const kube = (await KubeClient.connect(cluster.kubeconfig)).in('clarive');
    const stage = new Stage(cluster, kube, await mkdtemp(join(tmpdir(), 'clarive-stage-')));
    await installCrds(cluster);
    for (const name of [kube.namespace, releaseNamespace]) await stage.kubectl('create', 'namespace', name);
    return stage;
  }

  async stop(): Promise<void> {
    this.kube.close();
    await this.#cluster.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }

  kubectl(...args: string[]): Promise<string> {
    return run(this.#cluster.kubectl, args, { env: this.#cluster.env });
  }

  /** Installs the chart without its pods, because there is no node, and returns its objects. */
  async install(...args: string[]): Promise<Rendered[]> {
    const manifest = await template({
      chart: 'clarive-operator',
      args: ['--set', 'crds.enabled=false,replicaCount=0', ...args],
    });
    const objects = objectsOf(manifest).filter((object) => !isHook(object));
    await this.apply(objects);
    return objects;
  }

  apply(items: object[]): Promise<string> {
    return this.#withList(items, 'apply');
  }

  /** Removes what was installed, and what the operator has made. */
  async clear(items: object[]): Promise<void> {
    await this.kubectl(
      'delete',
      'clarivedaemons,clarivedispatchers,deployments',
      '--all',
      '--namespace',
      this.kube.namespace,
    );
    await this.kubectl('delete', 'leases', '--all', '--namespace', releaseNamespace);
    await this.#withList(items, 'delete', '--ignore-not-found');
  }

  /** The operator as its pods would run it; what it asks for is in the audit log. */
  async startOperator(objects: Rendered[]): Promise<OperatorProcess> {
    const deployment = objects.find(({ kind }) => kind === 'Deployment') as OperatorDeployment;
    const { serviceAccountName, containers } = deployment.spec.template.spec;
    const here = ['--default-image=localhost/none:1', '--health-address=:0', '--metrics-address=0'];
    return OperatorProcess.start({
      env: { KUBECONFIG: await this.#kubeconfigOf(serviceAccountName) },
      args: [...(containers[0]?.args ?? []), ...here],
      log: join(this.#cluster.logs, 'operator.log'),
    });
  }

  /** What the operator has asked for since then, as `verb resource`. */
  async usedSince(mark: number): Promise<Set<string>> {
    const requests = await this.audit.since(mark, 'clarive-operator/');
    return new Set(requests.map(({ verb, resource }) => `${verb} ${resource}`));
  }

  async #kubeconfigOf(serviceAccount: string): Promise<string> {
    const token = await this.kubectl('create', 'token', serviceAccount, '--namespace', releaseNamespace);
    const config = await tokenKubeconfig((...args) => this.kubectl(...args), token.trim());
    const path = join(this.#folder, 'operator.kubeconfig');
    await writeFile(path, config, { mode: 0o600 });
    return path;
  }

  #withList(items: object[], ...command: string[]): Promise<string> {
    const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
    return run(this.#cluster.kubectl, [...command, '-f', '-'], { env: this.#cluster.env, input });
  }
}

/** What the chart's Roles for the operator grant, as `verb resource`. */
export function grantedTo(objects: Rendered[]): Set<string> {
  const isForPeople = /-(viewer|starter|editor)$/;
  const rules = objects
    .filter(({ metadata }) => !isForPeople.test(metadata.name))
    .flatMap((object) => ('rules' in object ? (object.rules as Rule[]) : []));
  return new Set(
    rules.flatMap(({ resources, verbs }) =>
      resources.flatMap((resource) => verbs.map((verb) => `${verb} ${resource}`)),
    ),
  );
}
