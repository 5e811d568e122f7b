import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reasonTable, type Reason } from '../../src/api/conditions.ts';
import { withRemedy } from '../../src/status/remedies.ts';
import { aDaemon, aDispatcher } from '../support/builders.ts';
import { conditionOf, look, messageOf, verdict, type Sight } from './look.ts';
import {
  aChild,
  aMountFailure,
  aPod,
  at,
  backingOff,
  exit,
  exited,
  running,
  setUpFailed,
  startError,
  waiting,
  type RawPodOptions,
} from './observed-builders.ts';

/** The message is without its remedy, which remedies.test.ts looks at. */
type Row = [name: string, sight: Sight, verdict: string, message: string];

const stopped = aDaemon({ replicas: 0 });
const attached = aDaemon({ dispatcherRef: { name: 'main' } });
const stoppedDispatcher = aDispatcher({ replicas: 0 });
const bothStopped = aDaemon({ replicas: 0, dispatcherRef: { name: 'main' } });
const deleted = aDaemon({ metadata: { deletionTimestamp: at(50) } });
const ready = look().status;

/** A child whose controller has not seen the last change. */
const unseen = aChild({ generation: 2, observedGeneration: 1 });

function pod(options: RawPodOptions): Sight {
  return { pods: [aPod(options)] };
}

function container(raw: object): Sight {
  return pod({ phase: 'Pending', container: raw });
}

/** A pod that is being created, while the kubelet tells these failures. */
function unmounted(...messages: string[]): Sight {
  const mountFailures = messages.map((message) => aMountFailure(message));
  return { ...container(waiting('ContainerCreating')), mountFailures };
}

function refusedPod(message: string): Sight {
  const conditions = [{ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message }];
  return { pods: [], child: aChild({ current: 0, conditions }) };
}

function refusedDeployment(message: string, reason: 'InvalidSpec' | 'AdmissionRejected' | 'Conflict'): Sight {
  return { pods: [], child: undefined, outcome: { is: 'refused', reason, message } };
}

const crash = (nth: number) => exit(3, at(nth * 20), at(nth * 20 + 5));

