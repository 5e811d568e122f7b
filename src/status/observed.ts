/** What is kept of the objects in the cluster: the few fields that decide what to write and what to report. */
import { parseContents, type Contents } from '../api/contents.ts';
import {
  contentsAnnotation,
  daemonContainer,
  dispatcherLabel,
  exclusiveGate,
  instanceLabel,
  nameLabel,
  nameLabelValue,
  originAnnotation,
  restartedAtAnnotation,
  serviceLabel,
} from '../api/labels.ts';
import { keyOf, type ObjectKey } from '../api/object-key.ts';
import type { ObjectMeta, OwnerReference } from '../api/kubernetes.ts';
import { idInArguments, identityOf } from '../presets/identity.ts';

export interface ObservedDeployment {
  key: ObjectKey;
  uid: string;
  resourceVersion: string;
  generation: number;
  deleting: boolean;
  controller: Controller | undefined;
  /** Its selector is the one that we give a child of this name. */
  selectsOwnPods: boolean;
  replicas: number;
  paused: boolean;
  restartedAt: string | undefined;
  /** Digest of the desired state that this Deployment was found to carry in every field; undefined if it differs. */
  carries: string | undefined;
  /** What it was made of: see `Origin`; undefined without a dispatcher. */
  origin: string | undefined;
  /** What its pod was started with; undefined if that is not written on it. */
  contents: Contents | undefined;
  /** The generation that the Deployment controller has seen; what follows is about that one. */
  observedGeneration: number;
  currentReplicas: number;
  updatedReplicas: number;
  /** Why no ReplicaSet or no pod could be created (quota, admission), in the API server's words. */
  replicaFailure: string | undefined;
}

/** Whom an object belongs to. */
export type Controller = Pick<OwnerReference, 'kind' | 'name' | 'uid'>;

export interface ObservedPod {
  key: ObjectKey;
  name: string;
  uid: string;
  resourceVersion: string;
  /** Key of the ClariveDaemon that the pod runs. */
  daemon: ObjectKey;
  /** Which daemon it is to Clarive: see `identityOf`. */
  identity: string;
  /** Names of its scheduling gates: while there is one, no node runs it. */
  gates: readonly string[];
  /** Tells the pods of one pod template from those of another. */
  template: string | undefined;
  node: string | undefined;
  createdAt: string;
  deleting: boolean;
  /** When the grace period of a pod that is being deleted is over: what still runs then is killed. */
  endsBy: string | undefined;
  /** Succeeded or Failed: its containers are gone for good. */
  finished: boolean;
  /** Why a finished pod failed as a whole, such as an eviction. */
  failure: string | undefined;
  ready: boolean;
  /** The node's kubelet no longer reports: the pod's state is unknown. */
  nodeLost: boolean;
  /** Its volumes are mounted and its network is there. */
  sandboxReady: boolean;
  /** Why the scheduler has not given it a node: reason and message of the condition PodScheduled. */
  unscheduled: Waiting | undefined;
  container: ObservedContainer | undefined;
  /** The container beside `daemon` that holds the pod up, or has done so: an init container or a sidecar. */
  companion: Companion | undefined;
}

export interface ObservedContainer {
  ready: boolean;
  restarts: number;
  /** How often it ended in this pod; a restart follows later, and is counted only then. */
  exits: number;
  /** When it started, if it runs. */
  startedAt: string | undefined;
  waiting: Waiting | undefined;
  lastExit: Exit | undefined;
}

export interface Companion extends ObservedContainer {
  name: string;
  /** An init container: it starts before the daemon. */
  isInit: boolean;
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
  /** Why the runtime could not start the container at all, in its words; undefined if it ran. */
  startError: string | undefined;
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
    selector?: { matchLabels?: Record<string, string>; matchExpressions?: unknown[] };
    template?: { metadata?: { annotations?: Record<string, string> } };
  };
  status?: {
    observedGeneration?: number;
    replicas?: number;
    updatedReplicas?: number;
    conditions?: RawCondition[];
  };
}

