import type { TestContext } from 'node:test';
import { inNamespace } from '../../test/support/in-namespace.ts';
import type { KubeClient } from '../../test/support/kube-client.ts';
import { run } from '../host/run.ts';
import { requisites } from './daemons.ts';

export interface Given {
  kube: KubeClient;
  /** Runs kubectl in the test's namespace and returns what it prints; throws with its error output if it fails. */
  kubectl: (...args: string[]) => Promise<string>;
  /** `kubectl apply -f -` of a manifest, with more arguments if need be. */
  apply: (manifest: object, ...args: string[]) => Promise<string>;
  /** `kubectl edit` by a user who replaces one text by another. */
  edit: (what: string, from: string, to: string) => Promise<string>;
}

/** Runs a test in a namespace of its own, with the kubectl of the cluster's minor version. */
export function withKubectl(t: TestContext, body: (given: Given) => Promise<void>): Promise<void> {
  const command = process.env['KUBECTL'] ?? 'kubectl';
  return inNamespace(t, async (kube) => {
    for (const object of requisites)
      await run(command, ['--namespace', kube.namespace, 'apply', '-f', '-'], {
        input: JSON.stringify(object),
      });
    const inTestNamespace = ['--namespace', kube.namespace];
    return body({
      kube,
      kubectl: (...args) => run(command, [...inTestNamespace, ...args]),
      apply: (manifest, ...args) =>
        run(command, [...inTestNamespace, 'apply', ...args, '-f', '-'], { input: JSON.stringify(manifest) }),
      edit: (what, from, to) =>
        run(command, [...inTestNamespace, 'edit', what], { env: { KUBE_EDITOR: `sed -i s/${from}/${to}/` } }),
    });
  });
}
