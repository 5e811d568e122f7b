/**
 * Wires the parts together: watches fill the stores and enqueue keys, the controller's workers visit each key with the
 * story of `reconcile/`.
 */
import dotI, { type ResourceEvent, type ResourceMeta } from '@dot-i/k8s-operator';
import type { KubeConfig } from '@kubernetes/client-node';
import type { Logger } from 'pino';
import { apiVersion, plural, type ClariveDaemon } from './api/clarive-daemon.ts';
import { plural as dispatcherPlural, type ClariveDispatcher } from './api/clarive-dispatcher.ts';
import { entryOf, referentOf, type ReferenceKind } from './api/contents.ts';
import { splitKey, type ObjectKey } from './api/object-key.ts';
import type { Config } from './config.ts';
import type { Clock } from './controller/clock.ts';
import { dispatcherKeyOf } from './desired/settings.ts';
import type { WatchState } from './health.ts';
import { ApiError } from './kube/api-error.ts';
import type { ObservedContent } from './kube/content.ts';
import { Credentials } from './kube/credentials.ts';
import type { StoredDaemon, StoredDispatcher } from './kube/kube-cluster.ts';
import { LeaseElector, type ObservedLease } from './kube/lease-elector.ts';
import type { Stored } from './kube/store.ts';
import { Transport } from './kube/transport.ts';
import type { Metrics, MetricsSource } from './metrics.ts';
import { identityOfDaemon } from './presets/identity.ts';
import { Renderings } from './reconcile/renderings.ts';
import type { MountFailure } from './status/mounts.ts';
import type { ObservedDeployment, ObservedPod } from './status/observed.ts';
import { Term } from './term.ts';
import { View, type Resource, type Watcher } from './view.ts';

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

interface Watch {
  resource: string;
  watcher: Watcher;
  /** When an attempt last failed, on the monotonic clock. */
  failedAtMs: number;
}

/** An event as the base class has it, of what is kept of the object; with the object as it was before, if there was one. */
type Change<T extends Stored> = ResourceEvent & { object: T; before?: T | undefined };
type OnChange<T extends Stored> = (event: Change<T>) => Promise<void>;

const pluralOf: Record<ReferenceKind, string> = { ConfigMap: 'configmaps', Secret: 'secrets' };