/** Times that Kubernetes does not know are null. */
interface RawExit {
  exitCode: number;
  signal?: number;
  reason?: string;
  message?: string;
  startedAt?: string | null;
  finishedAt?: string | null;
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
  spec?: {
    nodeName?: string;
    schedulingGates?: { name: string }[];
    containers?: { name: string; args?: string[] }[];
  };
  status?: {
    phase?: string;
    reason?: string;
    message?: string;
    conditions?: RawCondition[];
    containerStatuses?: RawContainerStatus[];
    initContainerStatuses?: RawContainerStatus[];
  };
}

/** Keeps of a Deployment what counts; `carries` comes from comparing the whole object, which is not kept. */
export function observeDeployment(object: unknown, carries: string | undefined): ObservedDeployment {
  const { metadata, spec, status } = object as RawDeployment;
  return {
    ...referenceTo(metadata),
    generation: metadata.generation ?? 0,
    deleting: metadata.deletionTimestamp !== undefined,
    controller: controllerOf(metadata),
    selectsOwnPods: selectsOwnPods(spec?.selector, metadata.name),
    replicas: spec?.replicas ?? 1,
    paused: spec?.paused ?? false,
    restartedAt: spec?.template?.metadata?.annotations?.[restartedAtAnnotation],
    carries,
    origin: metadata.annotations?.[originAnnotation],
    contents: parseContents(metadata.annotations?.[contentsAnnotation]),
    observedGeneration: status?.observedGeneration ?? 0,
    currentReplicas: status?.replicas ?? 0,
    updatedReplicas: status?.updatedReplicas ?? 0,
    replicaFailure: replicaFailure(status?.conditions),
  };
}

function controllerOf({ ownerReferences }: ObjectMeta): Controller | undefined {
  const owner = ownerReferences?.find(({ controller }) => controller);
  return owner && { kind: owner.kind, name: owner.name, uid: owner.uid };
}

export function observePod(object: unknown): ObservedPod {
  const { metadata, spec, status } = object as RawPod;
  const container = status?.containerStatuses?.find(({ name }) => name === daemonContainer);
  const unscheduled = conditionOf(status?.conditions, 'PodScheduled', 'False');
  return {
    ...referenceTo(metadata),
    name: metadata.name,
    daemon: `${metadata.namespace ?? ''}/${metadata.labels?.[instanceLabel] ?? ''}`,
    identity: identityOfPod(object as RawPod),
    gates: spec?.schedulingGates?.map(({ name }) => name) ?? noGates,
    template: metadata.labels?.['pod-template-hash'],
    node: spec?.nodeName,
    createdAt: metadata.creationTimestamp ?? '',
    deleting: metadata.deletionTimestamp !== undefined,
    endsBy: metadata.deletionTimestamp,
    finished: status?.phase === 'Succeeded' || status?.phase === 'Failed',
    failure: status?.phase === 'Failed' ? failureOf(status) : undefined,
    ready: conditionOf(status?.conditions, 'Ready', 'True') !== undefined,
    nodeLost: isNodeLost(status?.conditions),
    sandboxReady: conditionOf(status?.conditions, 'PodReadyToStartContainers', 'True') !== undefined,
    unscheduled: unscheduled && { reason: unscheduled.reason ?? '', message: unscheduled.message ?? '' },
    container: container && observeContainer(container),
    companion: companionOf(status?.initContainerStatuses, status?.containerStatuses),
  };
}

const noGates: readonly string[] = [];

/** Whether it waits until the operator lets it start. */
export function isGated({ gates }: ObservedPod): boolean {
  return gates.includes(exclusiveGate);
}

/** By what can't be changed any more, or has no reason to be. */
function identityOfPod({ metadata, spec }: RawPod): string {
  const container = spec?.containers?.find(({ name }) => name === daemonContainer);
  return identityOf({
    namespace: metadata.namespace,
    dispatcher: metadata.labels?.[dispatcherLabel],
    service: metadata.labels?.[serviceLabel] ?? '',
    id: idInArguments(container?.args ?? []) ?? '',
  });
}

function selectsOwnPods(
  { matchLabels = {}, matchExpressions = [] }: NonNullable<RawDeployment['spec']>['selector'] = {},
  name: string,
): boolean {
  const { [nameLabel]: kind, [instanceLabel]: instance, ...others } = matchLabels;
  const further = Object.keys(others).length + matchExpressions.length;
  return kind === nameLabelValue && instance === name && further === 0;
}

