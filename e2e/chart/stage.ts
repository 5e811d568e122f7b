/** What the tests of the charts share: the cluster of this run, its releases, and the namespaces that these are in. */
import { join } from 'node:path';
import type { ClariveDaemon } from '../../src/api/clarive-daemon.ts';
import { chartsFolder, helm, type Chart } from '../../charts/suite/helm.ts';
import { KubeClient } from '../../test/support/kube-client.ts';
import { clariveDaemons, customResourceDefinitions, namespaces, pods } from '../../test/support/resources.ts';
import { untilGone, untilList } from '../../test/support/until.ts';
import { run } from '../host/run.ts';
import { condition } from '../suite/daemons.ts';

/** Of the operator. */
export const systemNamespace = 'clarive-system';
/** Of the daemons. */
export const daemonNamespace = 'clarive';
export const releaseName = 'clarive-operator';

/** A variable that the run sets for its tests. */
export function given(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`Cannot run without ${name}: start this with "npm run matrix"`);
  return value;
}

/** Runs kubectl and returns what it prints; throws with its error output if it fails. */
export function kubectl(...args: string[]): Promise<string> {
  return run(given('KUBECTL'), args);
}

/** An administrator, in the namespace of the daemons. */
export async function connect(): Promise<KubeClient> {
  return (await KubeClient.connect()).in(daemonNamespace);
}

/** Creates namespaces that admit only what the Pod Security Standard `restricted` allows. */
export async function createNamespaces(kube: KubeClient, ...names: string[]): Promise<void> {
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
  for (const name of names) await kube.create(namespaces, { metadata: { name, labels } });
}

/** Removes all that a test has installed, and returns when it is gone. */
export async function clear(kube: KubeClient): Promise<void> {
  for (const name of [daemonNamespace, systemNamespace])
    if (await kube.find(namespaces, name)) await kube.delete(namespaces, name);
  for (const name of [daemonNamespace, systemNamespace])
    await untilGone(kube, namespaces, name, { timeoutMs: 120_000 });
  await kubectl('delete', 'clusterrole,clusterrolebinding', '--selector=app.kubernetes.io/part-of=clarive');
  for (const { metadata } of await kube.list(customResourceDefinitions))
    if (metadata?.name?.endsWith('.clarive.com')) {
      await kube.delete(customResourceDefinitions, metadata.name);
      await untilGone(kube, customResourceDefinitions, metadata.name, { timeoutMs: 60_000 });
    }
}

/** Values with which the operator's chart uses the images that this cluster has. */
export function imageValues(image = given('OPERATOR_IMAGE')): string[] {
  const [repository, tag] = image.split(':');
  const own = `image.repository=${repository},image.tag=${tag}`;
  return ['--set', `${own},daemons.image=${given('DEFAULT_IMAGE')},daemons.runAsUser=1000`];
}

/** `helm install` of a chart of this checkout; returns when Helm does, which waits for nothing. */
export function install(
  chart: Chart,
  release: string,
  namespace: string,
  ...args: string[]
): Promise<string> {
  return helm('install', release, join(chartsFolder, chart), '--namespace', namespace, ...args);
}

/** Waits until so many daemons of the namespace are there, all of them Active. */
export function untilActive(kube: KubeClient, count: number): Promise<ClariveDaemon[]> {
  const isMet = (all: ClariveDaemon[]) => all.length === count && all.every(isActive);
  return untilList(kube, clariveDaemons, {}, isMet, {
    timeoutMs: 180_000,
    describe: `${count} daemons to be Active`,
  });
}

function isActive(daemon: ClariveDaemon): boolean {
  return condition(daemon, 'Active')?.status === 'True';
}

/** Waits until no pod of the selector is left. */
export async function untilNoPod(kube: KubeClient, labelSelector: string): Promise<void> {
  const describe = `the pods of ${labelSelector} to be gone`;
  await untilList(kube, pods, { labelSelector }, (left) => left.length === 0, {
    timeoutMs: 90_000,
    describe,
  });
}
