/**
 * The story of the operator: one visit to one daemon. It looks at what is, not at what has happened, so a visit may be
 * lost, repeated or late: the last one makes it right.
 */
import type { ClariveDaemon } from '../api/clarive-daemon.ts';
import type { Reference } from '../api/contents.ts';
import { keyOf, splitKey, type ObjectKey } from '../api/object-key.ts';
import { wantedReplicas } from '../desired/deployment.ts';
import { inTermsOfSpec } from '../desired/field-of-spec.ts';
import { nameReferences, newsOf, type News } from '../desired/references.ts';
import { nextRestart } from '../desired/restart.ts';
import { dispatcherOf, type Dispatching } from '../desired/settings.ts';
import { daemonStatus, type WriteOutcome } from '../status/daemon-status.ts';
import type { ObservedDeployment } from '../status/observed.ts';
import type { Cluster, DaemonEvent } from './cluster.ts';
import { unlessTaken } from './contention.ts';
import { RefusedError } from './errors.ts';
import type { Gatekeeper } from './gatekeeper.ts';
import { nextWrite, type NextWrite } from './next-write.ts';
import type { Renderings } from './renderings.ts';
import { report } from './report.ts';
import type { StatusSchedule } from './status-schedule.ts';
import type { Surveys } from './survey.ts';
import { inTurn } from './turn.ts';
import { warningsOf } from './warnings.ts';

export interface Dependencies {
  cluster: Cluster;
  statusSchedule: StatusSchedule;
  renderings: Renderings;
  surveys: Surveys;
  gatekeeper: Gatekeeper;
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
    return {}; // the garbage collector removes the child
  }

  const dispatcher = dispatcherOf(daemon, (name) => cluster.dispatcher(name));
  const wanted = wantedReplicas(daemon, dispatcher);
  const child = cluster.child(key);
  const news = newsOfPod(daemon, dispatcher, child, dependencies);
  const restartedAt = news.changed.length > 0 ? nextRestart(now(), child?.restartedAt) : child?.restartedAt;
  const desired = renderings.of(daemon, dispatcher, { restartedAt, contents: news.contents });
  const next = nextWrite(daemon, wanted, desired, child, news);
  const due = unlessTaken(next, { daemon, dispatcher, desired }, dependencies);
  const write = inTurn(due, daemon, dispatcher, dependencies);
  for (const warning of warningsOf(daemon, write)) cluster.recordEvent(daemon, warning);
  const done = await carryOut(write, { daemon, dispatcher }, dependencies);
  if (done.is === 'written') return { requeueAfterMs: 0 };
  const start = await letStart(daemon, done, dependencies);
  const { outcome } = start;

  const { status, recheckAfterMs } = daemonStatus({
    daemon,
    dispatcher,
    desired,
    wanted,
    outcome,
    child: cluster.child(key),
    pods: cluster.pods(key),
    mountFailures: cluster.mountFailures(key),
    nowMs: now(),
  });
  const heldBackMs = await report(daemon, status, {
    statusSchedule,
    write: (next) => cluster.writeStatus(daemon, next),
    record: (event) => cluster.recordEvent(daemon, event),
  });
  if (outcome.is === 'failed') throw outcome.error; // the status tells of it; when to try again is the queue's to decide
  return soonest(heldBackMs, recheckAfterMs, retryAfterMs(outcome), start.recheckAfterMs);
}

/** Whether the ConfigMaps and Secrets that the pod names have changed since it was started. One that is yet to come takes what there is. */
function newsOfPod(
  daemon: ClariveDaemon,
  dispatcher: Dispatching,
  child: ObservedDeployment | undefined,
  { cluster, renderings }: Dependencies,
): News {
  const key = keyOf(daemon);
  const references = renderings.references(daemon, dispatcher);
  const digestOf = (reference: Reference) => cluster.digest(splitKey(key).namespace, reference);
  const news = newsOf(references, child?.contents, digestOf);
  if (news.changed.length === 0 || child?.replicas !== 0) return news;
  const isDown = cluster.pods(key).every(({ finished }) => finished);
  return isDown ? { ...news, changed: [] } : news;
}

