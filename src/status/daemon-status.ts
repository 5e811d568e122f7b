/** Computes the whole status of a daemon from what was observed; nothing of it is remembered elsewhere. */
import type { ClariveDaemon, ClariveDaemonStatus, PodSummary } from '../api/clarive-daemon.ts';
import { reasonTable, type Condition, type ConditionStatus, type ConditionType, type Reason } from '../api/conditions.ts';
import { instanceLabel, nameLabel, nameLabelValue } from '../api/labels.ts';
import type { Desired } from '../desired/deployment.ts';
import { canonicalService } from '../presets/presets.ts';
import { countCrashes, stableRunMs } from './crashes.ts';
import { judge, type Judgement, type WriteOutcome } from './judge.ts';
import type { ObservedDeployment, ObservedPod } from './observed.ts';

export type { WriteOutcome };

export interface Observation {
  daemon: ClariveDaemon;
  desired: Desired;
  wanted: number;
  outcome: WriteOutcome;
  /** The Deployment of the daemon's name, whoever owns it. */
  child: ObservedDeployment | undefined;
  pods: readonly ObservedPod[];
  nowMs: number;
}

export interface StatusReport {
  status: ClariveDaemonStatus;
  /** When time alone will change the status: a deadline passes, or a run counts as stable. */
  recheckAfterMs?: number;
}

/** How long progress may take before it counts as stalled. Longer than the five minutes for which Clarive retries MongoDB. */
export const progressDeadlineMs = 10 * 60_000;

export function daemonStatus(observation: Observation): StatusReport {
  const { daemon, desired, wanted, outcome, pods, nowMs } = observation;
  const before = daemon.status;
  const own = observation.child?.controller?.uid === daemon.metadata.uid ? observation.child : undefined;
  const live = pods.filter((pod) => !pod.finished);
  const pod = speakingPod(live);
  const crashes = pod ? countCrashes(before?.pod, pod, nowMs) : 0;
  const judgement = judge({
    daemon,
    invalid: 'invalid' in desired ? desired.invalid : undefined,
    child: own,
    pod,
    livePods: live.length,
    wanted,
    crashes,
    wasReady: before?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True',
    outcome,
  });
  const progress = judgeProgress(judgement, daemon, nowMs);
  const conditions = [
    condition('Ready', progress.ready),
    condition('Reconciling', progress.reconciling),
    condition('Stalled', progress.stalled),
    condition('Active', activity(live)),
  ];
  const status: ClariveDaemonStatus = {
    observedGeneration: daemon.metadata.generation ?? 0,
    replicas: live.length,
    readyReplicas: live.filter(({ ready }) => ready).length,
    selector: `${nameLabel}=${nameLabelValue},${instanceLabel}=${daemon.metadata.name}`,
    service: canonicalService(daemon.spec.service),
    conditions,
  };
  const image = 'invalid' in desired ? before?.image : desired.image;
  if (image !== undefined) status.image = image;
  const summary = summarize(before, pod, crashes, conditions);
  if (summary) status.pod = summary;
  return { status, ...recheck(progress.remainingMs, crashes, pod, nowMs) };

  function condition(type: ConditionType, value: ConditionStatus): Condition {
    return settle(daemon, { type, status: value, ...judgement }, nowMs);
  }
}

/** The pod that speaks for the daemon: a successor rather than the one that is ending, then the youngest. */
function speakingPod(live: readonly ObservedPod[]): ObservedPod | undefined {
  return live.toSorted(
    (a, b) =>
      Number(a.deleting) - Number(b.deleting) ||
      b.createdAt.localeCompare(a.createdAt) ||
      a.name.localeCompare(b.name),
  )[0];
}

/** Active is True while a container `daemon` runs and is ready, be it in an older pod. */
function activity(live: readonly ObservedPod[]): ConditionStatus {
  const running = live.filter(({ container }) => container?.startedAt !== undefined && container.ready);
  if (running.some(({ nodeLost }) => !nodeLost)) return 'True';
  return live.some(({ nodeLost }) => nodeLost) ? 'Unknown' : 'False';
}

interface Progress {
  ready: ConditionStatus;
  reconciling: ConditionStatus;
  stalled: ConditionStatus;
  remainingMs?: number;
}

/**
 * The deadline runs from the moment at which this progress began (see `earlierProgress`). It is the operator's own, because the
 * Deployment controller measures none when a Deployment is scaled from 0 to 1.
 */
