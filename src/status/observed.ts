/** What is kept of the objects in the cluster: the few fields that decide what to write and what to report. */
import { daemonContainer, instanceLabel, nameLabel, nameLabelValue, restartedAtAnnotation } from '../api/labels.ts';
import { keyOf, type ObjectKey } from '../api/object-key.ts';
import type { ObjectMeta, OwnerReference } from '../api/kubernetes.ts';

export interface ObservedDeployment {
  key: ObjectKey;
  uid: string;
  resourceVersion: string;
  generation: number;
  deleting: boolean;
  controller: OwnerReference | undefined;
  /** Its selector is the one that we give a child of this name. */
  selectsOwnPods: boolean;
  replicas: number;
  paused: boolean;
  restartedAt: string | undefined;
  /** Digest of the desired state that this Deployment was found to carry in every field; undefined if it differs. */
  carries: string | undefined;
  observedGeneration: number;
  currentReplicas: number;
  updatedReplicas: number;
  readyReplicas: number;
  /** Why the ReplicaSet could not create a pod (quota, admission), in the API server's words. */
  replicaFailure: string | undefined;
}

export interface ObservedPod {
  key: ObjectKey;
  name: string;
  uid: string;
  resourceVersion: string;
  /** Key of the ClariveDaemon that the pod runs. */
  daemon: ObjectKey;
  node: string | undefined;
  createdAt: string;
  deleting: boolean;
  /** Succeeded or Failed: its containers are gone for good. */
  finished: boolean;
  ready: boolean;
  /** The node's kubelet no longer reports: the pod's state is unknown. */
  nodeLost: boolean;
  unschedulable: string | undefined;
  container: ObservedContainer | undefined;
  /** What holds the pod up before its own container starts: an init container, or a volume. */
  waiting: Waiting | undefined;
}

export interface ObservedContainer {
  ready: boolean;
  restarts: number;
  startedAt: string | undefined;
  waiting: Waiting | undefined;
  lastExit: Exit | undefined;
}

export interface Waiting {
  reason: string;
  message: string;
}

export interface Exit {
  code: number;
  signal: number | undefined;
  reason: string;
  startedAt: string;
  finishedAt: string;
}

interface RawCondition {
  type: string;
  status: string;
  reason?: string;
  message?: string;
}

interface RawDeployment {
  metadata: ObjectMeta;
  spec?: {
    replicas?: number;
    paused?: boolean;
    selector?: { matchLabels?: Record<string, string> };
    template?: { metadata?: { annotations?: Record<string, string> } } };
  status?: {
    observedGeneration?: number;
    replicas?: number;
    updatedReplicas?: number;
    readyReplicas?: number;
    conditions?: RawCondition[];
  };
}

interface RawExit {
  exitCode: number;
  signal?: number;
  reason?: string;
  startedAt?: string;
  finishedAt?: string;
}

interface RawContainerStatus {
  name: string;
  ready?: boolean;
  restartCount?: number;
  state?: { waiting?: Partial<Waiting>; running?: { startedAt?: string }; terminated?: RawExit };
  lastState?: { terminated?: RawExit };
}

interface RawPod {
  metadata: ObjectMeta;
  spec?: { nodeName?: string };
  status?: {
    phase?: string;
    reason?: string;
    conditions?: RawCondition[];
    containerStatuses?: RawContainerStatus[];
    initContainerStatuses?: RawContainerStatus[];
  };
}

