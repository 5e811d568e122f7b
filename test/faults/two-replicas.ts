/** Two operators, one lease: whatever happens to the leader, the other one takes over and nobody writes without the lease. */
import { setTimeout as delay } from 'node:timers/promises';
import type { V1Lease } from '@kubernetes/client-node';
import type { KubeClient } from '../support/kube-client.ts';
import type { Json, Resource } from '../support/resources.ts';
import { until } from '../support/until.ts';
import { Changes } from './changes.ts';
import { untilRight } from './end-state.ts';
import { judgeWrites, type Verdict } from './lease-oracle.ts';
import type { Replica, Stage } from './stage.ts';

const leases: Resource<Json<V1Lease>> = {
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  plural: 'leases',
  namespaced: true,
};
const leaseName = 'clarive-operator';
/** The lease lasts 15 s; the rest is for a busy machine. */
const takeOverTimeoutMs = 30_000;
/** For a leader of yesterday to write what it has missed: changes go on all the while. */
const lateWritesMs = 1500;

interface Misfortune {
  /** In words: what has happened to the leader. */
  name: string;
  strike: (leader: Replica) => Promise<void> | void;
  /** It comes back; absent: it does not. */
  heal?: (leader: Replica) => void;
}

const misfortunes: Misfortune[] = [
  { name: 'killed', strike: ({ process }) => process.kill() },
  {
    name: 'partitioned: its connections are half-open',
    strike: ({ proxy }) => proxy.freeze(),
    heal: ({ proxy }) => proxy.thaw(),
  },
  {
    name: 'partitioned from the lease alone: all else works',
    strike: ({ proxy }) => proxy.freeze(({ path }) => path.includes('/leases')),
    heal: ({ proxy }) => proxy.thaw(),
  },
  {
    name: 'frozen by SIGSTOP, and woken again',
    strike: ({ process: { pid } }) => void process.kill(pid, 'SIGSTOP'),
    heal: ({ process: { pid } }) => void process.kill(pid, 'SIGCONT'),
  },
];

/** Changes go on while each misfortune strikes the leader of the moment. Prints `writes without lease: 0`. */
export async function twoReplicas(stage: Stage): Promise<void> {
  const { auditLog } = stage.cluster;
  if (!auditLog) throw new Error('Cannot judge writes without an audit log');
  const changes = new Changes(stage.kube, 5);
  let leader = await stage.start({ name: 'a' });
  const first = await holderOtherThan(stage.kube, undefined);
  stage.say(`The lease is held by ${first}`);
  let standby = await stage.start({ name: 'b' });
  await untilRight(stage.kube, await changes.create());

  for (const [index, { name, strike, heal }] of misfortunes.entries()) {
    const before = await holderOtherThan(stage.kube, undefined);
    const struckAtMs = performance.now();
    const pressure = new AbortController();
    const changing = changes.until(pressure.signal);
    try {
      await strike(leader);
      await holderOtherThan(stage.kube, before);
      const tookSeconds = ((performance.now() - struckAtMs) / 1000).toFixed(1);
      heal?.(leader);
      await delay(lateWritesMs);
      stage.say(`Leader ${name}: the other one took over after ${tookSeconds} s`);
    } finally {
      pressure.abort();
      await changing;
    }
    await requireLease(stage, auditLog);
    await untilRight(stage.kube, changes.expected);
    if (!heal) {
      await stage.end(leader);
      leader = await stage.start({ name: `c${index}` });
    }
    [leader, standby] = [standby, leader];
  }

  const { writes, terms } = await requireLease(stage, auditLog);
  stage.say(`${changes.count} changes, ${writes} writes in ${terms} terms of the lease`);
  stage.say('writes without lease: 0');
  if (terms <= misfortunes.length)
    throw new Error(`Only ${terms} terms: the leader did not change each time`);
}

/** Throws if anything was written so far by a process that did not hold the lease. */
async function requireLease({ namespace, say }: Stage, auditLog: string): Promise<Verdict> {
  const verdict = await judgeWrites(auditLog, namespace);
  const { withoutLease } = verdict;
  if (withoutLease.length === 0) return verdict;
  for (const write of withoutLease.slice(0, 10)) say(write);
  throw new Error(`writes without lease: ${withoutLease.length}`);
}

/** The lease's holder as soon as it is another one. */
async function holderOtherThan(kube: KubeClient, last: string | undefined): Promise<string> {
  const isTaken = ({ spec }: Json<V1Lease>) => Boolean(spec?.holderIdentity) && spec?.holderIdentity !== last;
  const describe = last ? `another holder of the lease than "${last}"` : 'a holder of the lease';
  const { spec } = await until(kube, leases, leaseName, isTaken, { describe, timeoutMs: takeOverTimeoutMs });
  return spec?.holderIdentity ?? '';
}
