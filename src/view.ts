/** What the watches have shown: a store for each resource, and what is kept of each object. */
import {
  apiVersion as clariveApiVersion,
  kind as daemonKind,
  plural as daemonPlural,
  type ClariveDaemon,
} from './api/clarive-daemon.ts';
import {
  kind as dispatcherKind,
  plural as dispatcherPlural,
  type ClariveDispatcher,
} from './api/clarive-dispatcher.ts';
import type { Condition } from './api/conditions.ts';
import { referentOf, type ReferenceKind } from './api/contents.ts';
import { fieldManager, managedByLabel } from './api/labels.ts';
import { keyOf, splitKey, type ObjectKey } from './api/object-key.ts';
import { carries, carriesMetadata } from './desired/compare.ts';
import type { Rendered } from './desired/deployment.ts';
import { dispatcherKeyOf, dispatcherOf, type Dispatching } from './desired/settings.ts';
import { observeConfigMap, observeSecret, type ObservedContent } from './kube/content.ts';
import type { ClusterView, StoredDaemon, StoredDispatcher } from './kube/kube-cluster.ts';
import { observeLease, type ObservedLease } from './kube/lease-elector.ts';
import { Reflector, type RawObject, type ReflectorOptions } from './kube/reflector.ts';
import { Store, type ChangeListener, type Stored } from './kube/store.ts';
import { identityOfDaemon } from './presets/identity.ts';
import type { Renderings } from './reconcile/renderings.ts';
import { deploymentsOf, observeMountFailure, type MountFailure } from './status/mounts.ts';
import {
  observeDeployment,
  observePod,
  type ObservedDeployment,
  type ObservedPod,
} from './status/observed.ts';

/** What users and the API server call a resource. */
export interface Resource {
  apiVersion: string;
  kind: string;
  plural: string;
}

export interface ViewOptions {
  renderings: Renderings;
  /** Labels of the daemons and dispatchers that are watched; empty or absent: all are. */
  selector?: string | undefined;
  /** Name of the only Lease that is watched. */
  leaseName?: string | undefined;
  /** Told of each change once its store has it. */
  onChange: <T extends Stored>(resource: Resource, before: T | undefined, after: T | undefined) => void;
}

/** Where a watch is, and whom it tells how it goes. */
type WatchOptions = Pick<
  ReflectorOptions<Stored>,
  'transport' | 'path' | 'namespace' | 'clock' | 'random' | 'onSynced' | 'onResumed' | 'onSilence' | 'onError'
>;

/** Follows one collection, whatever is kept of its objects. */
export type Watcher = Pick<Reflector<Stored>, 'run' | 'synced' | 'silentForMs'>;

/** Helm keeps its releases in Secrets: up to a megabyte each, and named by no pod. */
const noReleases = 'type!=helm.sh/release.v1';

const ourOwn = `${managedByLabel}=${fieldManager}`;

export class View implements ClusterView {
  readonly dispatchers: Store<StoredDispatcher>;
  readonly daemons: Store<StoredDaemon>;
  readonly children: Store<ObservedDeployment>;
  readonly contents: Readonly<Record<ReferenceKind, Store<ObservedContent>>>;
  readonly pods: Store<ObservedPod>;
  readonly mountFailures: Store<MountFailure>;
  readonly leases: Store<ObservedLease>;
  readonly #options: ViewOptions;