function judgeProgress({ reason }: Judgement, daemon: ClariveDaemon, nowMs: number): Progress {
  const { ready, progress } = reasonTable[reason];
  if (progress === 'none') return { ready, reconciling: 'False', stalled: 'False' };
  if (progress === 'stalled') return { ready, reconciling: 'False', stalled: 'True' };
  if (progress === 'reconciling') return { ready, reconciling: 'True', stalled: 'False' };
  const remainingMs = remaining(daemon, reason, nowMs);
  if (remainingMs <= 0) return { ready, reconciling: 'False', stalled: 'True' };
  return { ready, reconciling: 'True', stalled: 'False', remainingMs };
}

function remaining(daemon: ClariveDaemon, reason: Reason, nowMs: number): number {
  const since = earlierProgress(daemon, reason);
  if (!since) return progressDeadlineMs;
  return since.status === 'True' ? Date.parse(since.lastTransitionTime) + progressDeadlineMs - nowMs : 0;
}

/**
 * The condition Reconciling as it was, if the same wait still goes on. A changed spec, or the end of a state that has no
 * deadline, begins a new one.
 */
function earlierProgress({ metadata, status }: ClariveDaemon, reason: Reason): Condition | undefined {
  const before = status?.conditions?.find(({ type }) => type === 'Reconciling');
  if (!before || status?.observedGeneration !== metadata.generation) return undefined;
  return progressOf(before.reason) === progressOf(reason) ? before : undefined;
}

function progressOf(reason: string): string | undefined {
  return reasonTable[reason as Reason]?.progress;
}

/** A condition keeps its time as long as it keeps its status; Reconciling also tells when a new wait began. */
function settle(daemon: ClariveDaemon, next: Omit<Condition, 'lastTransitionTime'>, nowMs: number): Condition {
  const before = daemon.status?.conditions?.find(({ type }) => type === next.type);
  const newWait =
    next.type === 'Reconciling' && next.status === 'True' && !earlierProgress(daemon, next.reason as Reason);
  const keep = before?.status === next.status && !newWait;
  return {
    ...next,
    observedGeneration: daemon.metadata.generation ?? 0,
    lastTransitionTime: keep ? before.lastTransitionTime : toTime(nowMs),
  };
}

/**
 * What of the pod is worth a write: exits as soon as they happen, the rest when a condition changes, so that a status without news is
 * not written.
 */
function summarize(
  before: ClariveDaemonStatus | undefined,
  pod: ObservedPod | undefined,
  crashes: number,
  conditions: Condition[],
): PodSummary | undefined {
  if (!pod) return undefined;
  const next = podSummary(pod, crashes);
  const last = before?.pod;
  if (!last || last.name !== next.name || changed(before.conditions, conditions)) return next;
  const news =
    last.restarts !== next.restarts ||
    last.crashes !== next.crashes ||
    last.lastExit?.finishedAt !== next.lastExit?.finishedAt;
  return news ? next : last;
}

function podSummary(pod: ObservedPod, crashes: number): PodSummary {
  const { container, node, name } = pod;
  const exit = container?.lastExit;
  return {
    name,
    restarts: container?.restarts ?? 0,
    crashes,
    ...(node !== undefined && { node }),
    ...(container?.startedAt !== undefined && { startedAt: container.startedAt }),
    ...(exit && {
      lastExit: {
        code: exit.code,
        ...(exit.signal !== undefined && { signal: exit.signal }),
        ...(exit.reason && { reason: exit.reason }),
        ...(exit.finishedAt && { finishedAt: exit.finishedAt }),
      },
    }),
  };
}

function changed(before: Condition[] | undefined, after: Condition[]): boolean {
  return after.some(({ type, status, reason, message }) => {
    const last = before?.find((condition) => condition.type === type);
    return last?.status !== status || last.reason !== reason || last.message !== message;
  });
}

/** Time alone ends a wait (the deadline) and a crash loop (ten minutes of continuous run). */
function recheck(
  remainingMs: number | undefined,
  crashes: number,
  pod: ObservedPod | undefined,
  nowMs: number,
): { recheckAfterMs?: number } {
  const startedAt = pod?.container?.startedAt;
  const stableInMs =
    crashes > 0 && startedAt !== undefined ? Date.parse(startedAt) + stableRunMs - nowMs : Infinity;
  const recheckAfterMs = Math.min(remainingMs ?? Infinity, stableInMs);
  return Number.isFinite(recheckAfterMs) ? { recheckAfterMs: Math.max(recheckAfterMs, 0) } : {};
}

/** Kubernetes' times have whole seconds. */
function toTime(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}
