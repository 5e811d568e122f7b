/** Finds the one reason that answers "is this daemon active, and if not, why?". The first that applies wins. */
import type { Reason } from '../api/conditions.ts';
import { exclusiveGate } from '../api/labels.ts';
import type { Unrenderable } from '../desired/deployment.ts';
import type { Authors } from './authors.ts';
import { crashLoopAfter, endsEarly, isCrash, isRecycling, isStable } from './crashes.ts';
import type {
  Companion,
  Exit,
  ObservedContainer,
  ObservedDeployment,
  ObservedPod,
  Waiting,
} from './observed.ts';
import type { MountProblem } from './mounts.ts';
import { waitingForOldPod } from './old-pod.ts';
import { withRemedy } from './remedies.ts';
import { clean, describeExit, isMissingReference, isPassing } from './words.ts';

/** What became of this visit's write. */
export type WriteOutcome =
  | { is: 'settled' }
  /** The child differs and is left so, because the daemon is paused. */
  | { is: 'paused'; message: string }
  | { is: 'waiting'; message: string }
  /** An older pod has to end first. */
  | { is: 'held'; message: string }
  /** The child is to differ until its turn comes. */
  | { is: 'queued'; message: string; recheckAfterMs: number }
  | { is: 'refused'; reason: 'InvalidSpec' | 'AdmissionRejected' | 'Conflict'; message: string }
  /** Nobody knows whether trying again helps; it is tried again. */
  | { is: 'failed'; what: string; error: Error };

export interface Facts {
  /** That the daemon is being deleted, in words, if so. */
  deletion: string | undefined;
  /** Why no child can be made of the spec, if so. */
  invalid: Unrenderable | undefined;
  /** The daemon's own child; undefined if there is none yet. */
  child: ObservedDeployment | undefined;
  /** The pod that speaks for the daemon: see `speakingPod`. */
  pod: ObservedPod | undefined;
  /** Why that pod waits for its volumes. */
  mountProblem: MountProblem | undefined;
  /** Why the last pod that is over failed as a whole. */
  lastFailure: string | undefined;
  /** Why nodes reject every pod: see `rejectionOf`. */
  rejection: string | undefined;
  wanted: number;
  /** Name of the dispatcher that stops it, if it is not the daemon's own switch that does. */
  stoppedBy: string | undefined;
  crashes: number;
  /** The daemon was last reported as Running. */
  wasRunning: boolean;
  outcome: WriteOutcome;
  /** Of a daemon with a dispatcher: who may have to correct something. */
  authors: Authors | undefined;
  nowMs: number;
}

export interface Judgement {
  reason: Reason;
  message: string;
  /** What it waits for. It changes on the way, so it is said only when the wait takes long. */
  detail?: string | undefined;
  /** When time alone ends it. */
  untilMs?: number;
}

export function judge(facts: Facts): Judgement {
  const { message, detail, ...judgement } = judgeFirst(facts);
  const told = withRemedy(judgement.reason, clean(message), facts.authors);
  return { ...judgement, message: told, detail: detail && clean(detail) };
}

function judgeFirst(facts: Facts): Judgement {
  const { deletion, invalid, outcome, wanted } = facts;
  if (deletion !== undefined) return { reason: 'Stopping', message: deletion };
  const stopsWithout = wanted === 0 && invalid?.reason === 'MissingReference';
  if (invalid && !stopsWithout) return { reason: invalid.reason ?? 'InvalidSpec', message: invalid.invalid };
  switch (outcome.is) {
    case 'refused':
      return judgeRefusal(outcome.message, outcome.reason);
    case 'paused':
      return { reason: 'Paused', message: outcome.message };
    case 'waiting':
      return underWay(facts, outcome.message);
    case 'held':
      return { reason: 'WaitingForOldPod', message: outcome.message };
    case 'queued':
      return judgeTurn(facts, outcome.message);
    case 'failed':
      return underWay(facts, `${outcome.what} and is tried again: ${outcome.error.message}`);
    case 'settled':
      return facts.wanted === 0 ? judgeStop(facts) : judgeRun(facts);
  }
}