const idleQueue: MetricsSource['queue'] = { depths: () => new Map(), unfinishedSeconds: () => [] };

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
  readonly #view: View;
  readonly #renderings: Renderings;
  readonly #listeners = new Map<string, OnChange<never>>();
  readonly #watches: Watch[] = [];
  readonly #stopping = new AbortController();
  /** There while this process leads. */
  #term: Term | undefined;
  #leading: Promise<void> = Promise.resolve();

  /** Throws, with the remedy, if there is no usable kubeconfig. */
  static create(options: OperatorOptions): ClariveOperator {
    try {
      return new ClariveOperator(options);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new Error(
        `Cannot use the kubeconfig: ${reason.replace(/!$/, '')}. Set KUBECONFIG to one with a current context, or name a context with --context`,
        { cause },
      );
    }
  }

  private constructor(options: OperatorOptions) {
    super(options.logger);
    const { clock, config, identity, logger, metrics, random, userAgent } = options;
    if (config.context) this.kubeConfig.setCurrentContext(config.context);
    const server = serverOf(this.kubeConfig, config.context);
    this.#options = options;
    this.#renderings = new Renderings(config.defaults, config.restartOn);
    this.#view = new View({
      renderings: this.#renderings,
      selector: config.selector,
      leaseName: config.leaderElection?.name,
      onChange: (resource, before, after) => this.#announce(resource, before, after),
    });
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
    return this.#watches.length > 0 && this.#watches.every(({ watcher }) => watcher.synced);
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
    for (const { daemon } of this.#view.daemons.values()) yield daemon;
  }

  *dispatchers(): Generator<ClariveDispatcher> {
    for (const { dispatcher } of this.#view.dispatchers.values()) yield dispatcher;
  }

  /** How each watch is doing, for the probes and metrics. */
  watches(): WatchState[] {
    const nowMs = this.#options.clock.monotonic();
    return this.#watches.map(({ resource, watcher, failedAtMs }) => ({
      resource,
      silentMs: watcher.silentForMs,
      idleMs: Math.min(watcher.silentForMs, nowMs - failedAtMs),
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
    const { namespaces, leaderElection, restartOn } = this.#options.config;
    const onDispatcher = async ({ type, object, before }: Change<StoredDispatcher>) => {
      const last = type === dotI.ResourceEventType.Modified ? before?.dispatcher : undefined;
      if (last?.metadata.generation === object.dispatcher.metadata.generation)
        this.#term?.onReport(object.key);
      else this.#term?.onDispatcher(object.key);
    };
    const onDaemon = async ({ type, object, before }: Change<StoredDaemon>) => {
      const isGone = type === dotI.ResourceEventType.Deleted;
      const last = before?.daemon;
      this.#term?.onDaemon(object.key, isGone ? undefined : object.daemon);
      for (const dispatcher of dispatchersOf(before, object)) this.#term?.onReport(dispatcher);
      if (last && (isGone || isOtherSpec(last, object.daemon))) this.#term?.onRival(identityOfDaemon(last));
    };
    const onChild = async ({ object }: Change<ObservedDeployment>) => {
      this.#term?.onChild(object.key);
      const daemon = this.#view.daemons.get(object.key)?.daemon;
      if (daemon) this.#term?.onRival(identityOfDaemon(daemon));
    };
    const onPod = async ({ object }: Change<ObservedPod>) => {
      this.#term?.onChild(object.daemon);
      this.#term?.onRival(object.identity);
    };
    const onMountFailure = async ({ object }: Change<MountFailure>) => {
      const daemon = this.#view.pods.get(object.pod)?.daemon;
      if (daemon !== undefined) this.#term?.onChild(daemon);
    };
    const onLease = async ({ type, object }: Change<ObservedLease>) =>
      this.#elector?.observe(type === dotI.ResourceEventType.Deleted ? undefined : object);
    const everywhere = async <T extends Stored>(
      apiGroup: string,
      apiVersion_: string,
      resource: string,
      onChange: OnChange<T>,
    ) => {
      const scopes = namespaces.length > 0 ? namespaces : [undefined];
      await Promise.all(
        scopes.map((scope) => this.watchResource(apiGroup, apiVersion_, resource, onChange, scope)),
      );
    };

    const contents = restartOn.map((kind) => everywhere('', 'v1', pluralOf[kind], this.#onContent(kind)));
    const pods = everywhere('', 'v1', 'pods', onPod);
    const leases = leaderElection
      ? this.watchResource('coordination.k8s.io', 'v1', 'leases', onLease, leaderElection.namespace)
      : undefined;
    const [group = '', version = ''] = apiVersion.split('/');
    const dispatchers = everywhere(group, version, dispatcherPlural, onDispatcher);
    await Promise.all([dispatchers, everywhere(group, version, plural, onDaemon)]);
    await everywhere('apps', 'v1', 'deployments', onChild);
    await Promise.all([pods, leases, ...contents]);
    await everywhere('', 'v1', 'events', onMountFailure);
  }

  /** Whoever was started with the ConfigMap or Secret, or without it, is to look at it. */
  #onContent(kind: ReferenceKind): OnChange<ObservedContent> {
    return async ({ object }) => {
      const { namespace, name } = splitKey(object.key);
      const referent = referentOf(namespace, entryOf({ kind, name }));
      const started = [...this.#view.children.indexed(referent)];
      this.#term?.onContent(started.map((child) => child.key));
    };
  }

  /** Leads until the operator stops or the lease is lost. */
  async #lead(lost: AbortSignal): Promise<void> {
    const term = new Term({
      ...this.#options,
      transport: this.#transport,
      view: this.#view,
      renderings: this.#renderings,
      lost,
      leads: () => this.#elector?.leads ?? true,
      leadsForMs: () => this.#elector?.leadsForMs ?? Infinity,
    });
    this.#term = term;
    term.start();
    await aborted(AbortSignal.any([lost, this.#stopping.signal]));
    this.#term = undefined;
    await term.end();
  }

  /** Follows the resource until the operator stops; returns when everything that exists has been seen once. */
  protected override async watchResource<T extends Stored>(
    resourceGroup: string,
    resourceVersion: string,
    resourcePlural: string,
    onChange: OnChange<T>,
    namespace?: string,
  ): Promise<void> {
    const { clock, logger, metrics, random } = this.#options;
    this.#listeners.set(resourcePlural, onChange);
    const { promise: synced, resolve: onSynced } = Promise.withResolvers<void>();
    const watcher = this.#view.watcher(resourcePlural, {
      transport: this.#transport,
      path: collectionPath(resourceGroup, resourceVersion, resourcePlural, namespace),
      clock,
      random,
      ...(namespace && { namespace }),
      onSynced,
      onResumed: () => this.#term?.retryFailed(),
      onSilence: (err) => logger.debug({ err, resource: resourcePlural }, 'Watch opened anew'),
      onError: (err, retryInMs) => {
        if (retryInMs === 0) return logger.error({ err, resource: resourcePlural }, 'Object skipped');
        watch.failedAtMs = clock.monotonic();
        metrics.onWatchInterrupted(resourcePlural);
        logger.warn({ err, resource: resourcePlural, retryInMs }, watchMessage(err));
      },
    });
    const watch: Watch = { resource: resourcePlural, watcher, failedAtMs: -Infinity };
    this.#watches.push(watch);
    await Promise.race([synced, watcher.run(this.#stopping.signal)]);
  }

  /** Tells a change to whoever declared the watch. */
  #announce<T extends Stored>(resource: Resource, before: T | undefined, after: T | undefined): void {
    const item = after ?? before;
    const onChange = this.#listeners.get(resource.plural) as OnChange<T> | undefined;
    if (!item || !onChange) return;
    const { Added, Modified, Deleted } = dotI.ResourceEventType;
    const type = !after ? Deleted : before ? Modified : Added;
    const meta: ResourceMeta = {
      id: `${resource.plural}.${resource.apiVersion}`,
      apiVersion: resource.apiVersion,
      kind: resource.kind,
      ...splitKey(item.key),
      resourceVersion: item.resourceVersion,
    };
    void onChange({ type, meta, object: item, before });
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

/** Throws if the kubeconfig names no API server that can be used. */
function serverOf(kubeConfig: KubeConfig, context: string | undefined): string {
  const cluster = kubeConfig.getCurrentCluster();
  if (!cluster && context !== undefined)
    throw new Error(`it has no context "${context}": kubectl config get-contexts lists those that exist`);
  // The client's own, for want of a kubeconfig and of a service account.
  const isMadeUp = kubeConfig.getCurrentContext() === 'loaded-context' && cluster?.name === 'cluster';
  if (!cluster || isMadeUp) throw new Error('there is none, and this is no pod with a service account');
  if (cluster.server.startsWith('http:') && !cluster.skipTLSVerify)
    throw new Error(`"${cluster.server}" is reached without TLS: only with insecure-skip-tls-verify: true`);
  return cluster.server;
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

/** Whether more has changed than the status. The API server counts the beginning of a deletion, too. */
function isOtherSpec({ metadata: before }: ClariveDaemon, { metadata }: ClariveDaemon): boolean {
  return before.generation !== metadata.generation;
}

/** The dispatchers that a daemon, as it was and as it is, is attached to. */
function dispatchersOf(...states: (StoredDaemon | undefined)[]): Set<ObjectKey> {
  const keys = states.map((state) => state && dispatcherKeyOf(state.daemon));
  return new Set(keys.filter((key) => key !== undefined));
}
