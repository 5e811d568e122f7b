/**
 * Wires the parts together: watches fill the stores and enqueue keys, the controller's workers visit each key with the
 * story of `reconcile/`.
 */
import dotI, { type ResourceEvent, type ResourceMeta } from '@dot-i/k8s-operator';
import type { KubernetesObject } from '@kubernetes/client-node';
import type { Logger } from 'pino';
import { apiVersion, kind, plural, type ClariveDaemon } from './api/clarive-daemon.ts';
import {
  kind as dispatcherKind,
  plural as dispatcherPlural,
  type ClariveDispatcher,
} from './api/clarive-dispatcher.ts';
import { fieldManager, managedByLabel } from './api/labels.ts';
import { keyOf, splitKey, type ObjectKey } from './api/object-key.ts';
import type { Config } from './config.ts';
import type { Clock } from './controller/clock.ts';
import { carries } from './desired/compare.ts';
import { dispatcherKeyOf, dispatcherOf, type Dispatching } from './desired/settings.ts';
import { ApiError } from './kube/api-error.ts';
import { Credentials } from './kube/credentials.ts';
import type { StoredDaemon, StoredDispatcher } from './kube/kube-cluster.ts';
import type { WatchState } from './health.ts';
import type { Metrics, MetricsSource } from './metrics.ts';
import { LeaseElector, observeLease, type ObservedLease } from './kube/lease-elector.ts';
import { Reflector, type RawObject, type ReflectorOptions } from './kube/reflector.ts';
import { Store, type ChangeListener, type Stored } from './kube/store.ts';
import { Transport } from './kube/transport.ts';
import { Renderings } from './reconcile/renderings.ts';
import {
  observeDeployment,
  observePod,
  type ObservedDeployment,
  type ObservedPod,
} from './status/observed.ts';
import { deploymentsOf, observeMountFailure, type MountFailure } from './status/mounts.ts';
import { Term } from './term.ts';

export interface OperatorOptions {
  config: Config;
  logger: Logger;
  metrics: Metrics;
  clock: Clock;
  /** From 0 up to, but not including, 1. */
  random: () => number;
  /** Name and version, as the API server's audit log shows them. */
  userAgent: string;
  /** Names this process as holder of the lease; unique for each process. */
  identity: string;
}

/** What the reflectors of all kinds have in common. */
type WatchOptions = Pick<
  ReflectorOptions<Stored>,
  'transport' | 'path' | 'namespace' | 'clock' | 'random' | 'onSynced' | 'onResumed' | 'onError'
>;

interface Watch {
  resource: string;
  reflector: Pick<Reflector<Stored>, 'synced' | 'silentForMs'>;
  /** When an attempt last failed, on the monotonic clock. */
  failedAtMs: number;
}

/** With the object as it was before, if there was one. */
type OnEvent = (event: ResourceEvent, before?: Stored) => Promise<void>;

const idleQueue: MetricsSource['queue'] = { depths: () => new Map(), unfinishedSeconds: () => [] };

const ourOwn = `${managedByLabel}=${fieldManager}`;

/**
 * The operator for ClariveDaemons. `start` returns once the watches have shown all that exists, `stop` once the visits under way
 * have ended and the lease is given up.
 *
 * The base class brings the life cycle and the way in which watches are declared. Each of its members that does input or
 * output is overridden, because its own watch ends the process on every error.
 */
