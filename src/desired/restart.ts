/** Keeps what `kubectl rollout restart` has set on the child. */
import { restartedAtAnnotation } from '../api/labels.ts';
import type { PodTemplate } from '../api/kubernetes.ts';
import { overlayTemplate } from './overlay.ts';

/** Gives the template the later of its own restart and the child's, which is the child's annotation. */
export function keepRestart(template: PodTemplate, childRestartedAt: string | undefined): PodTemplate {
  const own = template.metadata.annotations?.[restartedAtAnnotation];
  if (childRestartedAt === undefined || timeOf(childRestartedAt) <= timeOf(own)) return template;
  return overlayTemplate(template, {
    metadata: { annotations: { [restartedAtAnnotation]: childRestartedAt } },
  });
}

/** A restart for which the operator has a reason of its own: now, or right after the one that is set already, because a later one counts. */
export function nextRestart(nowMs: number, restartedAt: string | undefined): string {
  const atMs = Math.min(Math.max(nowMs, timeOf(restartedAt) + 1000), latestMs);
  return new Date(atMs).toISOString().replace(/\.\d+Z$/, 'Z');
}

/** What a Date can hold. */
const latestMs = 8_640_000_000_000_000;

/** Milliseconds since 1970, in whatever zone it was written. A value that is no time is older than any time. */
function timeOf(restartedAt: string | undefined): number {
  if (restartedAt === undefined) return -Infinity;
  const time = Date.parse(restartedAt);
  return Number.isNaN(time) ? -Number.MAX_VALUE : time;
}
