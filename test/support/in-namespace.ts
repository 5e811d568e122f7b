import { randomBytes } from 'node:crypto';
import type { TestContext } from 'node:test';
import { KubeClient } from './kube-client.ts';
import { namespaces } from './resources.ts';

/**
 * Runs a test in a namespace of its own and deletes that namespace afterwards, without waiting until it is gone.
 * The client that the test gets is bound to it: `kube.namespace` is its name.
 */
export async function inNamespace(t: TestContext, body: (kube: KubeClient) => Promise<void>): Promise<void> {
  const cluster = await KubeClient.connect();
  const name = `test-${randomBytes(4).toString('hex')}`;
  await cluster.create(namespaces, { metadata: { name } });
  t.diagnostic(`Namespace ${name}`);
  try {
    await body(cluster.in(name));
  } finally {
    await cluster.delete(namespaces, name);
    cluster.close();
  }
}