/** The operator's own work is not done yet. */
function underWay({ wanted, pod }: Facts, message: string): Judgement {
  if (wanted === 0) return { reason: 'Stopping', message };
  return pod?.deleting ? { reason: 'WaitingForOldPod', message } : starting(message);
}

/** A pod that ends is told first: what waits for its turn hides neither that nor the deadline. */
function judgeTurn({ pod }: Facts, message: string): Judgement {
  if (pod?.deleting) return { reason: 'WaitingForOldPod', message: waitingForOldPod(pod) };
  return { reason: 'WaitingForTurn', message };
}

function judgeStop({ child, pod, stoppedBy, invalid }: Facts): Judgement {
  if (pod?.nodeLost) return judgeLostNode(pod);
  if (pod) return { reason: 'Stopping', message: `Pod ${pod.name} is being stopped${deadlineOf(pod)}` };
  const isToCome = !child && !invalid;
  if (isToCome || (child && (child.replicas > 0 || mayStillCreatePods(child))))
    return { reason: 'Stopping', message: 'Waiting until no pod can be created any more' };
  if (invalid) return { reason: 'Stopped', message: `Stopped: spec.replicas is 0. ${invalid.invalid}` };
  if (stoppedBy === undefined) return { reason: 'Stopped', message: 'Stopped: spec.replicas is 0' };
  return {
    reason: 'DispatcherStopped',
    message: `Stopped by the ClariveDispatcher "${stoppedBy}", whose spec.replicas is 0`,
  };
}

function deadlineOf({ endsBy }: ObservedPod): string {
  return endsBy === undefined ? '' : `; it ends by ${endsBy} at the latest`;
}

/** A Deployment that was created with 0 replicas never had a pod, even if its controller has not seen it yet. */
function mayStillCreatePods({ generation, observedGeneration }: ObservedDeployment): boolean {
  return generation > 1 && observedGeneration < generation;
}

function judgeRun(facts: Facts): Judgement {
  const { child, pod } = facts;
  const rollout = rolloutOf(child);
  if (child?.paused && rollout === 'changing')
    return {
      reason: 'RolloutPaused',
      message: 'The Deployment is paused, so the change is not rolled out: run kubectl rollout resume',
    };
  const failure = rollout === 'changing' ? undefined : child?.replicaFailure;
  if (failure !== undefined && (!pod || pod.deleting)) return judgeRefusal(failure, 'AdmissionRejected');
  if (facts.rejection !== undefined && rollout !== 'changing')
    return { reason: 'AdmissionRejected', message: `The node rejects the pod: ${facts.rejection}` };
  return pod ? judgePod(facts, pod, rollout) : starting(waitingForPod(facts));
}

function judgePod(facts: Facts, pod: ObservedPod, rollout: Rollout): Judgement {
  const { name, unscheduled } = pod;
  if (pod.nodeLost) return judgeLostNode(pod);
  if (pod.deleting) return { reason: 'WaitingForOldPod', message: waitingForOldPod(pod) };
  if (rollout === 'changing' && isReplaced(facts.child))
    return starting(`The change is being rolled out, pod ${name} is to be replaced`);
  if (rollout !== 'done') return starting(`Pod ${name} is starting`);
  return unscheduled ? judgeUnscheduled(pod, unscheduled) : judgeContainers(facts, pod);
}

type Rollout = 'changing' | 'empty' | 'done';

/**
 * Whether what is seen of the child and its pods is about the newest pod template: the controller has not seen it or
 * old pods are left (`changing`), there is no new pod yet (`empty`), or all pods are new (`done`). What an old pod
 * suffers from says nothing about the present spec.
 */
function rolloutOf(child: ObservedDeployment | undefined): Rollout {
  if (!child) return 'empty';
  const { generation, observedGeneration, currentReplicas, updatedReplicas } = child;
  if (observedGeneration < generation || updatedReplicas < currentReplicas) return 'changing';
  return updatedReplicas === 0 ? 'empty' : 'done';
}

/** Without a pod before the change, as at the first start, the one that is seen came with it: the Deployment's status is late. */
function isReplaced(child: ObservedDeployment | undefined): boolean {
  return child !== undefined && child.currentReplicas > 0;
}

