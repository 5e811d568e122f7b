/** Computes the whole status of a daemon from what was observed; nothing of it is remembered elsewhere. */
import type { ClariveDaemon, ClariveDaemonStatus, PodSummary } from '../api/clarive-daemon.ts';
import {
  reasonTable,
  type Condition,
  type ConditionStatus,
  type ConditionType,
  type Reason,
} from '../api/conditions.ts';
import { instanceLabel, nameLabel, nameLabelValue } from '../api/labels.ts';
import type { Desired } from '../desired/deployment.ts';
import type { Dispatching } from '../desired/settings.ts';
import { canonicalService, startUpSeconds } from '../presets/presets.ts';
import { countCrashes, recycleMs, stableRunMs } from './crashes.ts';
import { judge, type Judgement, type WriteOutcome } from './judge.ts';
import { mountProblem, type MountFailure } from './mounts.ts';
import type { ObservedContainer, ObservedDeployment, ObservedPod } from './observed.ts';
import { isUndecided, rejectionOf } from './rejections.ts';
import { clean, toTime } from './words.ts';

export type { WriteOutcome };

export interface Observation {
  daemon: ClariveDaemon;
  dispatcher: Dispatching;
  desired: Desired;
  wanted: number;
  outcome: WriteOutcome;
  /** The Deployment of the daemon's name, whoever owns it. */
  child: ObservedDeployment | undefined;
  pods: readonly ObservedPod[];
  /** What the kubelet says of these pods' volumes. */
  mountFailures: readonly MountFailure[];
  nowMs: number;
}

export interface StatusReport {
  status: ClariveDaemonStatus;
  /** When time alone will change the status: a deadline passes, or a run counts as stable. */
  recheckAfterMs?: number;
}

/** How long progress may take before it counts as stalled: as long as any start. */
const progressDeadlineMs = startUpSeconds * 1000;

/** A wait this long is worth a status of its own that says what is waited for. */
const takesLongMs = 30_000;

export function daemonStatus(observation: Observation): StatusReport {
  const { daemon, dispatcher, desired, wanted, outcome, nowMs } = observation;
  const before = daemon.status;
  const { live, pod, crashes, ...seen } = look(observation, wanted);
  const judgement = judge({
    ...seen,
    pod,
    mountProblem: mountProblem(pod, observation.mountFailures, nowMs),
    crashes,
    deletion: deletionOf(daemon),
    invalid: 'invalid' in desired ? desired : undefined,
    wanted,
    stoppedBy: stoppedBy(daemon, dispatcher),
    authors: typeof dispatcher === 'object' ? { daemon, dispatcher } : undefined,
    outcome,
  });
  const progress = judgeProgress(judgement, daemon, nowMs);
  const message = messageOf(judgement, progress);
  const conditions = [
    condition('Ready', progress.ready),
    condition('Reconciling', progress.reconciling),
    condition('Stalled', progress.stalled),
    condition('Active', activity(live)),
  ];
  const status: ClariveDaemonStatus = {
    observedGeneration: generationOf(daemon),
    replicas: live.length,
    readyReplicas: live.filter(({ ready }) => ready).length,
    selector: `${nameLabel}=${nameLabelValue},${instanceLabel}=${daemon.metadata.name}`,
    service: canonicalService(daemon.spec.service),
    conditions,
  };
  const image = 'invalid' in desired ? before?.image : desired.image;
  if (image !== undefined) status.image = image;
  if (typeof dispatcher === 'object') status.dispatcherGeneration = generationOf(dispatcher);
  const summary = summarize(before, pod, crashes, conditions);
  if (summary) status.pod = summary;
  return { status, ...recheck(judgement, progress, pod, nowMs) };

  function condition(type: ConditionType, value: ConditionStatus): Condition {
    return settle(daemon, { type, status: value, reason: judgement.reason, message }, nowMs);
  }
}

export interface Health {
  reason: Reason;
  /** A container `daemon` runs and is ready. */
  active: boolean;
  /** In a row, in the present pod. */
  crashes: number;
  /** When the daemon's container was started, if it runs. */
  startedAt: string | undefined;
}

/** How the child of a daemon that shall run is doing, whatever its spec may ask for by now. */
export function healthOf(observation: Pick<Observation, 'daemon' | 'child' | 'pods' | 'nowMs'>): Health {
  const { live, ...seen } = look(observation, 1);
  const { reason } = judge({
    ...seen,
    mountProblem: undefined,
    deletion: undefined,
    invalid: undefined,
    wanted: 1,
    stoppedBy: undefined,
    authors: undefined,
    outcome: { is: 'settled' },
  });
  const startedAt = seen.pod?.container?.startedAt;
  return { reason, active: activity(live) === 'True', crashes: seen.crashes, startedAt };
}

/** What is seen of a daemon. */
function look(
  { daemon, child, pods, nowMs }: Pick<Observation, 'daemon' | 'child' | 'pods' | 'nowMs'>,
  wanted: number,
) {
  const before = daemon.status;
  const rejection = wanted > 0 ? rejectionOf(pods) : undefined;
  const unfinished = pods.filter((pod) => !pod.finished);
  // A pod that will be rejected, too, comes and goes too fast to be told of.
  const live = rejection === undefined ? unfinished : unfinished.filter((pod) => !isUndecided(pod));
  const pod = speakingPod(live);
  return {
    child: child?.controller?.uid === daemon.metadata.uid ? child : undefined,
    live,
    pod,
    rejection,
    lastFailure: speakingPod(pods.filter(({ finished }) => finished))?.failure,
    crashes: pod ? countCrashes(before?.pod, pod, nowMs) : 0,
    wasRunning: before?.conditions?.find(({ type }) => type === 'Ready')?.reason === 'Running',
    nowMs,
  };
}