/** A ReplicaSet that is refused shows in the condition Progressing, a pod that is refused in ReplicaFailure. */
function replicaFailure(conditions: RawCondition[] | undefined): string | undefined {
  const pod = conditionOf(conditions, 'ReplicaFailure', 'True');
  const progressing = conditionOf(conditions, 'Progressing', 'False');
  const replicaSet = progressing?.reason === 'ReplicaSetCreateError' ? progressing : undefined;
  return (pod ?? replicaSet)?.message;
}

/** A container that was created and is about to start waits without a reason: its restart is counted already. */
function observeContainer({ state, lastState, ...status }: RawContainerStatus): ObservedContainer {
  const restarts = status.restartCount ?? 0;
  const awaitsRestart = state?.waiting?.reason !== undefined && lastState?.terminated !== undefined;
  return {
    ready: status.ready ?? false,
    restarts,
    exits: restarts + (state?.terminated || awaitsRestart ? 1 : 0),
    startedAt: state?.running?.startedAt,
    waiting: waitingOf(state?.waiting),
    lastExit: exitOf(state?.terminated ?? lastState?.terminated),
  };
}

/** The first container in the order of their start that is not ready, else the first that has failed. */
function companionOf(
  inits: RawContainerStatus[] = [],
  others: RawContainerStatus[] = [],
): Companion | undefined {
  const sidecars = others.filter(({ name }) => name !== daemonContainer);
  const companions = [
    ...inits.map((status) => ({ name: status.name, isInit: true, ...observeContainer(status) })),
    ...sidecars.map((status) => ({ name: status.name, isInit: false, ...observeContainer(status) })),
  ];
  return (
    companions.find(({ ready }) => !ready) ??
    companions.find(({ lastExit }) => lastExit !== undefined && lastExit.code !== 0)
  );
}

function waitingOf(waiting: Partial<Waiting> | undefined): Waiting | undefined {
  if (!waiting?.reason || startingNormally.has(waiting.reason)) return undefined;
  return { reason: waiting.reason, message: waiting.message ?? '' };
}

const startingNormally = new Set(['ContainerCreating', 'PodInitializing']);

/** Of the termination message, only the runtime's own is kept: the daemon could write anything into it, secrets too. */
function exitOf(exit: RawExit | undefined): Exit | undefined {
  if (!exit) return undefined;
  const { reason = '' } = exit;
  return {
    code: exit.exitCode,
    signal: exit.signal,
    reason,
    startedAt: exit.startedAt ?? '',
    finishedAt: exit.finishedAt ?? '',
    startError: notStarted.has(reason) ? (exit.message ?? '') : undefined,
  };
}

/** containerd's and CRI-O's words for a container that never ran. */
const notStarted = new Set(['StartError', 'ContainerCannotRun']);

/**
 * When a node stops reporting, the node controller sets the pod's Ready to False and touches nothing else, so that its containers are
 * still said to be ready. (MarkPodsNotReady in pkg/controller/util/node; the kubelet writes both conditions at once.)
 */
function isNodeLost(conditions: RawCondition[] | undefined): boolean {
  const notReady = conditionOf(conditions, 'Ready', 'False');
  const containersReady = conditionOf(conditions, 'ContainersReady', 'True') !== undefined;
  return notReady !== undefined && containersReady && notReady.reason !== 'ReadinessGatesNotReady';
}

function conditionOf(
  conditions: RawCondition[] | undefined,
  type: string,
  status: string,
): RawCondition | undefined {
  return conditions?.find((condition) => condition.type === type && condition.status === status);
}

/** A pod that failed because its containers did has neither a reason nor a message of its own. */
function failureOf({ reason, message }: { reason?: string; message?: string }): string | undefined {
  return [reason, message].filter(Boolean).join(': ') || undefined;
}

function referenceTo(metadata: ObjectMeta): { key: ObjectKey; uid: string; resourceVersion: string } {
  return {
    key: keyOf({ metadata }),
    uid: metadata.uid ?? '',
    resourceVersion: metadata.resourceVersion ?? '',
  };
}
