/** What an operator holds in memory among objects that are not its business. */
import type { V1Secret } from '@kubernetes/client-node';
import type { KubeClient } from '../test/support/kube-client.ts';
import { deployments, type Json, namespaces, type Resource } from '../test/support/resources.ts';
import { concurrently } from './driver.ts';
import { type Lab, startOperator } from './lab.ts';
import type { Operator } from './operators.ts';
import { memoryMb } from './processes.ts';
import { median } from './statistics.ts';

/** Deployments, and as many Secrets. */
const foreignCount = 5000;
const lanes = 32;

const secrets: Resource<Json<V1Secret>> = {
  apiVersion: 'v1',
  kind: 'Secret',
  plural: 'secrets',
  namespaced: true,
};

/** Starts the operator in an empty cluster and among many foreign objects, which stay. */
export async function amongForeignObjects(lab: Lab, operators: readonly Operator[]): Promise<void> {
  const { driver, figures, progress } = lab;
  const before = await memoryOfEach(lab, operators);
  await createForeignObjects(driver.kube.in('foreign'));
  const after = await memoryOfEach(lab, operators);
  for (const [index, { name }] of operators.entries()) {
    const [without = NaN, among = NaN] = [before[index], after[index]];
    figures.add('foreign.growth', name, among - without);
    progress(
      `  ${name}: ${without.toFixed(1)} MB, among ${foreignCount} foreign Deployments and Secrets ${among.toFixed(1)} MB`,
    );
  }
}

/** What a process holds once it is ready differs by some MB from start to start. */
const starts = 7;

/** In MB, the median of several starts. */
async function memoryOfEach(lab: Lab, operators: readonly Operator[]): Promise<number[]> {
  const memory: number[] = [];
  for (const operator of operators) {
    const samples: number[] = [];
    for (let start = 0; start < starts; start++) {
      const process = await startOperator(lab, operator);
      samples.push((await memoryMb(process.pid)).nowMb);
      await process.stop();
    }
    memory.push(median(samples));
  }
  return memory;
}

async function createForeignObjects(kube: KubeClient): Promise<void> {
  if ((await kube.find(namespaces, kube.namespace)) !== undefined) return;
  await kube.create(namespaces, { metadata: { name: kube.namespace } });
  const names = Array.from({ length: foreignCount }, (_, index) => `foreign-${index}`);
  await concurrently(names, lanes, async (name) => {
    const labels = { app: name };
    const containers = [{ name: 'main', image: 'registry.example.com/other:1' }];
    const template = { metadata: { labels }, spec: { containers } };
    const spec = { replicas: 0, selector: { matchLabels: labels }, template };
    await kube.create(deployments, { metadata: { name, labels }, spec });
    await kube.create(secrets, { metadata: { name }, stringData: { password: 'x'.repeat(2000) } });
  });
}