/** The dispatcher whose switch it is that stops the daemon, because the daemon's own does not. */
function stoppedBy({ spec }: ClariveDaemon, dispatcher: Dispatching): string | undefined {
  if (spec.replicas === 0 || typeof dispatcher !== 'object' || dispatcher.spec.replicas !== 0)
    return undefined;
  return dispatcher.metadata.name;
}

/** What is said of a daemon that is being deleted, with what keeps it; undefined for any other. */
function deletionOf({ metadata: { deletionTimestamp, finalizers = [] } }: ClariveDaemon): string | undefined {
  if (deletionTimestamp === undefined) return undefined;
  if (finalizers.length === 0) return 'The daemon is being deleted';
  // With this one, Kubernetes deletes the Deployment first.
  const waitsForChild = finalizers.includes('foregroundDeletion');
  if (waitsForChild && finalizers.length === 1)
    return 'The daemon is being deleted, and goes when its Deployment and pod are gone';
  const holders = finalizers.map((finalizer) => `"${finalizer}"`).join(', ');
  const held = `The daemon is being deleted, and held by its finalizers: ${holders}`;
  return waitsForChild ? held : `${held}; until they are removed, its Deployment stays as it is`;
}

function messageOf({ message, detail }: Judgement, { takesLong }: Progress): string {
  return takesLong && detail ? clean(`${message}: ${detail}`) : message;
}

function generationOf({ metadata }: Pick<ClariveDaemon, 'metadata'>): number {
  return metadata.generation ?? 0;
}

/** The pod that speaks for the daemon: a successor rather than the one that is ending, then the youngest. */
function speakingPod(pods: readonly ObservedPod[]): ObservedPod | undefined {
  return pods.reduce<ObservedPod | undefined>(
    (found, pod) => (found === undefined || speaksBefore(pod, found) ? pod : found),
    undefined,
  );
}

function speaksBefore(pod: ObservedPod, other: ObservedPod): boolean {
  if (pod.deleting !== other.deleting) return other.deleting;
  if (pod.createdAt !== other.createdAt) return pod.createdAt > other.createdAt;
  return pod.name < other.name;
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
  /** Until the deadline, if there is one ahead. */
  remainingMs?: number;
  /** It is time to say what is waited for. */
  takesLong?: boolean;
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
  const takesLong = untilLong(remainingMs) <= 0;
  if (remainingMs <= 0) return { ready, reconciling: 'False', stalled: 'True', takesLong };
  return { ready, reconciling: 'True', stalled: 'False', takesLong, remainingMs };
}

function untilLong(remainingMs: number): number {
  return remainingMs - progressDeadlineMs + takesLongMs;
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
function earlierProgress(daemon: ClariveDaemon, reason: Reason): Condition | undefined {
  const { status } = daemon;
  const before = status?.conditions?.find(({ type }) => type === 'Reconciling');
  if (!before || status?.observedGeneration !== generationOf(daemon)) return undefined;
  return progressOf(before.reason) === progressOf(reason) ? before : undefined;
}

function progressOf(reason: string): string | undefined {
  return reasonTable[reason as Reason]?.progress;
}

/** A condition keeps its time as long as it keeps its status; Reconciling also tells when a new wait began. */
function settle(
  daemon: ClariveDaemon,
  next: Omit<Condition, 'lastTransitionTime'>,
  nowMs: number,
): Condition {
  const before = daemon.status?.conditions?.find(({ type }) => type === next.type);
  const newWait =
    next.type === 'Reconciling' && next.status === 'True' && !earlierProgress(daemon, next.reason as Reason);
  const keep = before?.status === next.status && !newWait;
  return {
    ...next,
    observedGeneration: generationOf(daemon),
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

/**
 * Time alone makes a wait long, and ends it (the deadline), a crash loop (ten minutes of continuous run), the patience with a
 * recycled daemon and what the kubelet no longer says.
 */
function recheck(
  { detail, untilMs = Infinity }: Judgement,
  { remainingMs = Infinity, takesLong }: Progress,
  pod: ObservedPod | undefined,
  nowMs: number,
): { recheckAfterMs?: number } {
  const timesMs = [pod?.container, pod?.companion].flatMap((container) => turningPointsMs(container));
  const delaysMs = timesMs.map((timeMs) => timeMs - nowMs).filter((delayMs) => delayMs > 0);
  const progressMs = detail && !takesLong ? untilLong(remainingMs) : remainingMs;
  const recheckAfterMs = Math.min(progressMs, untilMs - nowMs, ...delaysMs);
  return Number.isFinite(recheckAfterMs) ? { recheckAfterMs } : {};
}

/** When what a container's last exit means changes. */
function turningPointsMs(container: ObservedContainer | undefined): number[] {
  if (!container?.lastExit) return [];
  const { lastExit, startedAt } = container;
  const turnsAtMs = [];
  if (startedAt !== undefined) turnsAtMs.push(Date.parse(startedAt) + stableRunMs);
  if (lastExit.code === 0) turnsAtMs.push(Date.parse(lastExit.finishedAt) + recycleMs);
  return turnsAtMs;
}
