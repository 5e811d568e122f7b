/**
 * The story of the operator: one visit to one daemon. It looks at what is, not at what has happened, so a visit may be
 * lost, repeated or late: the last one makes it right.
 */
import { isDeepStrictEqual } from 'node:util';
import type { ObjectKey } from '../api/object-key.ts';
import { desiredDeployment, wantedReplicas, type DaemonDefaults } from '../desired/deployment.ts';
import { daemonStatus, type WriteOutcome } from '../status/daemon-status.ts';
import type { Cluster } from './cluster.ts';
import { RefusedError } from './errors.ts';
import { nextWrite, type NextWrite } from './next-write.ts';

export interface Dependencies {
  cluster: Cluster;
  defaults: DaemonDefaults;
  /** Wall clock, in milliseconds since 1970. */
  now: () => number;
}

/** When to visit again although nothing has changed; absent: not before something does. */
export interface Visit {
  requeueAfterMs?: number;
}

export async function reconcile(key: ObjectKey, { cluster, defaults, now }: Dependencies): Promise<Visit> {
  const daemon = cluster.daemon(key);
  if (!daemon || daemon.metadata.deletionTimestamp) return {}; // the garbage collector removes the child

  const desired = desiredDeployment(daemon, defaults, cluster.child(key)?.restartedAt);
  const outcome = await carryOut(nextWrite(daemon, desired, cluster.child(key)), cluster);

  const { status, recheckAfterMs } = daemonStatus({
    daemon,
    desired,
    wanted: wantedReplicas(daemon),
    outcome,
    child: cluster.child(key),
    pods: cluster.pods(key),
    nowMs: now(),
  });
  if (!isDeepStrictEqual(status, daemon.status)) await cluster.writeStatus(daemon, status);
  return recheckAfterMs === undefined ? {} : { requeueAfterMs: recheckAfterMs };
}

async function carryOut(write: NextWrite, cluster: Cluster): Promise<WriteOutcome> {
  try {
    switch (write.do) {
      case 'create':
        await cluster.createChild(write.desired);
        return { is: 'settled' };
      case 'apply':
        await cluster.applyChild(write.child, write.desired);
        return { is: 'settled' };
      case 'scale':
        await cluster.scaleChild(write.child, write.replicas);
        return { is: 'settled' };
      case 'nothing':
        return { is: 'settled' };
      case 'leave':
        return { is: 'paused' };
      case 'wait':
        return { is: 'waiting', message: write.message };
      case 'yield':
        return { is: 'refused', reason: 'Conflict', message: write.message };
    }
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    return { is: 'refused', reason: error.reason, message: error.message };
  }
}
