/** What the API server tells of a daemon's objects, as conditions that a watch can meet. */
import type { CoreV1Event, V1ContainerStatus, V1Deployment, V1Pod } from '@kubernetes/client-node';
import type { ClariveDaemon } from '../../src/api/clarive-daemon.ts';
import type { Json } from '../../test/support/resources.ts';
import type { Matches } from './witness.ts';

export function daemonIs(test: (daemon: ClariveDaemon) => boolean): Matches {
  return (seen) => seen.kind === 'ClariveDaemon' && !seen.isGone && test(seen.object);
}

export function childIs(test: (child: Json<V1Deployment>) => boolean): Matches {
  return (seen) => seen.kind === 'Deployment' && !seen.isGone && test(seen.object);
}

function podIs(test: (pod: Json<V1Pod>) => boolean): Matches {
  return (seen) => seen.kind === 'Pod' && !seen.isGone && test(seen.object);
}

function eventIs(test: (event: Json<CoreV1Event>) => boolean): Matches {
  return (seen) => seen.kind === 'Event' && !seen.isGone && test(seen.object);
}

export const created = daemonIs(() => true);

/** The spec has been written so often. */
export const edited = (generation: number) => daemonIs(({ metadata }) => metadata.generation === generation);

export const podGone: Matches = (seen) => seen.kind === 'Pod' && seen.isGone;

export const podEnds = podIs(({ metadata }) => metadata?.deletionTimestamp !== undefined);

export const podReady = podIs(
  (pod) => !pod.metadata?.deletionTimestamp && hasCondition(pod, 'Ready', 'True'),
);

/** The node controller marks the pods of a silent node; the kubelet would change both conditions. */
export const podUnknown = podIs(
  (pod) => hasCondition(pod, 'Ready', 'False') && hasCondition(pod, 'ContainersReady', 'True'),
);

export const podUnscheduled = podIs((pod) => hasCondition(pod, 'PodScheduled', 'False'));

/** The third crash is known when the third run has ended, or is put off. */
export const crashedThrice = podIs(({ status }) =>
  (status?.containerStatuses ?? []).some(
    ({ restartCount, state }: Json<V1ContainerStatus>) =>
      restartCount > 2 || (restartCount === 2 && (state?.terminated ?? state?.waiting?.reason) !== undefined),
  ),
);

/** A container of the pod waits, for a reason and with a message like these. */
export function waitsFor(reason: RegExp, message = /(?:)/): Matches {
  return podIs(({ status }) =>
    (status?.containerStatuses ?? []).some(
      ({ state }) => reason.test(state?.waiting?.reason ?? '') && message.test(state?.waiting?.message ?? ''),
    ),
  );
}

/** The API server lets no pod of the Deployment in, in words like these. */
export function refusesPods(words: RegExp): Matches {
  const isRefusal = ({ type, message }: { type: string; message?: string }) =>
    type === 'ReplicaFailure' && words.test(message ?? '');
  return childIs(({ status }) => status?.conditions?.some(isRefusal) ?? false);
}

export function failsToMount(words: RegExp): Matches {
  return eventIs(({ message }) => words.test(message ?? ''));
}

function hasCondition({ status }: Json<V1Pod>, type: string, value: string): boolean {
  return status?.conditions?.some((each) => each.type === type && each.status === value) ?? false;
}
