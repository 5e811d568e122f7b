/** Deployments and pods as the API server sends them, in the shapes that Kubernetes 1.35 to 1.37 gives them. */
import type { ClariveDaemon } from '../../src/api/clarive-daemon.ts';
import {
  observeDeployment,
  observePod,
  type ObservedDeployment,
  type ObservedPod,
} from '../../src/status/observed.ts';
import { observeMountFailure, type MountFailure } from '../../src/status/mounts.ts';
import { ownerReference, selectorLabels } from '../../src/desired/metadata.ts';
import { aDaemon } from '../support/builders.ts';

export const startMs = Date.parse('2026-01-01T00:00:00Z');

/** A time so many seconds after the start, as Kubernetes writes it. */
export function at(seconds: number): string {
  return new Date(startMs + seconds * 1000).toISOString().replace('.000Z', 'Z');
}

export interface RawExit {
  exitCode: number;
  signal?: number;
  reason?: string;
  message?: string;
  startedAt?: string | null;
  finishedAt?: string | null;
}

export interface RawContainer {
  name?: string;
  ready?: boolean;
  restartCount?: number;
  state?: object;
  lastState?: object;
}

/** An exit as containerd reports it. */
export function exit(exitCode: number, startedAt: string, finishedAt: string, reason?: string): RawExit {
  return { exitCode, reason: reason ?? (exitCode === 0 ? 'Completed' : 'Error'), startedAt, finishedAt };
}

/** containerd's report of a container whose process could not be started. */
export function startError(message: string, finishedAt: string): RawExit {
  return { exitCode: 128, reason: 'StartError', message, startedAt: '1970-01-01T00:00:00Z', finishedAt };
}

export function running(startedAt: string, more: RawContainer & { after?: RawExit } = {}): RawContainer {
  const { after, ...rest } = more;
  const lastState = after ? { terminated: after } : {};
  return { ready: true, restartCount: after ? 1 : 0, state: { running: { startedAt } }, lastState, ...rest };
}

export function exited(terminated: RawExit, more: RawContainer = {}): RawContainer {
  return { ready: false, restartCount: 0, state: { terminated }, lastState: {}, ...more };
}

export function waiting(
  reason: string,
  message?: string,
  more: RawContainer & { after?: RawExit } = {},
): RawContainer {
  const { after, ...rest } = more;
  const lastState = after ? { terminated: after } : {};
  return {
    ready: false,
    restartCount: 0,
    state: { waiting: { reason, ...(message && { message }) } },
    lastState,
    ...rest,
  };
}

/** What the kubelet makes of an exit while it puts off the restart. */
export function backingOff(after: RawExit, more: RawContainer = {}): RawContainer {
  const message = 'back-off 40s restarting failed container=daemon pod=purge-1_clarive(0b8f)';
  return waiting('CrashLoopBackOff', message, { after, ...more });
}

export interface RawPodOptions {
  name?: string;
  daemon?: string;
  service?: string;
  dispatcher?: string | undefined;
  id?: string;
  gates?: readonly string[];
  createdAt?: string;
  deleting?: boolean;
  phase?: string;
  reason?: string;
  message?: string;
  node?: string | null;
  /** Ready of the pod; as its containers are, by default. */
  ready?: boolean;
  readyReason?: string;
  containersReady?: boolean;
  scheduled?: { reason?: string; message?: string };
  sandboxReady?: boolean;
  container?: RawContainer | null;
  init?: RawContainer[];
  sidecars?: RawContainer[];
}

