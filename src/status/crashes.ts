/**
 * Counts crashes in a row. Kubernetes keeps only the last exit of a container, so the count is carried on from status to
 * status: it is the one thing in the status that cannot be computed anew.
 */
import type { PodSummary } from '../api/clarive-daemon.ts';
import type { Exit, ObservedContainer, ObservedPod } from './observed.ts';

/** A daemon that ran this long before it ended did not crash at start; one that runs this long has recovered. */
export const stableRunMs = 10 * 60_000;

/** A recycled daemon has this long until it is ready again: as long as any start. */
export const recycleMs = 10 * 60_000;

/** So many crashes in a row are a crash loop. */
export const crashLoopAfter = 3;

/** Crashes in a row, including what the pod shows now; `before` is what was last reported. */
export function countCrashes(before: PodSummary | undefined, pod: ObservedPod, nowMs: number): number {
  const { container } = pod;
  if (!container?.lastExit || isStable(container.startedAt, nowMs)) return 0;
  const last = before?.name === pod.name ? before : {};
  const { crashes = 0 } = last;
  const news = container.exits - exitsSaid(last);
  if (news <= 0 || pod.deleting) return crashes;
  return isCrash(container.lastExit) ? crashes + crashesAmong(news, last, pod, container.lastExit) : 0;
}

/**
 * Exits that nobody saw, because the operator was away, count as crashes if they came so fast that the daemon can't have
 * been running well in between.
 */
function crashesAmong(exits: number, last: PodSummary, { createdAt }: ObservedPod, exit: Exit): number {
  const since = last.lastExit?.finishedAt ?? last.startedAt ?? createdAt;
  const cameFast = Date.parse(exit.finishedAt) - Date.parse(since) < exits * stableRunMs;
  return cameFast ? exits : 1;
}

/** A non-zero exit within ten minutes of the start. A clean exit is Clarive's way to recycle a daemon. */
export function isCrash(exit: Exit): boolean {
  const ran = exit.startError === undefined && exit.finishedAt !== '';
  return ran && exit.code !== 0 && ranForMs(exit) < stableRunMs;
}

/**
 * A clean exit soon after the start, again and again: the service is none that keeps running, or its liveness probe fails, because the
 * init answers the kubelet's TERM with exit code 0.
 */
export function endsEarly({ restarts, startedAt, lastExit }: ObservedContainer, nowMs: number): boolean {
  if (lastExit?.code !== 0 || restarts < crashLoopAfter) return false;
  return ranForMs(lastExit) < stableRunMs && !isStable(startedAt, nowMs);
}

/** The daemon ended in good order after a long run, and is about to be ready again. */
export function isRecycling({ lastExit }: ObservedContainer, nowMs: number): boolean {
  if (lastExit?.code !== 0 || ranForMs(lastExit) < stableRunMs) return false;
  return nowMs - Date.parse(lastExit.finishedAt) < recycleMs;
}

export function isStable(startedAt: string | undefined, nowMs: number): boolean {
  return startedAt !== undefined && nowMs - Date.parse(startedAt) >= stableRunMs;
}

/** Of a status: Kubernetes counts a restart when it happens, which may be minutes after the exit. */
function exitsSaid({ restarts = 0, startedAt, lastExit }: PodSummary): number {
  return restarts + (lastExit && startedAt === undefined ? 1 : 0);
}

/** A time that is not known is no long run. */
function ranForMs({ startedAt, finishedAt }: Exit): number {
  const ran = Date.parse(finishedAt) - Date.parse(startedAt);
  return Number.isNaN(ran) ? 0 : ran;
}