export class ClariveOperator extends dotI.default implements MetricsSource {
  readonly #options: OperatorOptions;
  readonly #transport: Transport;
  readonly #elector: LeaseElector | undefined;
  readonly #dispatchers = new Store<StoredDispatcher>(
    this.#announce(dispatcherPlural, apiVersion, dispatcherKind),
  );
  readonly #daemons = new Store<StoredDaemon>(this.#announce(plural, apiVersion, kind), ({ daemon }) =>
    dispatcherKeyOf(daemon),
  );
  readonly #children = new Store<ObservedDeployment>(this.#announce('deployments', 'apps/v1', 'Deployment'));
  readonly #pods = new Store<ObservedPod>(this.#announce('pods', 'v1', 'Pod'), ({ daemon }) => daemon);
  readonly #mountFailures = new Store<MountFailure>(
    unlessTold(this.#announce('events', 'v1', 'Event')),
    ({ podUid }) => podUid,
  );
  readonly #leases = new Store<ObservedLease>(this.#announce('leases', 'coordination.k8s.io/v1', 'Lease'));
  readonly #renderings: Renderings;
  readonly #listeners = new Map<string, OnEvent>();
  readonly #watches: Watch[] = [];
  readonly #stopping = new AbortController();
  /** There while this process leads. */
  #term: Term | undefined;
  #leading: Promise<void> = Promise.resolve();

  constructor(options: OperatorOptions) {
    super(options.logger);
    const { clock, config, identity, logger, metrics, random, userAgent } = options;
    if (config.context) this.kubeConfig.setCurrentContext(config.context);
    const server = this.kubeConfig.getCurrentCluster()?.server;
    if (!server) throw new Error(noCluster(config.context));
    this.#options = options;
    this.#renderings = new Renderings(config.defaults);
    const credentials = new Credentials(this.kubeConfig, () => clock.monotonic());
    const onResponse = metrics.requestObserver(new URL(server).host);
    this.#transport = new Transport({ credentials, userAgent, onResponse });
    if (!config.leaderElection) return;
    this.#elector = new LeaseElector({
      ...config.leaderElection,
      transport: this.#transport,
      clock,
      random,
      identity,
      onError: (err, retryInMs) => logger.warn({ err, retryInMs }, 'Lease not written, retrying'),
    });
  }

  /** True once every watch has shown all that exists. */
  get ready(): boolean {
    return this.#watches.length > 0 && this.#watches.every(({ reflector }) => reflector.synced);
  }

  /** Whether this process writes: always, if there is no election. */
  get leads(): boolean {
    return this.#term !== undefined;
  }

  /** What waits for a visit. */
  get queue(): MetricsSource['queue'] {
    return this.#term?.queue ?? idleQueue;
  }

  *daemons(): Generator<ClariveDaemon> {
    for (const { daemon } of this.#daemons.values()) yield daemon;
  }

  /** How each watch is doing, for the probes and metrics. */
  watches(): WatchState[] {
    const nowMs = this.#options.clock.monotonic();
    return this.#watches.map(({ resource, reflector, failedAtMs }) => ({
      resource,
      silentMs: reflector.silentForMs,
      idleMs: Math.min(reflector.silentForMs, nowMs - failedAtMs),
    }));
  }

  override async start(): Promise<void> {
    await this.init();
    const { signal } = this.#stopping;
    const lead = (lost: AbortSignal) => this.#lead(lost);
    this.#leading = this.#elector?.run(signal, lead) ?? lead(new AbortController().signal);
  }

  override async stop(): Promise<void> {
    this.#stopping.abort(new Error('The operator is stopping'));
    await this.#leading;
    this.#transport.close();
  }

  /** Dispatchers and daemons come before the children, because a child is compared with what they want when it is seen. */
  protected override async init(): Promise<void> {
    const { namespaces, leaderElection } = this.#options.config;
    const onDispatcher = async ({ type, object }: ResourceEvent, before?: Stored) => {
      const { key, dispatcher } = object as unknown as StoredDispatcher;
      const isModified = type === dotI.ResourceEventType.Modified;
      const last = isModified ? (before as StoredDispatcher).dispatcher : undefined;
      if (last?.metadata.generation === dispatcher.metadata.generation) this.#term?.onReport(key);
      else this.#term?.onDispatcher(key);
    };
    const onDaemon = async ({ type, object }: ResourceEvent, before?: Stored) => {
      const { key, daemon } = object as unknown as StoredDaemon;
      this.#term?.onDaemon(key, type === dotI.ResourceEventType.Deleted ? undefined : daemon);
      for (const dispatcher of dispatchersOf(before, object as unknown as Stored))
        this.#term?.onReport(dispatcher);
    };
    const onChild = async ({ object }: ResourceEvent) =>
      this.#term?.onChild((object as unknown as ObservedDeployment).key);
    const onPod = async ({ object }: ResourceEvent) => this.#term?.onChild((object as ObservedPod).daemon);
    const onMountFailure = async ({ object }: ResourceEvent) => {
      const daemon = this.#pods.get((object as MountFailure).pod)?.daemon;
      if (daemon !== undefined) this.#term?.onChild(daemon);
    };
    const observeLeases = async ({ type, object }: ResourceEvent) =>
      this.#elector?.observe(type === dotI.ResourceEventType.Deleted ? undefined : (object as ObservedLease));
    const everywhere = async (apiGroup: string, apiVersion_: string, resource: string, onEvent: OnEvent) => {
      const scopes = namespaces.length > 0 ? namespaces : [undefined];
      await Promise.all(
        scopes.map((scope) => this.watchResource(apiGroup, apiVersion_, resource, onEvent, scope)),
      );
    };

    const pods = everywhere('', 'v1', 'pods', onPod);
    const leases = leaderElection
      ? this.watchResource('coordination.k8s.io', 'v1', 'leases', observeLeases, leaderElection.namespace)
      : undefined;
    const [group = '', version = ''] = apiVersion.split('/');
    const dispatchers = everywhere(group, version, dispatcherPlural, onDispatcher);
    await Promise.all([dispatchers, everywhere(group, version, plural, onDaemon)]);
    await everywhere('apps', 'v1', 'deployments', onChild);
    await Promise.all([pods, leases]);
    await everywhere('', 'v1', 'events', onMountFailure);
  }

  /** Leads until the operator stops or the lease is lost. */
  async #lead(lost: AbortSignal): Promise<void> {
    const view = {
      transport: this.#transport,
      dispatchers: this.#dispatchers,
      daemons: this.#daemons,
      children: this.#children,
      pods: this.#pods,
      observeDispatcher,
      mountFailures: this.#mountFailures,
      observeDaemon: (object: RawObject) => this.#observeDaemon(object),
      observeChild: (object: RawObject) => this.#observeChild(object),
    };
    const renderings = this.#renderings;
    const term = new Term({
      ...this.#options,
      view,
      renderings,
      lost,
      leads: () => this.#elector?.leads ?? true,
    });
    this.#term = term;
    term.start();
    await aborted(AbortSignal.any([lost, this.#stopping.signal]));
    this.#term = undefined;
    await term.end();
  }

  /** Follows the resource until the operator stops; returns when everything that exists has been seen once. */
  protected override async watchResource(
    resourceGroup: string,
    resourceVersion: string,
    resourcePlural: string,
    onEvent: OnEvent,
    namespace?: string,
  ): Promise<void> {
    const { clock, logger, metrics, random } = this.#options;
    this.#listeners.set(resourcePlural, onEvent);
    const { promise: synced, resolve: onSynced } = Promise.withResolvers<void>();
    const reflector = this.#reflector(resourcePlural, {
      transport: this.#transport,
      path: collectionPath(resourceGroup, resourceVersion, resourcePlural, namespace),
      clock,
      random,
      ...(namespace && { namespace }),
      onSynced,
      onResumed: () => this.#term?.retryFailed(),
      onError: (err, retryInMs) => {
        if (retryInMs === 0) return logger.error({ err, resource: resourcePlural }, 'Object skipped');
        watch.failedAtMs = clock.monotonic();
        metrics.onWatchInterrupted(resourcePlural);
        logger.warn({ err, resource: resourcePlural, retryInMs }, watchMessage(err));
      },
    });
    const watch: Watch = { resource: resourcePlural, reflector, failedAtMs: -Infinity };
    this.#watches.push(watch);
    await Promise.race([synced, reflector.run(this.#stopping.signal)]);
  }

  #reflector(
    resourcePlural: string,
    watch: WatchOptions,
  ): Pick<Reflector<Stored>, 'run' | 'synced' | 'silentForMs'> {
    const { selector } = this.#options.config;
    const selected = selector && { labelSelector: selector };
    switch (resourcePlural) {
      case dispatcherPlural:
        return new Reflector({
          ...watch,
          ...selected,
          store: this.#dispatchers,
          project: observeDispatcher,
        });
      case plural:
        return new Reflector({
          ...watch,
          ...selected,
          store: this.#daemons,
          project: (object) => this.#observeDaemon(object),
        });
      case 'deployments':
        return new Reflector({
          ...watch,
          labelSelector: ourOwn,
          store: this.#children,
          project: (object) => this.#observeChild(object),
        });
      case 'pods':
        return new Reflector({ ...watch, labelSelector: ourOwn, store: this.#pods, project: observePod });
      case 'events':
        return new Reflector({
          ...watch,
          fieldSelector: 'involvedObject.kind=Pod,reason=FailedMount',
          bookmarks: false,
          store: this.#mountFailures,
          project: (object) => this.#observeMountFailure(object),
        });
      case 'leases':
        return new Reflector({
          ...watch,
          fieldSelector: `metadata.name=${this.#options.config.leaderElection?.name}`,
          store: this.#leases,
          project: observeLease,
        });
      default:
        throw new Error(`Cannot watch "${resourcePlural}": nothing says what to keep of it`);
    }
  }

  /** Tells a store's changes to whoever declared the watch, as the events of the base class. */
  #announce<T extends Stored>(
    resourcePlural: string,
    objectApiVersion: string,
    objectKind: string,
  ): ChangeListener<T> {
    return (before, after) => {
      const item = after ?? before;
      if (!item) return;
      const type = !after
        ? dotI.ResourceEventType.Deleted
        : before
          ? dotI.ResourceEventType.Modified
          : dotI.ResourceEventType.Added;
      const { namespace, name } = splitKey(item.key);
      const meta: ResourceMeta = {
        id: `${resourcePlural}.${objectApiVersion}`,
        apiVersion: objectApiVersion,
        kind: objectKind,
        namespace,
        name,
        resourceVersion: item.resourceVersion,
      };
      void this.#listeners.get(resourcePlural)?.({ type, meta, object: item as KubernetesObject }, before);
    };
  }

  /**
   * The daemon as its user wrote it, and its status; without what only the API server's bookkeeping needs. A spec that is known already
   * is kept once.
   */
  #observeDaemon(object: RawObject): StoredDaemon {
    const { managedFields: _, ...metadata } = object.metadata;
    const daemon = { ...object, metadata } as unknown as ClariveDaemon;
    const key = keyOf(object);
    const known = this.#daemons.get(key)?.daemon;
    const { uid, generation } = daemon.metadata;
    if (known && known.metadata.uid === uid && known.metadata.generation === generation)
      daemon.spec = known.spec;
    return { key, uid: metadata.uid, resourceVersion: metadata.resourceVersion, daemon };
  }

  #dispatcherOf(daemon: ClariveDaemon): Dispatching {
    return dispatcherOf(daemon, (key) => this.#dispatchers.get(key)?.dispatcher);
  }

  #observeChild(object: RawObject): ObservedDeployment {
    const daemon = this.#daemons.get(keyOf(object))?.daemon;
    const desired = daemon && this.#renderings.of(daemon, this.#dispatcherOf(daemon));
    const carried = desired && 'digest' in desired && carries(object, desired.deployment);
    return observeDeployment(object, carried ? desired.digest : undefined);
  }

  /** Events have no labels: what tells whose they are is the pod or, because an Event may be seen before it, the pod's name. */
  #observeMountFailure(object: RawObject): MountFailure | undefined {
    const failure = observeMountFailure(object);
    const mayBeOurs =
      this.#pods.get(failure.pod) ?? deploymentsOf(failure.pod).some((key) => this.#daemons.get(key));
    return mayBeOurs ? failure : undefined;
  }

  // What follows the base class would do with requests of its own; here every write goes through KubeCluster.

  protected override getCustomResourceApiUri(): string {
    return notOffered('getCustomResourceApiUri');
  }

  protected override registerCustomResourceDefinition(): Promise<never> {
    return notOffered('registerCustomResourceDefinition');
  }

  protected override setResourceStatus(): Promise<null> {
    return notOffered('setResourceStatus');
  }

  protected override patchResourceStatus(): Promise<null> {
    return notOffered('patchResourceStatus');
  }

  protected override handleResourceFinalizer(): Promise<boolean> {
    return notOffered('handleResourceFinalizer');
  }

  protected override setResourceFinalizers(): Promise<void> {
    return notOffered('setResourceFinalizers');
  }

  protected override applyAxiosKubeConfigAuth(): Promise<void> {
    return notOffered('applyAxiosKubeConfigAuth');
  }

  protected override applyGaxiosKubeConfigAuth(): Promise<void> {
    return notOffered('applyGaxiosKubeConfigAuth');
  }
}

