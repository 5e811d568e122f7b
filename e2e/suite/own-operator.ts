import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tokenKubeconfig } from '../../test/support/token-kubeconfig.ts';
import { OperatorProcess } from '../operator-process.ts';
import type { Given } from './kubectl.ts';

/** Daemons that carry this label are left alone by the operator of the suite. */
export const ownOperatorLabel = 'e2e.clarive.com/own-operator';

/** An operator for one test, in the test's namespace and under a user of its own, by which the API server tells its requests from all others. */
export class OwnOperator {
  readonly user: string;
  readonly #folder: string;
  readonly #args: string[];
  #process: OperatorProcess | undefined;

  private constructor(namespace: string, folder: string, switches: readonly string[]) {
    this.user = `system:serviceaccount:${namespace}:operator`;
    this.#folder = folder;
    const flags = {
      namespaces: namespace,
      'leader-election-namespace': namespace,
      selector: ownOperatorLabel,
      'default-image': process.env['DEFAULT_IMAGE'] ?? '',
      'run-as-user': '1000',
      'health-address': ':0',
      'metrics-address': '0',
    };
    this.#args = [...Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`), ...switches];
  }

  /** Runs a test beside a started operator, perhaps with more flags, and ends that operator. */
  static async run(
    given: Given,
    body: (operator: OwnOperator) => Promise<void>,
    switches: readonly string[] = [],
  ): Promise<void> {
    const folder = await mkdtemp(join(tmpdir(), 'clarive-operator-'));
    const operator = new OwnOperator(given.kube.namespace, folder, switches);
    try {
      await writeFile(operator.#kubeconfig, await kubeconfigOfAccount(given), { mode: 0o600 });
      await operator.start();
      await body(operator);
    } finally {
      await operator.stop();
      await rm(folder, { recursive: true });
    }
  }

  /** Returns when it has seen all that exists. */
  async start(): Promise<void> {
    const env = { KUBECONFIG: this.#kubeconfig };
    this.#process = await OperatorProcess.start({ env, args: this.#args, log: this.#log });
  }

  async stop(): Promise<void> {
    await this.#process?.stop();
    this.#process = undefined;
  }

  /** Ends it as a crash would. */
  async kill(): Promise<void> {
    await this.#process?.kill();
    this.#process = undefined;
  }

  log(): Promise<string> {
    return readFile(this.#log, 'utf8');
  }

  get #kubeconfig(): string {
    return join(this.#folder, 'kubeconfig');
  }

  get #log(): string {
    return join(this.#folder, 'operator.log');
  }
}

/** The tests' kubeconfig, with a new service account as its user. */
async function kubeconfigOfAccount({ kube, kubectl }: Given): Promise<string> {
  await kubectl('create', 'serviceaccount', 'operator');
  const account = `--serviceaccount=${kube.namespace}:operator`;
  await kubectl('create', 'rolebinding', 'operator', '--clusterrole=cluster-admin', account);
  return tokenKubeconfig(kubectl, (await kubectl('create', 'token', 'operator')).trim());
}
