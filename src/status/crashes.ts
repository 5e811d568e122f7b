/**
 * Counts crashes in a row. Kubernetes keeps only the last exit of a container, so the count is carried on from status to
 * status: it is the one thing in the status that cannot be computed anew.
 */
import type { PodSummary } from '../api/clarive-daemon.ts';
import type { Exit, ObservedPod } from './observed.ts';

/** A daemon that ran this long before it ended did not crash at start; one that runs this long has recovered. */
export const stableRunMs = 10 * 60_000;

/** So many crashes in a row are a crash loop. */
export const crashLoopAfter = 3;

/** Crashes in a row, including what the pod shows now; `before` is what was last reported. */
export function countCrashes(before: PodSummary | undefined, pod: ObservedPod, nowMs: number): number {
  const container = pod.container;
  const samePod = before?.name === pod.name;
  const known = samePod ? (before.crashes ?? 0) : 0;
  const exit = container?.lastExit;
  if (!container || !exit || !isCrash(exit)) return 0;
  if (isStable(container.startedAt, nowMs)) return 0;
  if (samePod && exit.finishedAt === before.lastExit?.finishedAt) return known;
  const exits = samePod ? Math.max(1, container.restarts - (before.restarts ?? 0)) : 1;
  return known + exits;
}

/** A non-zero exit within ten minutes of the start. A clean exit is Clarive's way to recycle a daemon. */
export function isCrash(exit: Exit): boolean {
  return exit.code !== 0 && ranForMs(exit) < stableRunMs;
}

/** A clean exit after a long run: the daemon is being recycled and comes back by itself. */
export function isRecycle(exit: Exit | undefined): boolean {
  return exit !== undefined && exit.code === 0 && ranForMs(exit) >= stableRunMs;
}

export function isStable(startedAt: string | undefined, nowMs: number): boolean {
  return startedAt !== undefined && nowMs - Date.parse(startedAt) >= stableRunMs;
}

function ranForMs(exit: Exit): number {
  const ran = Date.parse(exit.finishedAt) - Date.parse(exit.startedAt);
  return Number.isNaN(ran) ? 0 : ran;
}
