import type { ClariveDaemon, ClariveDaemonStatus } from '../api/clarive-daemon.ts';
import type { ClariveDispatcher, ClariveDispatcherStatus } from '../api/clarive-dispatcher.ts';
import type { Contents, Reference } from '../api/contents.ts';
import type { ObjectKey } from '../api/object-key.ts';
import type { Rendered } from '../desired/deployment.ts';
import type { MountFailure } from '../status/mounts.ts';
import type { ObservedDeployment, ObservedPod } from '../status/observed.ts';

export interface DaemonEvent {
  type: 'Normal' | 'Warning';
  /** One CamelCase word, the same as the condition's. */
  reason: string;
  message: string;
}

/**
 * The cluster as the story sees it. Reads answer at once from what the watches have shown; a write returns when the API server
 * has taken it, and the next read already shows it. A refused write throws `RefusedError`.
 */
export interface Cluster {
  daemon(key: ObjectKey): ClariveDaemon | undefined;
  dispatcher(key: ObjectKey): ClariveDispatcher | undefined;
  /** The daemons that name the dispatcher of this key, in no particular order. */
  attached(dispatcher: ObjectKey): ClariveDaemon[];
  /** The daemons of one identity, in no particular order: see `identityOf`. */
  daemonsOf(identity: string): ClariveDaemon[];
  /** The Deployment of the daemon's name that carries our labels, whoever owns it. */
  child(key: ObjectKey): ObservedDeployment | undefined;
  /** The children on which it is written that their pod was started with this ConfigMap or Secret of the namespace, or without it. */
  startedWith(namespace: string, reference: Reference): ObservedDeployment[];
  /** A digest of a ConfigMap or Secret that is followed; undefined: it is not there. */
  digest(namespace: string, reference: Reference): string | undefined;
  pods(key: ObjectKey): ObservedPod[];
  /** The pods of one identity, also those whose daemon is gone. */
  podsOf(identity: string): ObservedPod[];
  /** What the kubelet says of volumes of these pods that it can't mount. */
  mountFailures(key: ObjectKey): MountFailure[];

  /** Asks the API server, not the watches: all pods of a service in a namespace, as they are now. */
  listPods(namespace: string, service: string): Promise<ObservedPod[]>;
  /**
   * Lets a pod start, if it is still as it was seen. Throws `UncertainError` if nobody knows whether it does.
   */
  liftGate(pod: ObservedPod): Promise<void>;
  createChild(desired: Rendered): Promise<void>;
  applyChild(child: ObservedDeployment, desired: Rendered): Promise<void>;
  scaleChild(child: ObservedDeployment, replicas: number): Promise<void>;
  /** Writes down what the child's pod was started with or, with a time, what its next pod will be: then it is replaced. */
  recordContents(child: ObservedDeployment, contents: Contents, restartedAt?: string): Promise<void>;
  writeStatus(daemon: ClariveDaemon, status: ClariveDaemonStatus): Promise<void>;
  writeDispatcherStatus(dispatcher: ClariveDispatcher, status: ClariveDispatcherStatus): Promise<void>;
  /** Tells an Event about the object. Returns at once; an Event may get lost. */
  recordEvent(object: ClariveDaemon | ClariveDispatcher, event: DaemonEvent): void;
}
