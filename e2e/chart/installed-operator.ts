import type { Cluster } from '../cluster/index.ts';
import { KubeClient } from '../../test/support/kube-client.ts';
import { helm } from '../../charts/suite/helm.ts';
import { restartsOf, untilReady } from './operator-pods.ts';
import { createNamespaces, imageValues, install, kubectl, releaseName, systemNamespace } from './stage.ts';

/** The operator of the chart, in a cluster that has its image. The chart's part of the environment has to be set: see `stage.ts`. */
export class InstalledOperator {
  /** Never: Kubernetes starts it again. */
  readonly ended = new Promise<never>(() => undefined);
  readonly #kube: KubeClient;

  private constructor(kube: KubeClient) {
    this.#kube = kube;
  }

  /** Returns when both replicas are ready. `args` are for Helm. */
  static async install(
    { kubeconfig }: Pick<Cluster, 'kubeconfig'>,
    ...args: string[]
  ): Promise<InstalledOperator> {
    const kube = (await KubeClient.connect(kubeconfig)).in(systemNamespace);
    await createNamespaces(kube, systemNamespace);
    await install('clarive-operator', releaseName, systemNamespace, ...imageValues(), ...args);
    await untilReady(kube);
    return new InstalledOperator(kube);
  }

  /** Uninstalls it. Throws if it was started anew meanwhile, because only a crash or a failing probe leads to that. */
  async stop(): Promise<void> {
    const restarts = (await untilReady(this.#kube)).map(restartsOf);
    await helm('uninstall', releaseName, '--namespace', systemNamespace);
    this.#kube.close();
    if (restarts.some((count) => count > 0))
      throw new Error(`The replicas of the operator were started anew ${restarts.join(' and ')} times`);
  }

  readLog(): Promise<string> {
    const selector = ['--selector', 'app.kubernetes.io/component=operator', '--namespace', systemNamespace];
    return kubectl('logs', ...selector, '--prefix', '--tail=-1');
  }
}
