/** Finds pods that their node turns away. Kubernetes makes another one at once, several times a second, for as long as that goes on. */
import type { ObservedPod } from './observed.ts';

const inARow = 3;
const withinMs = 60_000;

/**
 * Why nodes reject every pod of the newest template, in the kubelet's words; undefined if they don't, or if it has happened
 * only once or twice: a node that has just run full rejects a pod, too, and the next one finds its place.
 */
export function rejectionOf(pods: readonly ObservedPod[]): string | undefined {
  const newest = youngest(pods.filter(({ finished }) => !finished)) ?? youngest(pods);
  if (!newest || !(newest.finished || isUndecided(newest))) return undefined;
  const isRecent = ({ createdAt }: ObservedPod) =>
    Date.parse(newest.createdAt) - Date.parse(createdAt) < withinMs;
  const others = pods.filter((pod) => pod.finished && pod.template === newest.template && isRecent(pod));
  const words = others.map(wordsOf).filter((each) => each !== undefined);
  return words.length >= inARow && words.length === others.length ? words[0] : undefined;
}

/** Whether the node has not said yet if it takes the pod. */
export function isUndecided({ container, deleting, nodeLost, unscheduled }: ObservedPod): boolean {
  return container === undefined && !deleting && !nodeLost && unscheduled === undefined;
}

/** As the kubelet writes it (rejectPod in pkg/kubelet). */
function wordsOf({ failure = '' }: ObservedPod): string | undefined {
  return /: Pod was rejected: (.*)$/s.exec(failure)?.[1];
}

function youngest(pods: readonly ObservedPod[]): ObservedPod | undefined {
  return pods.reduce<ObservedPod | undefined>(
    (found, pod) => (!found || pod.createdAt > found.createdAt ? pod : found),
    undefined,
  );
}
