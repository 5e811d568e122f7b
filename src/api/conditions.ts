/**
 * Condition types and reasons, of a ClariveDaemon and of a ClariveDispatcher: the words that `kubectl get clarive` answers with.
 * Ready, Reconciling and Stalled follow kstatus, so that `kubectl wait`, Flux and Argo CD read them alike: a
 * deliberate stop is healthy, a crash loop has failed.
 */
export type ConditionType = 'Ready' | 'Reconciling' | 'Stalled' | 'Active';
export type ConditionStatus = 'True' | 'False' | 'Unknown';

export interface Condition {
  type: string;
  status: ConditionStatus;
  observedGeneration?: number;
  lastTransitionTime: string;
  reason: string;
  message: string;
}

/** What a reason says about the conditions Ready, Reconciling and Stalled. */
export interface ReasonMeaning {
  /** True: the daemon is as its spec wants it, running or stopped; all daemons of the dispatcher are. */
  ready: 'True' | 'False';
  /**
   * Who is at work: nobody (`none`), the operator or Kubernetes (`reconciling`: Reconciling is True), the same until
   * a deadline after which somebody has to help (`untilDeadline`: then Stalled is True), or nobody until somebody
   * helps (`stalled`: Stalled is True).
   */
  progress: 'none' | 'reconciling' | 'untilDeadline' | 'stalled';
}

export type Reason = keyof typeof reasonTable;
export type DispatcherReason = keyof typeof dispatcherReasonTable;

/** Every reason that Ready of a daemon may have, and with it the column STATE: when it is given, and what to do. */
export const reasonTable = {
  /** The daemon runs and is ready, as `replicas: 1` asks. Nothing to do. */
  Running: { ready: 'True', progress: 'none' },

  /** `replicas` is 0 and the last pod is gone. Nothing to do; `kubectl scale --replicas=1` starts the daemon. */
  Stopped: { ready: 'True', progress: 'none' },

  /**
   * The dispatcher's `replicas` is 0 and the last pod is gone, whatever the daemon's own switch says. Nothing to do;
   * `kubectl scale --replicas=1` of the dispatcher lets the daemon follow its own switch again.
   */
  DispatcherStopped: { ready: 'True', progress: 'none' },

  /**
   * The daemon shall run, and its pod is not there or not ready yet. Wait; if it is still so at the deadline, look
   * into the pod's events and log.
   */
  Starting: { ready: 'False', progress: 'untilDeadline' },

  /**
   * `replicas` is 0 and a pod is still ending, or the daemon is being deleted. Wait; the pod's grace period bounds it, and
   * the message names the finalizers that hold a deletion.
   */
  Stopping: { ready: 'False', progress: 'reconciling' },

  /**
   * The new pod may not start before an older one is gone, of the same daemon or of another one in its place, because two would
   * damage each other's work. Wait; if the node of the old pod is lost, repair it, or make sure that it is off and delete the pod
   * with `--force`.
   */
  WaitingForOldPod: { ready: 'False', progress: 'reconciling' },

  /**
   * The dispatcher's settings have changed, or a ConfigMap or Secret that other daemons name, too; the daemon keeps the old ones
   * until those run well with the new ones: the message names the one before it, or the one that fails. Wait; if one fails, mend what
   * has changed, or mend or stop that daemon.
   */
  WaitingForTurn: { ready: 'False', progress: 'reconciling' },

  /** Somebody paused the Deployment's rollout. `kubectl rollout resume` lets it go on. */
  RolloutPaused: { ready: 'False', progress: 'reconciling' },

  /**
   * The pod's node doesn't report any more, so nobody knows whether the daemon runs. Repair the node, or make sure
   * that it is off and remove it from the cluster.
   */
  NodeUnreachable: { ready: 'False', progress: 'untilDeadline' },

  /** No node takes the pod. Free or add resources, or change requests, node selectors or tolerations. */
  Unschedulable: { ready: 'False', progress: 'untilDeadline' },

  /** A quota of the namespace doesn't allow the pod. Raise the quota or lower the pod's requests. */
  QuotaExceeded: { ready: 'False', progress: 'untilDeadline' },

  /**
   * The dispatcher that `dispatcherRef` names is not there, or a ConfigMap, Secret, key or volume claim that the pod refers
   * to. Create it or correct its name. Without its dispatcher a daemon is neither created nor changed, but can be stopped.
   */
  MissingReference: { ready: 'False', progress: 'untilDeadline' },

  /**
   * The daemon failed three times in a row, each within ten minutes of its start. Read `kubectl logs --previous` and
   * `status.pod.lastExit`. It goes away after ten minutes of running, or when the daemon is stopped.
   */
  CrashLooping: { ready: 'False', progress: 'stalled' },

  /** The image can't be pulled. Correct `spec.image`, or give the pod an image pull secret. */
  ImagePullFailed: { ready: 'False', progress: 'stalled' },

  /** The kubelet can't make the container out of its settings. Correct `spec.env`, `spec.template` or `spec.args`. */
  ContainerConfigError: { ready: 'False', progress: 'stalled' },

  /** The spec can't be turned into a Deployment, or the API server refuses that one. Correct the field named. */
  InvalidSpec: { ready: 'False', progress: 'stalled' },

  /**
   * A Deployment of that name belongs to somebody else, or another ClariveDaemon goes before this one where only one may
   * run. Stop, delete or rename one of the two.
   */
  Conflict: { ready: 'False', progress: 'stalled' },

  /** An admission webhook or policy refuses the Deployment or its pod. Do what its message says. */
  AdmissionRejected: { ready: 'False', progress: 'stalled' },

  /** `paused` is true and the Deployment differs from the spec. Set `paused` to false to have the spec applied. */
  Paused: { ready: 'False', progress: 'none' },
} as const satisfies Record<string, ReasonMeaning>;

/** Every reason that Ready of a dispatcher may have: when it is given, and what to do. The message names the daemons. */
export const dispatcherReasonTable = {
  /** Every attached daemon is as it shall be: running, or stopped by its own switch. Nothing to do. */
  Running: { ready: 'True', progress: 'none' },

  /** `replicas` is 0 and no attached daemon has a pod any more. Nothing to do; `kubectl scale --replicas=1` lets them start. */
  Stopped: { ready: 'True', progress: 'none' },

  /** No ClariveDaemon of the namespace names this dispatcher. Set `spec.dispatcherRef` of those that shall belong to it. */
  NoDaemons: { ready: 'True', progress: 'none' },

  /** `replicas` is 0 and daemons are still ending. Wait; the grace periods of their pods bound it. */
  Stopping: { ready: 'False', progress: 'reconciling' },

  /** Daemons start, stop or are being changed. Wait; each daemon tells what it waits for. */
  Progressing: { ready: 'False', progress: 'reconciling' },

  /** The daemons take over a change of the dispatcher one after the other. Wait; each tells whom it waits for. */
  RollingOut: { ready: 'False', progress: 'reconciling' },

  /**
   * Daemons need help: the message names them, with the words of the first. Do what they say; until then no further daemon
   * takes over a change with which one fails.
   */
  DaemonsStalled: { ready: 'False', progress: 'stalled' },

  /** Daemons differ from their specs because `paused` is true. Set it to false to have their specs applied. */
  DaemonsPaused: { ready: 'False', progress: 'none' },
} as const satisfies Record<string, ReasonMeaning>;
