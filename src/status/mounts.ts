/** Reads from the kubelet's Events why a pod's volumes can't be mounted: the pod itself only says that its container is being created. */
import type { ObjectMeta } from '../api/kubernetes.ts';
import { keyOf, splitKey, type ObjectKey } from '../api/object-key.ts';
import type { ObservedPod } from './observed.ts';
import { isMissingReference, isPassing } from './words.ts';

/** What is kept of an Event of reason FailedMount. */
export interface MountFailure {
  key: ObjectKey;
  uid: string;
  resourceVersion: string;
  pod: ObjectKey;
  podUid: string;
  message: string;
  /** When the kubelet last told it. */
  toldAt: string;
}

/** Why a pod waits for its volumes, in one sentence. */
export interface MountProblem {
  /** It waits for a ConfigMap, Secret or claim that is not there, or for a key in it. */
  isMissing: boolean;
  message: string;
  /** If the kubelet does not tell it again until then, it is over. */
  untilMs: number;
}

interface RawEvent {
  metadata: ObjectMeta;
  involvedObject: { namespace?: string; name?: string; uid?: string };
  message?: string;
  series?: { lastObservedTime?: string | null } | null;
  lastTimestamp?: string | null;
  eventTime?: string | null;
}

/**
 * Between two attempts the kubelet pauses for at most 2 min 2 s; after 25 Events about a pod it sends one in 5 minutes.
 * (exponentialbackoff in pkg/util/goroutinemap, EventSourceObjectSpamFilter in client-go's tools/record.)
 */
const standsForMs = 8 * 60_000;

export function observeMountFailure(object: unknown): MountFailure {
  const { metadata, involvedObject, message = '', series, lastTimestamp, eventTime } = object as RawEvent;
  const { namespace = '', name = '', uid = '' } = involvedObject;
  return {
    key: keyOf({ metadata }),
    uid: metadata.uid ?? '',
    resourceVersion: metadata.resourceVersion ?? '',
    pod: `${namespace}/${name}`,
    podUid: uid,
    message,
    toldAt: series?.lastObservedTime ?? lastTimestamp ?? eventTime ?? metadata.creationTimestamp ?? '',
  };
}

/**
 * The Deployments that a pod may belong to by its name, which is the Deployment's, a hash and five random characters. Without
 * the last dash if the Deployment's name is long; of one with more than 57 characters the pod's name has not enough left.
 */
export function deploymentsOf(pod: ObjectKey): ObjectKey[] {
  const { namespace, name } = splitKey(pod);
  const shorter = withoutLastPart(name);
  return [shorter, withoutLastPart(shorter)].map((deployment): ObjectKey => `${namespace}/${deployment}`);
}

function withoutLastPart(name: string): string {
  return name.slice(0, Math.max(0, name.lastIndexOf('-')));
}

/**
 * What keeps a pod from its volumes, of the failures of any pods; undefined once it has them. What is missing comes before the rest,
 * because that is where somebody has to help.
 */
export function mountProblem(
  pod: ObservedPod | undefined,
  failures: readonly MountFailure[],
  nowMs: number,
): MountProblem | undefined {
  if (!pod || pod.sandboxReady || pod.container?.startedAt !== undefined || pod.container?.lastExit)
    return undefined;
  const own = failures.filter(({ podUid, message }) => podUid === pod.uid && !isPassing(message));
  const standing = lastOfEachVolume(own).filter((failure) => endMs(failure) > nowMs);
  const missing = standing.filter(({ message }) => isMissingReference(message));
  const told = missing.length > 0 ? missing : standing;
  if (told.length === 0) return undefined;
  const messages = told.map(({ message }) => inShort(message)).toSorted();
  return {
    isMissing: missing.length > 0,
    message: [...new Set(messages)].join('; '),
    untilMs: Math.min(...standing.map(endMs)),
  };
}

function endMs({ toldAt }: MountFailure): number {
  return Date.parse(toldAt) + standsForMs;
}

/** A volume that fails in other words than before has another Event. */
function lastOfEachVolume(failures: readonly MountFailure[]): MountFailure[] {
  const inOrder = failures.toSorted((a, b) => a.toldAt.localeCompare(b.toldAt));
  return [...new Map(inOrder.map((failure) => [volumeOf(failure.message), failure])).values()];
}

function volumeOf(message: string): string | undefined {
  return /for volume "([^"]*)"/.exec(message)?.[1];
}

/** The cause alone: without what the kubelet puts before it, also when it sums up similar Events, and without the command that failed. */
function inShort(message: string): string {
  return message
    .replace(/^\(combined from similar events\): /, '')
    .replace(/^MountVolume\.\w+ failed for (volume "[^"]*") : /, '$1: ')
    .replace(/\s+Mounting command: .*?\sOutput: /s, ': ');
}