export function rawPod({
  name = 'purge-1',
  daemon = 'purge',
  service = 'service.purge.daemon',
  dispatcher,
  id = daemon,
  gates = [],
  createdAt = at(0),
  deleting = false,
  phase = 'Running',
  reason,
  message,
  node = 'node-a',
  container = running(at(1)),
  init,
  sidecars = [],
  ...more
}: RawPodOptions = {}): object {
  const containers = [...(container ? [{ name: 'daemon', ...container }] : []), ...sidecars];
  const { containersReady = containers.length > 0 && containers.every((each) => each.ready) } = more;
  const { ready = containersReady, readyReason, sandboxReady = phase !== 'Pending' } = more;
  const { scheduled = gates.length > 0 ? gated : undefined } = more;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'clarive',
      uid: `uid-of-${name}`,
      resourceVersion: '7',
      creationTimestamp: createdAt,
      labels: {
        'app.kubernetes.io/instance': daemon,
        'clarive.com/service': service,
        ...(dispatcher && { 'clarive.com/dispatcher': dispatcher }),
        'pod-template-hash': '5d8f7c9b8',
      },
      ...(deleting && { deletionTimestamp: createdAt }),
    },
    spec: {
      ...(node !== null && gates.length === 0 && { nodeName: node }),
      ...(gates.length > 0 && { schedulingGates: gates.map((gate) => ({ name: gate })) }),
      containers: [{ name: 'daemon', args: ['terminate', '0', '--', 'cla', service, '--id', id] }],
    },
    status: {
      phase,
      ...(reason && { reason }),
      ...(message && { message }),
      conditions: [
        { type: 'PodReadyToStartContainers', status: capital(sandboxReady) },
        { type: 'Initialized', status: 'True' },
        { type: 'Ready', status: capital(ready), ...(readyReason && { reason: readyReason }) },
        { type: 'ContainersReady', status: capital(containersReady) },
        scheduled
          ? { type: 'PodScheduled', status: 'False', ...scheduled }
          : { type: 'PodScheduled', status: 'True' },
      ],
      ...(init && { initContainerStatuses: init }),
      containerStatuses: containers,
    },
  };
}

const gated = {
  reason: 'SchedulingGated',
  message: 'Scheduling is blocked due to non-empty scheduling gates',
};

export function aPod(options?: RawPodOptions): ObservedPod {
  return observePod(rawPod(options));
}

export interface MountFailureOptions {
  /** Name of the pod. */
  pod?: string;
  toldAt?: string;
}

/** What the kubelet tells of a pod whose volume it can't mount. */
export function aMountFailure(message: string, options: MountFailureOptions = {}): MountFailure {
  return observeMountFailure(rawMountFailure(message, options));
}

export function rawMountFailure(
  message: string,
  { pod = 'purge-1', toldAt = at(58) }: MountFailureOptions = {},
): object {
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: `${pod}.18ea7ea8`, namespace: 'clarive', uid: 'uid-of-event', resourceVersion: '9' },
    involvedObject: { apiVersion: 'v1', kind: 'Pod', namespace: 'clarive', name: pod, uid: `uid-of-${pod}` },
    type: 'Warning',
    reason: 'FailedMount',
    message,
    source: { component: 'kubelet', host: 'node-a' },
    firstTimestamp: at(2),
    lastTimestamp: toldAt,
    count: 7,
    eventTime: null,
  };
}

/** A message of the kubelet about one volume. */
export function setUpFailed(volume: string, cause: string): string {
  return `MountVolume.SetUp failed for volume "${volume}" : ${cause}`;
}

export interface RawDeploymentOptions {
  daemon?: ClariveDaemon;
  replicas?: number;
  paused?: boolean;
  generation?: number;
  observedGeneration?: number;
  current?: number;
  updated?: number;
  conditions?: object[];
  metadata?: object;
}

/** A child of the daemon that its controller has rolled out completely. */
export function rawDeployment({
  daemon = aDaemon(),
  replicas = 1,
  paused,
  generation = 1,
  observedGeneration = generation,
  current = replicas,
  updated = current,
  conditions = [],
  metadata = {},
}: RawDeploymentOptions = {}): object {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name: daemon.metadata.name,
      namespace: daemon.metadata.namespace,
      uid: 'uid-of-deployment',
      resourceVersion: '5',
      generation,
      ownerReferences: [ownerReference(daemon)],
      ...metadata,
    },
    spec: { replicas, ...(paused && { paused }), selector: { matchLabels: selectorLabels(daemon) } },
    status: { observedGeneration, replicas: current, updatedReplicas: updated, conditions },
  };
}

export function aChild(options?: RawDeploymentOptions): ObservedDeployment {
  return observeDeployment(rawDeployment(options), 'digest');
}

function capital(value: boolean): string {
  return value ? 'True' : 'False';
}