function watchMessage(error: unknown): string {
  const unknownKind = error instanceof ApiError && error.code === 404;
  return unknownKind ? 'The CRD is not installed: kubectl apply -f crds/' : 'Watch interrupted, resuming';
}

function noCluster(context: string | undefined): string {
  return context === undefined
    ? 'Cannot find a cluster: set KUBECONFIG to a kubeconfig with a current context, or name one with --context'
    : `Cannot find the context "${context}" in the kubeconfig: kubectl config get-contexts lists those that exist`;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

function notOffered(member: string): never {
  throw new Error(`ClariveOperator does not offer "${member}": it writes through KubeCluster alone`);
}

function collectionPath(
  group_: string,
  version_: string,
  plural_: string,
  namespace: string | undefined,
): string {
  const root = group_ === '' ? `/api/${version_}` : `/apis/${group_}/${version_}`;
  return namespace ? `${root}/namespaces/${namespace}/${plural_}` : `${root}/${plural_}`;
}

function observeDispatcher(object: RawObject): StoredDispatcher {
  const { managedFields: _, ...metadata } = object.metadata;
  const dispatcher = { ...object, metadata } as unknown as ClariveDispatcher;
  return { key: keyOf(object), uid: metadata.uid, resourceVersion: metadata.resourceVersion, dispatcher };
}

/** The dispatchers that a daemon, as it was and as it is, is attached to. */
function dispatchersOf(...states: (Stored | undefined)[]): Set<ObjectKey> {
  const keys = states.map((state) => state && dispatcherKeyOf((state as StoredDaemon).daemon));
  return new Set(keys.filter((key) => key !== undefined));
}

/** The kubelet tells the same failure again and again. */
function unlessTold(announce: ChangeListener<MountFailure>): ChangeListener<MountFailure> {
  return (before, after) => {
    if (before?.message !== after?.message) announce(before, after);
  };
}
