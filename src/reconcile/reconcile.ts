/**
 * The story of the operator: one visit to one daemon. It looks at what is, not at what has happened, so a visit may be
 * lost, repeated or late: the last one makes it right.
 */
import type { ClariveDaemon } from '../api/clarive-daemon.ts';
import type { Reference } from '../api/contents.ts';
import { keyOf, splitKey, type ObjectKey } from '../api/object-key.ts';
import { wantedReplicas } from '../desired/deployment.ts';
import { newsOf, type News } from '../desired/references.ts';
import { nextRestart } from '../desired/restart.ts';
import { dispatcherOf, type Dispatching } from '../desired/settings.ts';
import { daemonStatus, type WriteOutcome } from '../status/daemon-status.ts';
import type { ObservedDeployment } from '../status/observed.ts';
import type { Cluster } from './cluster.ts';
import { carryOut, letStart } from './carry-out.ts';
import { unlessTaken } from './contention.ts';
import type { Gatekeeper } from './gatekeeper.ts';
import { nextWrite } from './next-write.ts';
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
  return soonest(heldBackMs, recheckAfterMs, retryAfterMs(done), retryAfterMs(outcome), start.recheckAfterMs);
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

function soonest(...delaysMs: (number | undefined)[]): Visit {
  const soonestMs = Math.min(...delaysMs.map((delayMs) => delayMs ?? Infinity));
  return Number.isFinite(soonestMs) ? { requeueAfterMs: soonestMs } : {};
}