const rows: Row[] = [
  ['Running when its pod is ready', {}, 'Running Ready Active', 'Pod purge-1 runs on node node-a'],

  // Stopped and Stopping
  ['Stopped when the last pod is gone', { daemon: stopped }, 'Stopped Ready', 'Stopped: spec.replicas is 0'],
  [
    'Stopped when created with 0 replicas, though no controller has seen the Deployment',
    { daemon: stopped, child: aChild({ daemon: stopped, replicas: 0, observedGeneration: 0 }) },
    'Stopped Ready',
    'Stopped: spec.replicas is 0',
  ],
  [
    'Stopped beside a pod that is over',
    { daemon: stopped, pods: [aPod({ phase: 'Failed' }), aPod({ name: 'purge-0', phase: 'Succeeded' })] },
    'Stopped Ready',
    'Stopped: spec.replicas is 0',
  ],
  [
    'Stopping and still Active while its pod runs on',
    { daemon: stopped, pods: [aPod()] },
    'Stopping Reconciling Active',
    'Pod purge-1 is being stopped',
  ],
  [
    'Stopping while its pod drains, for as long as that takes',
    { daemon: stopped, pods: [aPod({ deleting: true })], second: 7200 },
    'Stopping Reconciling Active',
    'Pod purge-1 is being stopped; it ends by 2026-01-01T00:00:00Z at the latest',
  ],
  [
    'Stopping until the controller has seen the stop, because it may be about to create a pod',
    { daemon: stopped, child: aChild({ replicas: 0, generation: 3, observedGeneration: 2 }) },
    'Stopping Reconciling',
    'Waiting until no pod can be created any more',
  ],
  [
    'Stopping while the Deployment has vanished',
    { daemon: stopped, child: undefined },
    'Stopping Reconciling',
    'Waiting until no pod can be created any more',
  ],
  [
    'Stopping while the stop is not written yet',
    { daemon: stopped, child: aChild({ replicas: 1, current: 0 }) },
    'Stopping Reconciling',
    'Waiting until no pod can be created any more',
  ],
  [
    'Stopping while the Deployment of an earlier daemon goes',
    { daemon: stopped, outcome: { is: 'waiting', message: 'Waiting until it is gone' } },
    'Stopping Reconciling',
    'Waiting until it is gone',
  ],
  [
    'Stopping with the cause when the stop can not be written',
    {
      daemon: stopped,
      pods: [aPod()],
      outcome: {
        is: 'failed',
        what: "The Deployment can't be written",
        error: new Error('no answer within 10 s'),
      },
    },
    'Stopping Reconciling Active',
    "The Deployment can't be written and is tried again: no answer within 10 s",
  ],

  // DispatcherStopped
  [
    'DispatcherStopped when its dispatcher stops all daemons and the last pod is gone',
    { daemon: attached, dispatcher: stoppedDispatcher },
    'DispatcherStopped Ready',
    'Stopped by the ClariveDispatcher "main", whose spec.replicas is 0',
  ],
  [
    'Stopping while its dispatcher stops it',
    { daemon: attached, dispatcher: stoppedDispatcher, pods: [aPod({ deleting: true })] },
    'Stopping Reconciling Active',
    'Pod purge-1 is being stopped; it ends by 2026-01-01T00:00:00Z at the latest',
  ],
  [
    'Stopped when its own switch stops it as well',
    { daemon: bothStopped, dispatcher: stoppedDispatcher },
    'Stopped Ready',
    'Stopped: spec.replicas is 0',
  ],
  [
    'Running when its dispatcher lets it',
    { daemon: attached, dispatcher: aDispatcher() },
    'Running Ready Active',
    'Pod purge-1 runs on node node-a',
  ],

  // WaitingForTurn
  [
    'WaitingForTurn and Active while other daemons come first, for as long as that takes',
    {
      daemon: attached,
      dispatcher: aDispatcher(),
      outcome: { is: 'queued', message: 'Takes over as soon as email has run well', recheckAfterMs: 1 },
      second: 7200,
    },
    'WaitingForTurn Reconciling Active',
    'Takes over as soon as email has run well',
  ],

  [
    'WaitingForOldPod with the deadline while its pod ends, though a change waits for its turn as well',
    {
      daemon: attached,
      dispatcher: aDispatcher(),
      pods: [aPod({ deleting: true })],
      outcome: { is: 'queued', message: 'Takes over as soon as email has run well', recheckAfterMs: 1 },
    },
    'WaitingForOldPod Reconciling Active',
    'Waiting for pod purge-1 on node node-a to end before its successor starts; it ends by 2026-01-01T00:00:00Z at the latest',
  ],

  // MissingReference: the dispatcher
  [
    'MissingReference with the remedy when its dispatcher is not there',
    { daemon: attached, dispatcher: 'missing', child: undefined, pods: [] },
    'MissingReference Reconciling',
    'Can\'t find the ClariveDispatcher "main", which spec.dispatcherRef names: create it or correct the name; until then the daemon is neither started nor changed',
  ],
  [
    'MissingReference and Active while the child is left as it is',
    { daemon: attached, dispatcher: 'missing' },
    'MissingReference Reconciling Active',
    'Can\'t find the ClariveDispatcher "main", which spec.dispatcherRef names: create it or correct the name; until then the daemon is neither started nor changed',
  ],

  [
    'Stopped without its dispatcher, which it does not need for that',
    { daemon: bothStopped, dispatcher: 'missing', child: undefined },
    'Stopped Ready',
    'Stopped: spec.replicas is 0. Can\'t find the ClariveDispatcher "main", which spec.dispatcherRef names: create it or correct the name; until then the daemon is neither started nor changed',
  ],

  // A daemon that is being deleted
  [
    'Stopping and Active when it is being deleted and its pod still runs',
    { daemon: deleted },
    'Stopping Reconciling Active',
    'The daemon is being deleted',
  ],
  [
    'Stopping with the finalizers that hold it, whatever else is wrong, for as long as that takes',
    {
      daemon: aDaemon({
        metadata: { deletionTimestamp: at(50), finalizers: ['foregroundDeletion', 'example.com/backup'] },
      }),
      desired: { invalid: 'No image is known' },
      pods: [],
      child: undefined,
      second: 7200,
    },
    'Stopping Reconciling',
    'The daemon is being deleted, and held by its finalizers: "foregroundDeletion", "example.com/backup"',
  ],
  [
    'Stopping until its Deployment is gone, when it is deleted in the foreground',
    {
      daemon: aDaemon({ metadata: { deletionTimestamp: at(50), finalizers: ['foregroundDeletion'] } }),
    },
    'Stopping Reconciling Active',
    'The daemon is being deleted, and goes when its Deployment and pod are gone',
  ],
  [
    'Stopping while somebody else keeps it: then it runs on',
    { daemon: aDaemon({ metadata: { deletionTimestamp: at(50), finalizers: ['example.com/backup'] } }) },
    'Stopping Reconciling Active',
    'The daemon is being deleted, and held by its finalizers: "example.com/backup"; until they are removed, its Deployment stays as it is',
  ],
  [
    'Stopping when it is being deleted and crashes',
    { daemon: deleted, ...container(backingOff(crash(2), { restartCount: 2 })) },
    'Stopping Reconciling',
    'The daemon is being deleted',
  ],

  // Starting
  [
    'Starting before there is a pod',
    { pods: [], child: aChild({ observedGeneration: 0, current: 0 }) },
    'Starting Reconciling',
    'Waiting for the pod to be created',
  ],
  [
    'Starting before there is a Deployment',
    { pods: [], child: undefined },
    'Starting Reconciling',
    'Waiting for the pod to be created',
  ],
  [
    'Starting when the pod is seen before its Deployment',
    { child: undefined },
    'Starting Reconciling Active',
    'Pod purge-1 is starting',
  ],
  [
    'Starting while the pod has no status at all',
    pod({ container: null, node: null, phase: 'Pending' }),
    'Starting Reconciling',
    'Pod purge-1 is starting',
  ],
  [
    'Starting while the container is created',
    container(waiting('ContainerCreating')),
    'Starting Reconciling',
    'Pod purge-1 is starting',
  ],
  [
    'Starting while init containers run',
    container(waiting('PodInitializing')),
    'Starting Reconciling',
    'Pod purge-1 is starting',
  ],
  [
    'Starting while it runs and is not ready',
    container(running(at(1), { ready: false })),
    'Starting Reconciling',
    'Pod purge-1 is starting',
  ],
  [
    'Starting and Active while only a sidecar is not ready',
    pod({ sidecars: [{ name: 'proxy', ready: false, state: { running: { startedAt: at(1) } } }] }),
    'Starting Reconciling Active',
    'Pod purge-1 is starting',
  ],
  [
    'Starting after the first crash',
    container(exited(crash(1))),
    'Starting Reconciling',
    'The daemon exited with code 3 and is started again',
  ],
  [
    'Starting after a first end with exit code 0, which a failed liveness probe may have caused',
    container(exited(exit(0, at(0), at(5)))),
    'Starting Reconciling',
    'The daemon ended with exit code 0 and is started again',
  ],
  [
    'Starting after a kill by the kernel for memory',
    container(exited(exit(137, at(0), at(5), 'OOMKilled'))),
    'Starting Reconciling',
    'The daemon was killed for using more memory than its limit (OOMKilled) and is started again',
  ],
  [
    'Starting after the end by a signal',
    container(exited(exit(139, at(0), at(5)))),
    'Starting Reconciling',
    'The daemon was ended by signal 11 (exit code 139) and is started again',
  ],
  [
    'Starting, not Running, for the same running pod while a change is not rolled out',
    { child: unseen },
    'Starting Reconciling Active',
    'The change is being rolled out, pod purge-1 is to be replaced',
  ],
  [
    'Starting while the pod of the old template still runs',
    { child: aChild({ generation: 2, current: 1, updated: 0 }) },
    'Starting Reconciling Active',
    'The change is being rolled out, pod purge-1 is to be replaced',
  ],
  [
    'Starting, and nothing is to be replaced, when the first pod is seen before its count',
    { ...container(waiting('ContainerCreating')), child: aChild({ observedGeneration: 0, current: 0 }) },
    'Starting Reconciling',
    'Pod purge-1 is starting',
  ],
  [
    'Starting, and nothing is to be replaced, when the first pod runs before it is counted',
    { child: aChild({ observedGeneration: 0, current: 0 }) },
    'Starting Reconciling Active',
    'Pod purge-1 is starting',
  ],
  [
    'Starting, and nothing is to be replaced, when the pod of a start is seen before its count',
    {
      ...container(waiting('ContainerCreating')),
      child: aChild({ generation: 3, observedGeneration: 2, current: 0 }),
    },
    'Starting Reconciling',
    'Pod purge-1 is starting',
  ],
  [
    'Starting, not Running, when the old pod is still seen although its ReplicaSet has none left',
    { child: aChild({ generation: 2, current: 0 }) },
    'Starting Reconciling Active',
    'Pod purge-1 is starting',
  ],
  [
    'Starting, not failed, while the pod that fails is of the old template',
    { ...container(waiting('ImagePullBackOff', 'no such image')), child: unseen },
    'Starting Reconciling',
    'The change is being rolled out, pod purge-1 is to be replaced',
  ],
  [
    'Starting, not refused, while the refusal is about the old template',
    {
      pods: [],
      child: aChild({
        generation: 2,
        observedGeneration: 1,
        current: 0,
        conditions: [{ type: 'ReplicaFailure', status: 'True', message: 'exceeded quota: small' }],
      }),
    },
    'Starting Reconciling',
    'Waiting for the pod to be created',
  ],
  [
    'Starting when the pod was evicted and its successor is not there',
    {
      pods: [aPod({ phase: 'Failed', reason: 'Evicted', message: 'The node was low on resource: memory.' })],
      child: aChild({ current: 0 }),
    },
    'Starting Reconciling',
    'Waiting for a new pod, because the last one failed: Evicted: The node was low on resource: memory.',
  ],
  [
    "Starting behind somebody's scheduling gate",
    pod({
      phase: 'Pending',
      node: null,
      container: null,
      gates: ['example.com/quota'],
      scheduled: { reason: 'SchedulingGated', message: 'Scheduling is blocked' },
    }),
    'Starting Reconciling',
    'Pod purge-1 waits until its scheduling gates are removed: example.com/quota; whoever has set them has to remove them: see schedulingGates in spec.template.spec',
  ],
  [
    'Starting with the cause while the Deployment can not be written',
    {
      pods: [],
      child: undefined,
      outcome: {
        is: 'failed',
        what: "The Deployment can't be written",
        error: new Error('failed calling webhook "a.b"'),
      },
    },
    'Starting Reconciling',
    'The Deployment can\'t be written and is tried again: failed calling webhook "a.b"',
  ],
  [
    'Starting while the kubelet has not heard of a Secret in time',
    container(
      waiting(
        'CreateContainerConfigError',
        'failed to sync secret cache: timed out waiting for the condition',
      ),
    ),
    'Starting Reconciling',
    'Pod purge-1 is starting',
  ],
  [
    'Starting when it ends with exit code 0 at once, again and again',
    pod({ container: running(at(58), { restartCount: 3, after: exit(0, at(30), at(31)) }) }),
    'Starting Reconciling Active',
    'The daemon ended with exit code 0 soon after its start, again and again: either this service does not keep running, as a daemon must, or its liveness probe failed: see kubectl describe pod purge-1',
  ],
  [
    'Running when it ended with exit code 0 at once, but has run for ten minutes since',
    {
      ...pod({ container: running(at(58), { restartCount: 3, after: exit(0, at(30), at(31)) }) }),
      second: 658,
    },
    'Running Ready Active',
    'Pod purge-1 runs on node node-a',
  ],

  // WaitingForOldPod
  [
    'WaitingForOldPod while the old pod drains, for as long as that takes',
    { pods: [aPod({ deleting: true })], child: aChild({ generation: 2, current: 0 }), second: 7200 },
    'WaitingForOldPod Reconciling Active',
    'Waiting for pod purge-1 on node node-a to end before its successor starts; it ends by 2026-01-01T00:00:00Z at the latest',
  ],
  [
    'WaitingForOldPod while the pod of an earlier daemon drains',
    {
      pods: [aPod({ deleting: true })],
      child: undefined,
      outcome: { is: 'waiting', message: 'Waiting until it is gone' },
    },
    'WaitingForOldPod Reconciling Active',
    'Waiting until it is gone',
  ],
  [
    'Starting while the Deployment of an earlier daemon goes',
    { pods: [], child: undefined, outcome: { is: 'waiting', message: 'Waiting until it is gone' } },
    'Starting Reconciling',
    'Waiting until it is gone',
  ],
  [
    'Running when the successor of a deleted pod runs beside it',
    { pods: [aPod({ deleting: true, name: 'purge-0' }), aPod({ createdAt: at(5) })] },
    'Running Ready Active',
    'Pod purge-1 runs on node node-a',
  ],

  // RolloutPaused
  [
    'RolloutPaused while somebody holds the rollout back',
    { child: aChild({ paused: true, generation: 2, current: 1, updated: 0 }) },
    'RolloutPaused Reconciling Active',
    'The Deployment is paused, so the change is not rolled out: run kubectl rollout resume',
  ],
  [
    'Running when somebody paused a Deployment that is rolled out',
    { child: aChild({ paused: true }) },
    'Running Ready Active',
    'Pod purge-1 runs on node node-a',
  ],

  // NodeUnreachable
  [
    'NodeUnreachable when the node controller has marked the pod',
    pod({ ready: false, containersReady: true }),
    'NodeUnreachable Reconciling Active=Unknown',
    'Node node-a no longer reports, so nobody knows whether pod purge-1 still runs',
  ],
  [
    'NodeUnreachable when the pod of a lost node is to be stopped',
    { daemon: stopped, pods: [aPod({ ready: false, containersReady: true, deleting: true })] },
    'NodeUnreachable Reconciling Active=Unknown',
    'Node node-a no longer reports, so nobody knows whether pod purge-1 still runs',
  ],
  [
    'Running when the successor of the pod on a lost node runs',
    {
      pods: [
        aPod({ ready: false, containersReady: true, deleting: true }),
        aPod({ name: 'purge-2', node: 'node-b', createdAt: at(30) }),
      ],
    },
    'Running Ready Active',
    'Pod purge-2 runs on node node-b',
  ],
  [
    'Starting, not NodeUnreachable, when a readiness gate is closed',
    pod({ ready: false, containersReady: true, readyReason: 'ReadinessGatesNotReady' }),
    'Starting Reconciling Active',
    'Pod purge-1 is starting',
  ],

  // Unschedulable
  [
    'Unschedulable in the words of the scheduler',
    pod({
      phase: 'Pending',
      node: null,
      container: null,
      scheduled: { reason: 'Unschedulable', message: '0/1 nodes are available: 1 Insufficient cpu.' },
    }),
    'Unschedulable Reconciling',
    '0/1 nodes are available: 1 Insufficient cpu.',
  ],
  [
    'Unschedulable when the scheduler fails without a word',
    pod({ phase: 'Pending', node: null, container: null, scheduled: { reason: 'SchedulerError' } }),
    'Unschedulable Reconciling',
    "The scheduler can't place pod purge-1",
  ],
  [
    'Unschedulable without any reason given',
    pod({ phase: 'Pending', node: null, container: null, scheduled: {} }),
    'Unschedulable Reconciling',
    "The scheduler can't place pod purge-1",
  ],

  // QuotaExceeded
  [
    'QuotaExceeded when no pod may be created',
    refusedPod(
      'pods "purge-5d8f7c9b8-" is forbidden: exceeded quota: small, requested: pods=1, used: pods=0, limited: pods=0',
    ),
    'QuotaExceeded Reconciling',
    'pods "purge-5d8f7c9b8-" is forbidden: exceeded quota: small, requested: pods=1, used: pods=0, limited: pods=0',
  ],
  [
    'QuotaExceeded when no Deployment may be created',
    refusedDeployment('deployments.apps "purge" is forbidden: exceeded quota: small', 'AdmissionRejected'),
    'QuotaExceeded Reconciling',
    'deployments.apps "purge" is forbidden: exceeded quota: small',
  ],
  [
    'QuotaExceeded when no ReplicaSet may be created',
    {
      pods: [],
      child: aChild({
        current: 0,
        conditions: [
          {
            type: 'Progressing',
            status: 'False',
            reason: 'ReplicaSetCreateError',
            message:
              'Failed to create new replica set "purge-5": replicasets.apps "purge-5" is forbidden: exceeded quota: small',
          },
        ],
      }),
    },
    'QuotaExceeded Reconciling',
    'Failed to create new replica set "purge-5": replicasets.apps "purge-5" is forbidden: exceeded quota: small',
  ],
  [
    'QuotaExceeded as soon as the successor is refused, though the old pod still ends',
    {
      pods: [aPod({ deleting: true })],
      child: aChild({
        current: 0,
        conditions: [{ type: 'ReplicaFailure', status: 'True', message: 'exceeded quota: small' }],
      }),
    },
    'QuotaExceeded Reconciling Active',
    'exceeded quota: small',
  ],
  [
    'Starting when the Deployment controller merely misses its own deadline',
    {
      pods: [],
      child: aChild({
        current: 0,
        conditions: [{ type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded' }],
      }),
    },
    'Starting Reconciling',
    'Waiting for the pod to be created',
  ],

  // AdmissionRejected
  [
    'AdmissionRejected when a policy refuses the pod',
    refusedPod('pods "purge-5d8f7c9b8-" is forbidden: violates PodSecurity "restricted:latest": privileged'),
    'AdmissionRejected Stalled',
    'pods "purge-5d8f7c9b8-" is forbidden: violates PodSecurity "restricted:latest": privileged',
  ],
  [
    'AdmissionRejected when a webhook refuses the Deployment',
    refusedDeployment('admission webhook "images.example.com" denied the request: no', 'AdmissionRejected'),
    'AdmissionRejected Stalled',
    'admission webhook "images.example.com" denied the request: no',
  ],

  [
    'AdmissionRejected when a ValidatingAdmissionPolicy denies the Deployment, which it calls invalid',
    refusedDeployment(
      "deployments.apps \"purge\" is forbidden: ValidatingAdmissionPolicy 'images' with binding 'images' denied request: no",
      'InvalidSpec',
    ),
    'AdmissionRejected Stalled',
    "deployments.apps \"purge\" is forbidden: ValidatingAdmissionPolicy 'images' with binding 'images' denied request: no",
  ],
  [
    'AdmissionRejected when a webhook denies the Deployment and gives it no status code',
    refusedDeployment('admission webhook "images.example.com" denied the request: no', 'InvalidSpec'),
    'AdmissionRejected Stalled',
    'admission webhook "images.example.com" denied the request: no',
  ],

  // MissingReference
  [
    'MissingReference for a Secret in env',
    container(waiting('CreateContainerConfigError', 'secret "smtp" not found')),
    'MissingReference Reconciling',
    'The daemon can\'t be started: secret "smtp" not found',
  ],
  [
    'MissingReference for a ConfigMap in env',
    container(waiting('CreateContainerConfigError', 'configmap "site" not found')),
    'MissingReference Reconciling',
    'The daemon can\'t be started: configmap "site" not found',
  ],
  [
    'MissingReference for a key of a Secret',
    container(waiting('CreateContainerConfigError', "couldn't find key password in Secret clarive/smtp")),
    'MissingReference Reconciling',
    "The daemon can't be started: couldn't find key password in Secret clarive/smtp",
  ],
  [
    'MissingReference for a volume claim',
    pod({
      phase: 'Pending',
      node: null,
      container: null,
      scheduled: { reason: 'Unschedulable', message: 'persistentvolumeclaim "jobs" not found' },
    }),
    'MissingReference Reconciling',
    'persistentvolumeclaim "jobs" not found',
  ],
  [
    'MissingReference for a ServiceAccount',
    refusedPod(
      'pods "purge-5-" is forbidden: error looking up service account clarive/jobs: serviceaccount "jobs" not found',
    ),
    'MissingReference Reconciling',
    'pods "purge-5-" is forbidden: error looking up service account clarive/jobs: serviceaccount "jobs" not found',
  ],
  [
    'MissingReference for a PriorityClass',
    refusedPod('pods "purge-5-" is forbidden: no PriorityClass with name high was found'),
    'MissingReference Reconciling',
    'pods "purge-5-" is forbidden: no PriorityClass with name high was found',
  ],
  [
    'MissingReference for a Secret that a crashing daemon has lost',
    pod({
      container: waiting('CreateContainerConfigError', 'secret "smtp" not found', {
        after: crash(3),
        restartCount: 2,
      }),
    }),
    'MissingReference Reconciling',
    'The daemon can\'t be started: secret "smtp" not found',
  ],

  [
    'MissingReference for a ConfigMap that a volume names',
    unmounted(setUpFailed('conf', 'configmap "settings" not found')),
    'MissingReference Reconciling',
    'The daemon can\'t be started: volume "conf": configmap "settings" not found',
  ],
  [
    'MissingReference for a Secret that a volume names, before init containers too',
    {
      ...unmounted(setUpFailed('key', 'secret "ssh" not found')),
      ...pod({
        phase: 'Pending',
        container: waiting('PodInitializing'),
        init: [{ name: 'wait', ...waiting('PodInitializing') }],
      }),
    },
    'MissingReference Reconciling',
    'The daemon can\'t be started: volume "key": secret "ssh" not found',
  ],
  [
    'MissingReference for the sources of a projected volume',
    unmounted(setUpFailed('all', '[configmap "a" not found, secret "b" not found]')),
    'MissingReference Reconciling',
    'The daemon can\'t be started: volume "all": [configmap "a" not found, secret "b" not found]',
  ],
  [
    'MissingReference for keys that volumes name, in the same order whatever fails first',
    unmounted(
      setUpFailed('key', 'references non-existent secret key: id_rsa'),
      setUpFailed('conf', 'configmap references non-existent config key: site.yml'),
    ),
    'MissingReference Reconciling',
    'The daemon can\'t be started: volume "conf": configmap references non-existent config key: site.yml; ' +
      'volume "key": references non-existent secret key: id_rsa',
  ],
  [
    'MissingReference for a claim that is gone since the pod has its node',
    unmounted(
      'Unable to attach or mount volumes: unmounted volumes=[jobs], unattached volumes=[], failed to process volumes=[jobs]: ' +
        'error processing PVC clarive/jobs: failed to fetch PVC from API server: persistentvolumeclaims "jobs" not found',
    ),
    'MissingReference Reconciling',
    "The daemon can't be started: " +
      'Unable to attach or mount volumes: unmounted volumes=[jobs], unattached volumes=[], failed to process volumes=[jobs]: ' +
      'error processing PVC clarive/jobs: failed to fetch PVC from API server: persistentvolumeclaims "jobs" not found',
  ],
  [
    'MissingReference, not Starting, when another volume fails for another cause',
    unmounted(setUpFailed('a', 'no such host'), setUpFailed('b', 'secret "ssh" not found')),
    'MissingReference Reconciling',
    'The daemon can\'t be started: volume "b": secret "ssh" not found',
  ],
  [
    'Starting with the words of the kubelet for any other failure to mount, without the command that failed',
    unmounted(
      setUpFailed(
        'jobs',
        'mount failed: exit status 32\nMounting command: mount\nMounting arguments: -t nfs -o password=hunter2 nas:/jobs /var/lib/kubelet\n' +
          'Output: mount.nfs: Connection refused for nas:/jobs',
      ),
    ),
    'Starting Reconciling',
    'Pod purge-1 is starting: volume "jobs": mount failed: exit status 32: mount.nfs: Connection refused for nas:/jobs',
  ],
  [
    'Starting with the same words when the kubelet sums them up',
    unmounted(`(combined from similar events): ${setUpFailed('jobs', 'no such host')}`),
    'Starting Reconciling',
    'Pod purge-1 is starting: volume "jobs": no such host',
  ],
  [
    'Starting without a word of what passes by itself',
    unmounted(
      setUpFailed('conf', 'failed to sync configmap cache: timed out waiting for the condition'),
      setUpFailed('token', 'object "clarive"/"kube-root-ca.crt" not registered'),
    ),
    'Starting Reconciling',
    'Pod purge-1 is starting',
  ],

  // ImagePullFailed
  [
    'ImagePullFailed with the error of the pull',
    container(waiting('ErrImagePull', 'rpc error: code = NotFound desc = "clarive:9": not found')),
    'ImagePullFailed Stalled',
    'The daemon has no image: rpc error: code = NotFound desc = "clarive:9": not found',
  ],
  [
    'ImagePullFailed with the same words while the kubelet pauses',
    container(
      waiting(
        'ImagePullBackOff',
        'Back-off pulling image "clarive:9": ErrImagePull: rpc error: code = NotFound desc = "clarive:9": not found',
      ),
    ),
    'ImagePullFailed Stalled',
    'The daemon has no image: rpc error: code = NotFound desc = "clarive:9": not found',
  ],
  [
    'ImagePullFailed without a message',
    container(waiting('InvalidImageName')),
    'ImagePullFailed Stalled',
    'The daemon has no image: InvalidImageName',
  ],
  [
    'ImagePullFailed for an init container',
    {
      pods: [
        aPod({
          phase: 'Pending',
          container: waiting('PodInitializing'),
          init: [{ name: 'wait', ...waiting('ErrImagePull', 'no') }],
        }),
      ],
    },
    'ImagePullFailed Stalled',
    'Container wait has no image: no',
  ],

  // ContainerConfigError
  [
    'ContainerConfigError in the words of the kubelet',
    container(waiting('CreateContainerConfigError', 'container has runAsNonRoot and image will run as root')),
    'ContainerConfigError Stalled',
    "The daemon can't be started: container has runAsNonRoot and image will run as root",
  ],
  [
    'ContainerConfigError without a message',
    container(waiting('CreateContainerError')),
    'ContainerConfigError Stalled',
    "The daemon can't be started: CreateContainerError",
  ],
  [
    'ContainerConfigError when the runtime can not start the process',
    container(waiting('RunContainerError', 'failed to create containerd task: exec: "sh": not found')),
    'ContainerConfigError Stalled',
    'The daemon can\'t be started: failed to create containerd task: exec: "sh": not found',
  ],
  [
    'ContainerConfigError with the same words while the kubelet pauses',
    container(
      backingOff(startError('failed to create containerd task: exec: "sh": not found', at(50)), {
        restartCount: 5,
      }),
    ),
    'ContainerConfigError Stalled',
    'The daemon can\'t be started: failed to create containerd task: exec: "sh": not found',
  ],
  [
    'ContainerConfigError when the runtime gives no cause',
    container(exited({ exitCode: 128, reason: 'ContainerCannotRun', startedAt: null, finishedAt: at(50) })),
    'ContainerConfigError Stalled',
    "The daemon can't be started: ContainerCannotRun",
  ],
  [
    'ContainerConfigError for a hook, without the output of the hook, which may hold secrets',
    container(waiting('PostStartHookError', 'Exec lifecycle hook failed, message: "password=hunter2"')),
    'ContainerConfigError Stalled',
    'The daemon was ended: its hook postStart failed',
  ],

  // CrashLooping
  [
    'CrashLooping after the third crash',
    container(backingOff(crash(2), { restartCount: 2 })),
    'CrashLooping Stalled',
    'The daemon exited with code 3, 3 times in a row soon after its start: see kubectl logs --previous purge-1 -c daemon',
  ],
  [
    'CrashLooping and Active while it runs once more',
    pod({ container: running(at(59), { restartCount: 3, after: crash(2) }) }),
    'CrashLooping Stalled Active',
    'The daemon exited with code 3, 3 times in a row soon after its start: see kubectl logs --previous purge-1 -c daemon',
  ],
  [
    'Running ten minutes after the last start of a crash loop',
    { ...pod({ container: running(at(59), { restartCount: 3, after: crash(2) }) }), second: 659 },
    'Running Ready Active',
    'Pod purge-1 runs on node node-a',
  ],
  [
    'CrashLooping when the hook postStart kills it',
    container(waiting('PostStartHookError', 'secret', { after: exit(137, at(40), at(41)), restartCount: 2 })),
    'CrashLooping Stalled',
    'The daemon was ended by signal 9 (exit code 137), 3 times in a row soon after its start: see kubectl logs --previous purge-1 -c daemon',
  ],
  [
    'CrashLooping for an init container',
    {
      pods: [
        aPod({
          phase: 'Pending',
          container: waiting('PodInitializing'),
          init: [{ name: 'wait', ...backingOff(exit(1, at(40), at(41)), { restartCount: 2 }) }],
        }),
      ],
    },
    'CrashLooping Stalled',
    'Container wait exited with code 1 soon after its start, again and again: see kubectl logs --previous purge-1 -c wait',
  ],
  [
    'CrashLooping for a sidecar, also while it runs once more',
    pod({
      sidecars: [{ name: 'proxy', ...running(at(50), { restartCount: 3, after: exit(1, at(40), at(41)) }) }],
    }),
    'CrashLooping Stalled Active',
    'Container proxy exited with code 1 soon after its start, again and again: see kubectl logs --previous purge-1 -c proxy',
  ],
  [
    'Running beside an init container that failed and then succeeded',
    pod({
      init: [{ name: 'wait', ready: true, restartCount: 4, state: { terminated: exit(0, at(0), at(1)) } }],
    }),
    'Running Ready Active',
    'Pod purge-1 runs on node node-a',
  ],

  // InvalidSpec, Conflict, Paused
  [
    'InvalidSpec when the spec can not be rendered',
    { desired: { invalid: 'No image is known' }, pods: [], child: undefined },
    'InvalidSpec Stalled',
    'No image is known',
  ],
  [
    'InvalidSpec and Active while the pod of the last valid spec runs',
    { desired: { invalid: 'No image is known' } },
    'InvalidSpec Stalled Active',
    'No image is known',
  ],
  [
    'InvalidSpec in the words of the API server',
    refusedDeployment('Deployment.apps "purge" is invalid: spec.template: no', 'InvalidSpec'),
    'InvalidSpec Stalled',
    'Deployment.apps "purge" is invalid: spec.template: no',
  ],
  [
    'InvalidSpec in the words of an API server that does not know a field',
    refusedDeployment('strict decoding error: unknown field "spec.template.spec.restarts"', 'InvalidSpec'),
    'InvalidSpec Stalled',
    'strict decoding error: unknown field "spec.template.spec.restarts"',
  ],
  [
    'InvalidSpec when only the pod is invalid',
    refusedPod('Pod "purge-5-" is invalid: spec.containers[0].image: Required value'),
    'InvalidSpec Stalled',
    'Pod "purge-5-" is invalid: spec.containers[0].image: Required value',
  ],
  [
    'Conflict with a foreign Deployment',
    refusedDeployment('The Deployment "purge" was not made for this daemon', 'Conflict'),
    'Conflict Stalled',
    'The Deployment "purge" was not made for this daemon',
  ],
  [
    'Paused while the child differs, and Active as its pod is',
    { outcome: { is: 'paused', message: 'The Deployment differs from the spec' } },
    'Paused Active',
    'The Deployment differs from the spec',
  ],
];

for (const [name, sight, expected, message] of rows) {
  test(`is ${name}`, () => {
    const { status } = look(sight);
    const { reason } = conditionOf(status, 'Ready');
    const told = withRemedy(reason as Reason, message);
    assert.deepEqual([verdict(status), messageOf(status)], [expected, told]);
    for (const { message: told } of status.conditions ?? []) assert.doesNotMatch(told, /hunter2/);
  });
}

test('stays Running while a daemon that has recycled itself comes back', () => {
  const ended = exit(0, at(-10_000), at(50));
  const steps = [
    exited(ended, { restartCount: 0 }),
    waiting('ContainerCreating', undefined, { after: ended, restartCount: 0 }),
    running(at(51), { ready: false, after: ended }),
    running(at(51), { after: ended }),
  ];
  let before = ready;
  const verdicts = steps.map((container) => {
    before = look({ pods: [aPod({ container })], before }).status;
    return verdict(before);
  });
  assert.deepEqual(verdicts, ['Running Ready', 'Running Ready', 'Running Ready', 'Running Ready Active']);
});

test('does not wait longer than ten minutes for a recycled daemon', () => {
  const pods = [aPod({ container: running(at(51), { ready: false, after: exit(0, at(-10_000), at(50)) }) })];
  const { status, recheckAfterMs } = look({ pods, before: ready });
  assert.deepEqual([verdict(status), recheckAfterMs], ['Running Ready', 590_000]);
  assert.equal(verdict(look({ pods, before: status, second: 650 }).status), 'Starting Reconciling');
});

test('takes a clean end for no recycle when the daemon was not running well before', () => {
  const pods = [aPod({ container: exited(exit(0, at(-10_000), at(50))) })];
  assert.equal(verdict(look({ pods }).status), 'Starting Reconciling');
});

test('every reason of the table is told by some row', () => {
  const told = new Set(rows.map(([, , verdict]) => verdict.split(' ')[0]));
  assert.deepEqual(
    Object.keys(reasonTable).filter((reason) => !told.has(reason)),
    [],
  );
});
