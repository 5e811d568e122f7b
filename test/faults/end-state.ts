/** What must be true in the end, judged by the API server alone and without the operator's own code. */
import type { V1Deployment } from '@kubernetes/client-node';
import type { ClariveDaemon } from '../../src/api/clarive-daemon.ts';
import type { KubeClient } from '../support/kube-client.ts';
import { clariveDaemons, deployments, type Json } from '../support/resources.ts';
import { untilList } from '../support/until.ts';

type Deployment = Json<V1Deployment>;

/** What a daemon shall be: running or not, with this argument in its command. */
export interface Wanted {
  replicas: 0 | 1;
  mark: string;
}

/** By name of the daemon; every other one shall be gone, and its Deployment with it. */
export type Expectations = ReadonlyMap<string, Wanted>;

/** No pod ever starts, because there are no nodes: what is switched on stays `Starting`. */
const reasonOf = { 0: 'Stopped', 1: 'Starting' };

/** Kubernetes' own garbage collector takes half a minute to learn of a new kind, and some time to come back after a restart. */
const endTimeoutMs = 90_000;

/** A daemon for the API server, of a service of which there may be many. */
export function daemonOf(name: string, { replicas, mark }: Wanted): Partial<ClariveDaemon> {
  const spec = { service: 'service.job.daemon', replicas, args: ['--mark', mark] };
  return { metadata: { name }, spec };
}

/** Waits until daemons and Deployments of the namespace are what they shall be, both at one time. Throws with what differs. */
export async function untilRight(
  kube: KubeClient,
  expected: Expectations,
  timeoutMs = endTimeoutMs,
): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  try {
    do await untilEachWasRight(kube, expected, deadlineMs);
    while ((await differencesNow(kube, expected)).length > 0);
  } catch (cause) {
    const differences = await differencesNow(kube, expected);
    const shown = differences.length > 0 ? differences.join('; ') : 'it became right just now';
    throw new Error(`Not right after ${timeoutMs} ms: ${shown}`, { cause });
  }
}

/** Waits for the operator's part alone: the Deployments are what they shall be, whatever has come of them. */
export async function untilChildrenRight(
  kube: KubeClient,
  expected: Expectations,
  timeoutMs: number,
): Promise<void> {
  const daemons = await kube.list(clariveDaemons);
  const areRight = (all: Deployment[]) =>
    daemons.every((daemon) => !childDifference(daemon, all, expected.get(daemon.metadata.name)));
  const describe = 'the Deployments to be right';
  await untilList(kube, deployments, {}, areRight, { describe, timeoutMs });
}

/** Waits until the daemons have been right at some time, and their Deployments later. */
async function untilEachWasRight(
  kube: KubeClient,
  expected: Expectations,
  deadlineMs: number,
): Promise<void> {
  const waiting = (describe: string) => ({
    describe,
    timeoutMs: Math.max(1, Math.ceil(deadlineMs - performance.now())),
  });
  const areRight = (all: ClariveDaemon[]) => differencesOf(expected, all, undefined).length === 0;
  const daemons = await untilList(kube, clariveDaemons, {}, areRight, waiting('the daemons to be right'));
  const haveOne = (all: Deployment[]) => differencesOf(expected, daemons, all).length === 0;
  await untilList(kube, deployments, {}, haveOne, waiting('each daemon to have its one Deployment'));
}

/** What differs at this moment, in words. */
export async function differencesNow(kube: KubeClient, expected: Expectations): Promise<string[]> {
  const [daemons, children] = [await kube.list(clariveDaemons), await kube.list(deployments)];
  return differencesOf(expected, daemons, children);
}

function differencesOf(
  expected: Expectations,
  daemons: ClariveDaemon[],
  children: Deployment[] | undefined,
): string[] {
  const differences: string[] = [];
  for (const { metadata } of daemons)
    if (!expected.has(metadata.name)) differences.push(`"${metadata.name}" still exists`);
  for (const [name, wanted] of expected) {
    const daemon = daemons.find(({ metadata }) => metadata.name === name);
    const found = daemon ? statusDifference(daemon, wanted) : 'does not exist';
    if (found) differences.push(`"${name}" ${found}`);
    const difference = daemon && children && childDifference(daemon, children, wanted);
    if (difference) differences.push(`"${name}": ${difference}`);
  }
  if (children && children.length !== expected.size)
    differences.push(`${children.length} Deployments for ${expected.size} daemons`);
  return differences;
}

function statusDifference({ metadata, status }: ClariveDaemon, { replicas }: Wanted): string | undefined {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  if (status?.observedGeneration !== metadata.generation)
    return `tells of generation ${status?.observedGeneration}, but ${metadata.generation} is there`;
  if (ready?.reason !== reasonOf[replicas]) return `is ${ready?.reason}, not ${reasonOf[replicas]}`;
  return status?.replicas === replicas ? undefined : `has ${status?.replicas} pods, not ${replicas}`;
}

function childDifference(
  { metadata }: ClariveDaemon,
  children: Deployment[],
  wanted: Wanted | undefined,
): string | undefined {
  const own = children.filter((child) =>
    child.metadata?.ownerReferences?.some(({ uid }) => uid === metadata.uid),
  );
  const [child] = own;
  if (!child || own.length > 1) return `${own.length} Deployments belong to it, not one`;
  if (child.metadata?.deletionTimestamp) return 'its Deployment is being deleted';
  return specDifference(child, wanted);
}

function specDifference({ spec }: Deployment, wanted: Wanted | undefined): string | undefined {
  if (spec?.replicas !== wanted?.replicas) return `its Deployment has ${spec?.replicas} replicas`;
  const args = spec?.template.spec?.containers[0]?.args ?? [];
  if (args.at(-1) === wanted?.mark) return undefined;
  return `its Deployment has ${JSON.stringify(args)}, not "${wanted?.mark}"`;
}