function judgeLostNode({ name, node }: ObservedPod): Judgement {
  return {
    reason: 'NodeUnreachable',
    message: `Node ${node} no longer reports, so nobody knows whether pod ${name} still runs`,
  };
}

/**
 * Sorts what the API server says when it does not let the Deployment, its ReplicaSet or its pod in: quotas and missing
 * references come as Forbidden, like every refusal of an admission plugin. The status code tells little, because webhooks choose it,
 * and a ValidatingAdmissionPolicy says that what it denies is invalid.
 */
function judgeRefusal(message: string, reason: 'InvalidSpec' | 'AdmissionRejected' | 'Conflict'): Judgement {
  if (reason === 'Conflict') return { reason, message };
  if (message.includes('exceeded quota')) return { reason: 'QuotaExceeded', message };
  if (missingAtAdmission.test(message)) return { reason: 'MissingReference', message };
  if (/^\S+ "[^"]*" is invalid: /.test(message)) return { reason: 'InvalidSpec', message };
  return { reason: deniedAtAdmission.test(message) ? 'AdmissionRejected' : reason, message };
}

/** Said of webhooks, and by all other admission plugins. */
const deniedAtAdmission = /^admission webhook "[^"]*" denied the request|^\S+ "[^"]*" is forbidden: /;

/** Said by the admission plugins ServiceAccount, Priority and RuntimeClass. */
const missingAtAdmission =
  /error looking up service account .* not found|no PriorityClass with name .* was found|RuntimeClass "[^"]*" not found/;

function waitingForPod({ lastFailure }: Facts): string {
  return lastFailure === undefined
    ? 'Waiting for the pod to be created'
    : `Waiting for a new pod, because the last one failed: ${lastFailure}`;
}

function judgeUnscheduled({ name, gates }: ObservedPod, { reason, message }: Waiting): Judgement {
  if (reason === 'SchedulingGated') {
    const others = gates.filter((gate) => gate !== exclusiveGate);
    if (others.length === 0) return starting(`Pod ${name} is starting`);
    return starting(`Pod ${name} waits until its scheduling gates are removed: ${others.join(', ')}`);
  }
  if (/persistentvolumeclaim "[^"]*" not found/.test(message)) return { reason: 'MissingReference', message };
  return { reason: 'Unschedulable', message: message || `The scheduler can't place pod ${name}` };
}

function judgeContainers(facts: Facts, pod: ObservedPod): Judgement {
  const { container } = pod;
  const blocked = judgeWaiting(container?.waiting) ?? judgeCompanion(pod, facts.nowMs);
  if (blocked && blocked.reason !== 'ContainerConfigError') return blocked;
  if (facts.crashes >= crashLoopAfter && container?.lastExit)
    return { reason: 'CrashLooping', message: crashLoopMessage(pod.name, facts.crashes, container.lastExit) };
  return blocked ?? judgeDaemon(facts, pod);
}

function judgeDaemon({ wasRunning, mountProblem, nowMs }: Facts, pod: ObservedPod): Judgement {
  const { container } = pod;
  const isRunning = container?.startedAt !== undefined;
  const exit = container?.lastExit;
  if (exit?.startError !== undefined && !isRunning)
    return { reason: 'ContainerConfigError', message: describeExit(exit) };
  if (container && endsEarly(container, nowMs))
    return starting(
      'The daemon ended with exit code 0 soon after its start, again and again: either this service does not keep running, ' +
        `as a daemon must, or its liveness probe failed: see kubectl describe pod ${pod.name}`,
    );
  if (isRunning && pod.ready)
    return { reason: 'Running', message: `Pod ${pod.name} runs on node ${pod.node}` };
  if (container && wasRunning && isRecycling(container, nowMs))
    return {
      reason: 'Running',
      message: 'Recycled: the daemon ended with exit code 0 after a long run and is started again',
    };
  if (exit && !isRunning) return starting(`${describeExit(exit)} and is started again`);
  return judgeMounts(pod, mountProblem);
}

