/** Finds the one reason that answers "is this daemon active, and if not, why?". The first that applies wins. */
import type { ClariveDaemon } from '../api/clarive-daemon.ts';
import type { Reason } from '../api/conditions.ts';
import { crashLoopAfter, isRecycle } from './crashes.ts';
import type { Exit, ObservedContainer, ObservedDeployment, ObservedPod, Waiting } from './observed.ts';

/** What became of this visit's write. */
export type WriteOutcome =
  | { is: 'settled' }
  /** The child differs and is left so, because the daemon is paused. */
  | { is: 'paused' }
  | { is: 'waiting'; message: string }
  | { is: 'refused'; reason: 'InvalidSpec' | 'AdmissionRejected' | 'Conflict'; message: string };

export interface Facts {
  daemon: ClariveDaemon;
  /** Why no child can be made of the spec, if so. */
  invalid: string | undefined;
  /** The daemon's own child; undefined if there is none yet. */
  child: ObservedDeployment | undefined;
  /** The pod that speaks for the daemon: see `speakingPod`. */
  pod: ObservedPod | undefined;
  /** Pods that still exist and have not ended, including those being deleted. */
  livePods: number;
  wanted: number;
  crashes: number;
  wasReady: boolean;
  outcome: WriteOutcome;
}

export interface Judgement {
  reason: Reason;
  message: string;
}

export function judge(facts: Facts): Judgement {
  const { invalid, outcome } = facts;
  if (invalid !== undefined) return { reason: 'InvalidSpec', message: invalid };
  if (outcome.is === 'refused') return { reason: outcome.reason, message: outcome.message };
  if (outcome.is === 'waiting') return { reason: 'Starting', message: outcome.message };
  if (outcome.is === 'paused')
    return {
      reason: 'Paused',
      message: 'The Deployment differs from the spec and is left alone while spec.paused is true',
    };
  return facts.wanted === 0 ? judgeStop(facts) : judgeRun(facts);
}

function judgeStop({ child, livePods, pod }: Facts): Judgement {
  if (livePods > 0 || child === undefined || child.replicas > 0) {
    const name = pod ? `Pod ${pod.name}` : 'The pod';
    return { reason: 'Stopping', message: `${name} is being stopped` };
  }
  return { reason: 'Stopped', message: 'Stopped: spec.replicas is 0' };
}

function judgeRun(facts: Facts): Judgement {
  const { child, pod } = facts;
  if (child?.paused && !isRolledOut(child))
    return {
      reason: 'RolloutPaused',
      message: 'The Deployment is paused, so the change is not rolled out: run kubectl rollout resume',
    };
  if (child?.replicaFailure !== undefined && !pod) return judgeReplicaFailure(child.replicaFailure);
  if (!pod) return starting('Waiting for the pod to be created');
  if (pod.nodeLost)
    return {
      reason: 'NodeUnreachable',
      message: `Node ${pod.node} no longer reports, so the state of pod ${pod.name} is unknown`,
    };
  if (pod.deleting) return starting(`Waiting for pod ${pod.name} to end before its successor starts`);
  if (pod.unschedulable !== undefined) return { reason: 'Unschedulable', message: pod.unschedulable };
  return judgePod(facts, pod);
}

function judgeReplicaFailure(message: string): Judgement {
  const reason = message.includes('exceeded quota') ? 'QuotaExceeded' : 'AdmissionRejected';
  return { reason, message };
}

function judgePod(facts: Facts, pod: ObservedPod): Judgement {
  const { container } = pod;
  const waiting = container?.waiting ?? pod.waiting;
  if (facts.crashes >= crashLoopAfter && container?.lastExit)
    return { reason: 'CrashLooping', message: crashLoopMessage(facts.crashes, container.lastExit) };
  const blocked = waiting && judgeWaiting(waiting);
  if (blocked) return blocked;
  if (!isRolledOut(facts.child)) return starting('Rolling out a change of the pod template');
  if (isRunning(container) && pod.ready) return { reason: 'Running', message: `Pod ${pod.name} runs on node ${pod.node}` };
  if (isRunning(container)) return starting(`Pod ${pod.name} runs and is not ready yet`);
  return judgeNotRunning(facts, container);
}

function judgeNotRunning({ wasReady }: Facts, container: ObservedContainer | undefined): Judgement {
  const exit = container?.lastExit;
  if (wasReady && isRecycle(exit))
    return { reason: 'Running', message: 'Recycled: the daemon ended in good order and is started again' };
  if (exit) return starting(`${describeExit(exit)} and is started again`);
  return starting('Waiting for the container to start');
}

const imageReasons = new Set([
  'ErrImagePull',
  'ImagePullBackOff',
  'InvalidImageName',
  'ErrImageNeverPull',
  'ImageInspectError',
  'RegistryUnavailable',
  'SignatureValidationFailed',
]);

const configReasons = new Set([
  'CreateContainerConfigError',
  'CreateContainerError',
  'RunContainerError',
  'PreCreateHookError',
  'PreStartHookError',
  'PostStartHookError',
]);

function judgeWaiting({ reason, message }: Waiting): Judgement | undefined {
  if (imageReasons.has(reason)) return { reason: 'ImagePullFailed', message: withDetail(reason, message) };
  if (/(configmap|secret) ".*" not found/.test(message))
    return { reason: 'MissingReference', message: withDetail('The pod waits', message) };
  if (configReasons.has(reason)) return { reason: 'ContainerConfigError', message: withDetail(reason, message) };
  return undefined;
}

/** All pods are of the newest pod template. */
function isRolledOut(child: ObservedDeployment | undefined): boolean {
  if (!child || child.observedGeneration < child.generation) return false;
  return child.updatedReplicas === child.currentReplicas;
}

function isRunning(container: ObservedContainer | undefined): boolean {
  return container?.startedAt !== undefined;
}

function crashLoopMessage(crashes: number, exit: Exit): string {
  return `${describeExit(exit)}, ${crashes} times in a row soon after its start: see kubectl logs --previous`;
}

/** Says in words how the container ended, as `kubectl describe` shows it in fields. */
export function describeExit({ code, reason, signal }: Exit): string {
  if (reason === 'OOMKilled') return 'The daemon was killed for using more memory than its limit (OOMKilled)';
  const number = signal ?? (code > 128 ? code - 128 : undefined);
  return number === undefined
    ? `The daemon exited with code ${code}`
    : `The daemon was ended by signal ${number} (exit code ${code})`;
}

function starting(message: string): Judgement {
  return { reason: 'Starting', message };
}

function withDetail(summary: string, detail: string): string {
  return detail ? `${summary}: ${detail}` : summary;
}
