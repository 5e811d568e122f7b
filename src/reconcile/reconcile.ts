/**
 * The story of the operator: one visit to one daemon. It looks at what is, not at what has happened, so a visit may be
 * lost, repeated or late: the last one makes it right.
 */
import { isDeepStrictEqual } from 'node:util';
import type { ClariveDaemon, ClariveDaemonStatus } from '../api/clarive-daemon.ts';
import { keyOf, type ObjectKey } from '../api/object-key.ts';
import { wantedReplicas } from '../desired/deployment.ts';
import { inTermsOfSpec } from '../desired/field-of-spec.ts';
import { daemonStatus, type WriteOutcome } from '../status/daemon-status.ts';
import { eventOf } from '../status/event.ts';
import type { Cluster } from './cluster.ts';
import { RefusedError } from './errors.ts';
import { nextWrite, type NextWrite } from './next-write.ts';
import type { Renderings } from './renderings.ts';
import type { StatusSchedule } from './status-schedule.ts';
import { warningsOf } from './warnings.ts';

export interface Dependencies {
  cluster: Cluster;
  statusSchedule: StatusSchedule;
  renderings: Renderings;
  /** Wall clock, in milliseconds since 1970. */
  now: () => number;
}

/** When to visit again although nothing has changed; absent: not before something does. */
export interface Visit {
  requeueAfterMs?: number;
}

export async function reconcile(key: ObjectKey, dependencies: Dependencies): Promise<Visit> {
  const { cluster, statusSchedule, renderings, now } = dependencies;
  const daemon = cluster.daemon(key);
  if (!daemon) {
    statusSchedule.forget(key);
    renderings.forget(key);
    return {}; // the garbage collector removes the child
  }

  const desired = renderings.of(daemon, cluster.child(key)?.restartedAt);
  const write = nextWrite(daemon, desired, cluster.child(key));
  for (const warning of warningsOf(daemon, write)) cluster.recordEvent(daemon, warning);
  const outcome = await carryOut(write, daemon, cluster);
  if (outcome.is === 'written') return { requeueAfterMs: 0 };

  const { status, recheckAfterMs } = daemonStatus({
    daemon,
    desired,
    wanted: wantedReplicas(daemon),
    outcome,
    child: cluster.child(key),
    pods: cluster.pods(key),
    mountFailures: cluster.mountFailures(key),
    nowMs: now(),
  });
  const heldBackMs = await report(daemon, status, dependencies);
  if (outcome.is === 'failed') throw outcome.error; // the status tells of it; when to try again is the queue's to decide
  return soonest(heldBackMs, recheckAfterMs, outcome.is === 'refused' ? refusedRetryMs : undefined);
}

/** A refusal may end without any news of it here: a quota is raised, a policy is corrected. */
const refusedRetryMs = 30_000;

/** Before a status is due, the child as it was written shows what comes of it. */
type Written = { is: 'written' };

async function carryOut(
  write: NextWrite,
  daemon: ClariveDaemon,
  cluster: Cluster,
): Promise<WriteOutcome | Written> {
  try {
    switch (write.do) {
      case 'create':
        await cluster.createChild(write.desired);
        return { is: 'written' };
      case 'apply':
        await cluster.applyChild(write.child, write.desired);
        return { is: 'written' };
      case 'scale':
        await cluster.scaleChild(write.child, write.replicas);
        return { is: 'written' };
      case 'nothing':
        return { is: 'settled' };
      case 'leave':
        return { is: 'paused', message: write.message };
      case 'wait':
        return { is: 'waiting', message: write.message };
      case 'yield':
        return { is: 'refused', reason: 'Conflict', message: write.message };
    }
  } catch (error) {
    if (!(error instanceof RefusedError)) return { is: 'failed', error: error as Error };
    const { reason, message: said } = error;
    const message = 'desired' in write ? inTermsOfSpec(said, daemon, write.desired.deployment) : said;
    return { is: 'refused', reason, message };
  }
}

/** Writes a status that differs from the stored one, now or, if it may be held back, after the time that it returns. */
async function report(
  daemon: ClariveDaemon,
  status: ClariveDaemonStatus,
  { cluster, statusSchedule }: Dependencies,
): Promise<number | undefined> {
  const key = keyOf(daemon);
  if (!isDeepStrictEqual(status, daemon.status)) {
    const waitMs = statusSchedule.waitMs(key, status);
    if (waitMs > 0) return waitMs;
    await cluster.writeStatus(daemon, status);
    const event = eventOf(daemon.status, status);
    if (event) cluster.recordEvent(daemon, event);
  }
  statusSchedule.stored(key, status);
  return undefined;
}

function soonest(...delaysMs: (number | undefined)[]): Visit {
  const soonestMs = Math.min(...delaysMs.map((delayMs) => delayMs ?? Infinity));
  return Number.isFinite(soonestMs) ? { requeueAfterMs: soonestMs } : {};
}