function judgeMounts(pod: ObservedPod, problem: MountProblem | undefined): Judgement {
  const isStarting = `Pod ${pod.name} is starting`;
  if (!problem) return { ...starting(isStarting), detail: startDetail(pod) };
  const { isMissing, message, untilMs } = problem;
  if (!isMissing) return { ...starting(`${isStarting}: ${message}`), untilMs };
  return { reason: 'MissingReference', message: `The daemon can't be started: ${message}`, untilMs };
}

function startDetail(pod: ObservedPod): string {
  const { name, node, container } = pod;
  if (node === undefined) return 'no scheduler has looked at it yet';
  const companion = awaitedCompanion(pod);
  if (companion) return companionDetail(name, companion);
  if (container?.startedAt === undefined)
    return `node ${node} prepares volumes, network and image, see kubectl describe pod ${name}`;
  return container.ready
    ? `its containers are ready, and the pod is not yet, see kubectl describe pod ${name}`
    : `the daemon runs and is not ready yet, see kubectl logs ${name} -c daemon and kubectl describe pod ${name}`;
}

/** An init container runs before the daemon; a sidecar is what is waited for only if the daemon itself is ready. */
function awaitedCompanion({ container, companion }: ObservedPod): Companion | undefined {
  if (!companion || companion.ready || !(companion.isInit || container?.ready)) return undefined;
  return companion.startedAt !== undefined || companion.lastExit ? companion : undefined;
}

function companionDetail(pod: string, { name, isInit, startedAt, lastExit }: Companion): string {
  const subject = `${isInit ? 'init container' : 'container'} ${name}`;
  const seeLog = `see kubectl logs ${pod} -c ${name}`;
  if (lastExit && startedAt === undefined)
    return `${describeExit(lastExit, subject)} and is started again, ${seeLog}`;
  return `${subject} ${isInit ? 'still runs' : 'runs and is not ready yet'}, ${seeLog}`;
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
]);

function judgeWaiting(waiting: Waiting | undefined, subject = 'The daemon'): Judgement | undefined {
  if (!waiting || isPassing(waiting.message)) return undefined;
  const { reason, message } = waiting;
  const cannot = (what: string, why: string) => `${subject} ${what}${why && `: ${why}`}`;
  if (imageReasons.has(reason))
    return { reason: 'ImagePullFailed', message: cannot('has no image', imageProblem(waiting)) };
  if (isMissingReference(message))
    return { reason: 'MissingReference', message: cannot("can't be started", message) };
  // The message has the output of the user's hook, which may hold secrets.
  if (reason === 'PostStartHookError')
    return { reason: 'ContainerConfigError', message: cannot('was ended', 'its hook postStart failed') };
  if (configReasons.has(reason))
    return { reason: 'ContainerConfigError', message: cannot("can't be started", message || reason) };
  return undefined;
}

/** A pull that fails and the pause after it take turns: both say the same here. */
function imageProblem({ reason, message }: Waiting): string {
  return message.replace(/^Back-off pulling image "[^"]*": \w+: /, '') || reason;
}

function judgeCompanion({ name, companion }: ObservedPod, nowMs: number): Judgement | undefined {
  if (!companion) return undefined;
  const subject = `Container ${companion.name}`;
  const blocked = companion.ready ? undefined : judgeWaiting(companion.waiting, subject);
  if (blocked || !isCrashLooping(companion, nowMs)) return blocked;
  return {
    reason: 'CrashLooping',
    message: `${describeExit(companion.lastExit, subject)} soon after its start, again and again: see kubectl logs --previous ${name} -c ${companion.name}`,
  };
}

/** For a container whose crashes are not counted: it has failed early, and not only once. */
function isCrashLooping(
  container: ObservedContainer,
  nowMs: number,
): container is ObservedContainer & { lastExit: Exit } {
  const { exits, lastExit, startedAt } = container;
  return (
    exits >= crashLoopAfter && lastExit !== undefined && isCrash(lastExit) && !isStable(startedAt, nowMs)
  );
}

function crashLoopMessage(pod: string, crashes: number, exit: Exit): string {
  return `${describeExit(exit)}, ${crashes} times in a row soon after its start: see kubectl logs --previous ${pod} -c daemon`;
}

function starting(message: string): Judgement {
  return { reason: 'Starting', message };
}