  constructor(options: ViewOptions) {
    this.#options = options;
    const tellOf =
      <T extends Stored>(resource: Resource): ChangeListener<T> =>
      (before, after) =>
        options.onChange(resource, before, after);
    const clarive = { apiVersion: clariveApiVersion };
    this.dispatchers = new Store(tellOf({ ...clarive, kind: dispatcherKind, plural: dispatcherPlural }));
    this.daemons = new Store(
      this.#orForget(tellOf({ ...clarive, kind: daemonKind, plural: daemonPlural })),
      ({ daemon }) => [...present(dispatcherKeyOf(daemon)), identityOfDaemon(daemon)],
    );
    this.children = new Store(
      tellOf({ apiVersion: 'apps/v1', kind: 'Deployment', plural: 'deployments' }),
      referentsOf,
    );
    this.contents = {
      ConfigMap: new Store(ifNew(tellOf({ apiVersion: 'v1', kind: 'ConfigMap', plural: 'configmaps' }))),
      Secret: new Store(ifNew(tellOf({ apiVersion: 'v1', kind: 'Secret', plural: 'secrets' }))),
    };
    this.pods = new Store(
      tellOf({ apiVersion: 'v1', kind: 'Pod', plural: 'pods' }),
      ({ daemon, identity }) => [daemon, identity],
    );
    this.mountFailures = new Store(
      unlessTold(tellOf({ apiVersion: 'v1', kind: 'Event', plural: 'events' })),
      ({ podUid }) => [podUid],
    );
    this.leases = new Store(
      tellOf({ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', plural: 'leases' }),
    );
  }

  /** What keeps the store of this resource equal to a collection of the API server. */
  watcher(plural: string, watch: WatchOptions): Watcher {
    const { selector, leaseName } = this.#options;
    const selected = selector && { labelSelector: selector };
    const { dispatchers, daemons, children, contents, pods, mountFailures, leases } = this;
    const { observeDispatcher, observeDaemon, observeChild } = this;
    switch (plural) {
      case dispatcherPlural:
        return new Reflector({ ...watch, ...selected, store: dispatchers, project: observeDispatcher });
      case daemonPlural:
        return new Reflector({ ...watch, ...selected, store: daemons, project: observeDaemon });
      case 'deployments':
        return new Reflector({ ...watch, labelSelector: ourOwn, store: children, project: observeChild });
      case 'configmaps':
        return new Reflector({ ...watch, store: contents.ConfigMap, project: observeConfigMap });
      case 'secrets':
        return new Reflector({
          ...watch,
          fieldSelector: noReleases,
          store: contents.Secret,
          project: observeSecret,
        });
      case 'pods':
        return new Reflector({ ...watch, labelSelector: ourOwn, store: pods, project: observePod });
      case 'events':
        return new Reflector({
          ...watch,
          fieldSelector: 'involvedObject.kind=Pod,reason=FailedMount',
          bookmarks: false,
          store: mountFailures,
          project: this.#observeMountFailure,
        });
      case 'leases':
        return new Reflector({
          ...watch,
          fieldSelector: `metadata.name=${leaseName}`,
          store: leases,
          project: observeLease,
        });
      default:
        throw new Error(`Cannot watch "${plural}": nothing says what to keep of it`);
    }
  }

  readonly observeDispatcher = (object: RawObject): StoredDispatcher => {
    const { managedFields: _, ...metadata } = object.metadata;
    const dispatcher = { ...object, metadata } as unknown as ClariveDispatcher;
    return { key: keyOf(object), uid: metadata.uid, resourceVersion: metadata.resourceVersion, dispatcher };
  };

  /**
   * The daemon as its user wrote it, and its status; without what only the API server's bookkeeping needs. A spec that is known
   * already is kept once.
   */
  readonly observeDaemon = (object: RawObject): StoredDaemon => {
    const { managedFields: _, ...metadata } = object.metadata;
    const kind = { apiVersion: clariveApiVersion, kind: daemonKind };
    const daemon = { ...object, ...kind, metadata } as unknown as ClariveDaemon;
    shareTexts(daemon.status?.conditions);
    const key = keyOf(object);
    const known = this.daemons.get(key)?.daemon;
    const { uid, generation } = daemon.metadata;
    if (known && known.metadata.uid === uid && known.metadata.generation === generation)
      daemon.spec = known.spec;
    return { key, uid: metadata.uid, resourceVersion: metadata.resourceVersion, daemon };
  };

  /** Daemons and dispatchers must have been seen before: the child is compared with what they want. */
  readonly observeChild = (object: RawObject): ObservedDeployment => {
    const daemon = this.daemons.get(keyOf(object))?.daemon;
    const desired = daemon && this.#options.renderings.of(daemon, this.#dispatcherOf(daemon));
    const carried = desired && 'digest' in desired && this.#carries(object, desired);
    return observeDeployment(object, carried ? desired.digest : undefined);
  };

  /** The generation tells whether the spec has changed since it was compared, or since it was written; it counts no metadata. */
  #carries(object: RawObject, { digest, deployment }: Rendered): boolean {
    const before = this.children.get(keyOf(object));
    const isSameSpec =
      before?.uid === object.metadata.uid &&
      before.generation === object.metadata['generation'] &&
      before.carries === digest;
    return isSameSpec ? carriesMetadata(object, deployment) : carries(object, deployment);
  }

  readonly observePod = (object: RawObject): ObservedPod => observePod(object);

  /** Events have no labels: what tells whose they are is the pod or, because an Event may be seen before it, the pod's name. */
  readonly #observeMountFailure = (object: RawObject): MountFailure | undefined => {
    const failure = observeMountFailure(object);
    const mayBeOurs =
      this.pods.get(failure.pod) ?? deploymentsOf(failure.pod).some((key) => this.daemons.get(key));
    return mayBeOurs ? failure : undefined;
  };

  /** What a daemon was made into is not needed once it is gone. */
  #orForget(announce: ChangeListener<StoredDaemon>): ChangeListener<StoredDaemon> {
    return (before, after) => {
      if (before && !after) this.#options.renderings.forget(before.uid);
      announce(before, after);
    };
  }

  #dispatcherOf(daemon: ClariveDaemon): Dispatching {
    return dispatcherOf(daemon, (key) => this.dispatchers.get(key)?.dispatcher);
  }
}

function present(key: ObjectKey | undefined): ObjectKey[] {
  return key === undefined ? [] : [key];
}

const noReferents: readonly string[] = [];

function referentsOf({ key, contents }: ObservedDeployment): readonly string[] {
  if (!contents) return noReferents;
  const { namespace } = splitKey(key);
  return Object.keys(contents).map((entry) => referentOf(namespace, entry));
}

/** Without content there is none that is new: a pod that runs keeps what it was started with. */
function ifNew(announce: ChangeListener<ObservedContent>): ChangeListener<ObservedContent> {
  return (before, after) => {
    if (after && before?.digest !== after.digest) announce(before, after);
  };
}

/** The conditions of a daemon mostly say the same, and since the same moment: each text is kept once. */
function shareTexts([first, ...others]: Condition[] = []): void {
  if (!first) return;
  const { message, lastTransitionTime } = first;
  for (const other of others) {
    if (other.message === message) other.message = message;
    if (other.lastTransitionTime === lastTransitionTime) other.lastTransitionTime = lastTransitionTime;
  }
}

/** The kubelet tells the same failure again and again. */
function unlessTold(announce: ChangeListener<MountFailure>): ChangeListener<MountFailure> {
  return (before, after) => {
    if (before?.message !== after?.message) announce(before, after);
  };
}