/** A refusal may end without any news of it here: a quota is raised, a policy is corrected. */
const refusedRetryMs = 30_000;

function retryAfterMs(outcome: WriteOutcome): number | undefined {
  if (outcome.is === 'refused') return refusedRetryMs;
  return outcome.is === 'queued' ? outcome.recheckAfterMs : undefined;
}

/** Before a status is due, the child as it was written shows what comes of it. */
type Written = { is: 'written' };

/** Whose specs the child is made of. */
interface Authors {
  daemon: ClariveDaemon;
  dispatcher: Dispatching;
}

async function carryOut(
  write: NextWrite,
  { daemon, dispatcher }: Authors,
  { cluster, now }: Dependencies,
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
      case 'restart':
        await cluster.recordContents(
          write.child,
          write.contents,
          nextRestart(now(), write.child.restartedAt),
        );
        cluster.recordEvent(daemon, restartEvent(write.changed));
        return { is: 'written' };
      case 'record':
        await cluster.recordContents(write.child, write.contents);
        return { is: 'written' };
      case 'nothing':
        return { is: 'settled' };
      case 'leave':
        return { is: 'paused', message: write.message };
      case 'queue':
        return { is: 'queued', message: write.message, recheckAfterMs: write.recheckAfterMs };
      case 'wait':
        return { is: 'waiting', message: write.message };
      case 'hold':
        return { is: 'held', message: write.message };
      case 'yield':
        return { is: 'refused', reason: 'Conflict', message: write.message };
    }
  } catch (error) {
    const outcome = outcomeOf(error, "The Deployment can't be written");
    if (outcome.is !== 'refused' || !('desired' in write)) return outcome;
    const message = inTermsOfSpec(outcome.message, write.desired.deployment, daemon, dispatcher);
    return { ...outcome, message };
  }
}

function restartEvent(changed: readonly Reference[]): DaemonEvent {
  const message = `The daemon is restarted, because ${nameReferences(changed)} changed`;
  return { type: 'Normal', reason: 'ReferenceChanged', message };
}

function outcomeOf(error: unknown, what: string): Extract<WriteOutcome, { is: 'refused' | 'failed' }> {
  if (!(error instanceof RefusedError)) return { is: 'failed', what, error: error as Error };
  return { is: 'refused', reason: error.reason, message: error.message };
}

/**
 * Lets the new pod of an exclusive daemon start when its turn has come, also while the daemon is paused or can't be written; returns
 * the outcome of that, unless there is something else to tell.
 */
async function letStart(
  daemon: ClariveDaemon,
  outcome: WriteOutcome,
  { cluster, gatekeeper }: Dependencies,
): Promise<{ outcome: WriteOutcome; recheckAfterMs?: number }> {
  const child = cluster.child(keyOf(daemon));
  const isLeaving = daemon.metadata.deletionTimestamp !== undefined || !child || child.replicas === 0;
  if (isLeaving || child.controller?.uid !== daemon.metadata.uid) return { outcome };
  try {
    const { message, ...when } = (await gatekeeper.letStart(daemon)) ?? {};
    const isNews = message !== undefined && outcome.is === 'settled';
    return { outcome: isNews ? { is: 'held', message } : outcome, ...when };
  } catch (error) {
    return { outcome: outcome.is === 'failed' ? outcome : outcomeOf(error, "The pod can't be let start") };
  }
}

function soonest(...delaysMs: (number | undefined)[]): Visit {
  const soonestMs = Math.min(...delaysMs.map((delayMs) => delayMs ?? Infinity));
  return Number.isFinite(soonestMs) ? { requeueAfterMs: soonestMs } : {};
}