/** Keeps of a Deployment what counts; `carries` comes from comparing the whole object, which is not kept. */
export function observeDeployment(
  object: unknown,
  carries: string | undefined,
): ObservedDeployment {
  const { metadata, spec, status } = object as RawDeployment;
  return {
    ...identityOf(metadata),
    generation: metadata.generation ?? 0,
    deleting: metadata.deletionTimestamp !== undefined,
    controller: metadata.ownerReferences?.find((owner) => owner.controller),
    selectsOwnPods: selectsOwnPods(spec?.selector?.matchLabels, metadata.name),
    replicas: spec?.replicas ?? 1,
    paused: spec?.paused ?? false,
    restartedAt: spec?.template?.metadata?.annotations?.[restartedAtAnnotation],
    carries,
    observedGeneration: status?.observedGeneration ?? 0,
    currentReplicas: status?.replicas ?? 0,
    updatedReplicas: status?.updatedReplicas ?? 0,
    readyReplicas: status?.readyReplicas ?? 0,
    replicaFailure: conditionOf(status?.conditions, 'ReplicaFailure', 'True')?.message,
  };
}

export function observePod(object: unknown): ObservedPod {
  const { metadata, spec, status } = object as RawPod;
  const container = status?.containerStatuses?.find(({ name }) => name === daemonContainer);
  const unscheduled = conditionOf(status?.conditions, 'PodScheduled', 'False');
  return {
    ...identityOf(metadata),
    name: metadata.name,
    daemon: `${metadata.namespace ?? ''}/${metadata.labels?.[instanceLabel] ?? ''}`,
    node: spec?.nodeName,
    createdAt: metadata.creationTimestamp ?? '',
    deleting: metadata.deletionTimestamp !== undefined,
    finished: status?.phase === 'Succeeded' || status?.phase === 'Failed',
    ready: conditionOf(status?.conditions, 'Ready', 'True') !== undefined,
    nodeLost: status?.reason === 'NodeLost' || isNodeLost(status?.conditions),
    unschedulable: unscheduled?.reason === 'Unschedulable' ? (unscheduled.message ?? '') : undefined,
    container: container && observeContainer(container),
    waiting: status?.initContainerStatuses?.map(({ state }) => waitingOf(state?.waiting)).find(Boolean),
  };
}

function selectsOwnPods(matchLabels: Record<string, string> | undefined, name: string): boolean {
  const { [nameLabel]: kind, [instanceLabel]: instance, ...others } = matchLabels ?? {};
  return kind === nameLabelValue && instance === name && Object.keys(others).length === 0;
}

function observeContainer(status: RawContainerStatus): ObservedContainer {
  const { state, lastState } = status;
  return {
    ready: status.ready ?? false,
    restarts: status.restartCount ?? 0,
    startedAt: state?.running?.startedAt,
    waiting: waitingOf(state?.waiting),
    lastExit: exitOf(state?.terminated ?? lastState?.terminated),
  };
}

function waitingOf(waiting: Partial<Waiting> | undefined): Waiting | undefined {
  if (!waiting?.reason || startingNormally.has(waiting.reason)) return undefined;
  return { reason: waiting.reason, message: waiting.message ?? '' };
}

const startingNormally = new Set(['ContainerCreating', 'PodInitializing']);

function exitOf(exit: RawExit | undefined): Exit | undefined {
  return (
    exit && {
      code: exit.exitCode,
      signal: exit.signal,
      reason: exit.reason ?? '',
      startedAt: exit.startedAt ?? '',
      finishedAt: exit.finishedAt ?? '',
    }
  );
}

/** The node controller marks the pods of a node that stopped reporting as not ready, without the kubelet's doing. */
function isNodeLost(conditions: RawCondition[] | undefined): boolean {
  const ready = conditions?.find(({ type }) => type === 'Ready');
  return ready?.status === 'Unknown' || ready?.reason === 'NodeStatusUnknown';
}

function conditionOf(
  conditions: RawCondition[] | undefined,
  type: string,
  status: string,
): RawCondition | undefined {
  return conditions?.find((condition) => condition.type === type && condition.status === status);
}

function identityOf(metadata: ObjectMeta): { key: ObjectKey; uid: string; resourceVersion: string } {
  return { key: keyOf({ metadata }), uid: metadata.uid ?? '', resourceVersion: metadata.resourceVersion ?? '' };
}
