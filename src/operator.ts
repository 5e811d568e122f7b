/**
 * Wires the parts together: watches fill the stores and enqueue keys, the controller's workers visit each key with the
 * story of `reconcile/`.
 */
import dotI, { type ResourceEvent, type ResourceMeta } from '@dot-i/k8s-operator';
import type { KubernetesObject } from '@kubernetes/client-node';
import type { Logger } from 'pino';
import { apiVersion, group, kind, plural, version, type ClariveDaemon } from './api/clarive-daemon.ts';
import { fieldManager, managedByLabel } from './api/labels.ts';
import { keyOf, splitKey, type ObjectKey } from './api/object-key.ts';
import type { Config } from './config.ts';
import type { Clock } from './controller/clock.ts';
import { Controller } from './controller/controller.ts';
import { backlogPriority } from './controller/work-queue.ts';
import { carries } from './desired/compare.ts';
import { desiredDeployment } from './desired/deployment.ts';
import { Credentials } from './kube/credentials.ts';
import { KubeCluster, type StoredDaemon } from './kube/kube-cluster.ts';
import { Reflector, type RawObject, type ReflectorOptions } from './kube/reflector.ts';
import { Store, type ChangeListener, type Stored } from './kube/store.ts';
import { Transport } from './kube/transport.ts';
import { reconcile } from './reconcile/reconcile.ts';
import { observeDeployment, observePod, type ObservedDeployment, type ObservedPod } from './status/observed.ts';

export interface OperatorOptions {
  config: Config;
  logger: Logger;
  clock: Clock;
  /** From 0 up to, but not including, 1. */
  random: () => number;
  /** Name and version, as the API server's audit log shows them. */
  userAgent: string;
}

/** What the reflectors of all kinds have in common. */
type WatchOptions = Pick<
  ReflectorOptions<Stored>,
  'transport' | 'path' | 'clock' | 'random' | 'onSynced' | 'onError'
>;

type OnEvent = (event: ResourceEvent) => Promise<void>;

const ourOwn = `${managedByLabel}=${fieldManager}`;

/** How long a stop waits for the visits under way. */
const drainDeadlineMs = 8000;

/**
 * The operator for ClariveDaemons. `start` returns once the watches have shown all that exists and the workers run, `stop` once
 * the workers have drained.
 *
 * The base class brings the life cycle and the way in which watches are declared. Each of its members that does input or
 * output is overridden, because its own watch ends the process on every error.
 */
export class ClariveOperator extends dotI.default {
  readonly #options: OperatorOptions;
  readonly #transport: Transport;
  readonly #controller: Controller<ObjectKey>;
  readonly #daemons = new Store<StoredDaemon>(this.#announce(plural, apiVersion, kind));
  readonly #children = new Store<ObservedDeployment>(this.#announce('deployments', 'apps/v1', 'Deployment'));
  readonly #pods = new Store<ObservedPod>(this.#announce('pods', 'v1', 'Pod'), ({ daemon }) => daemon);
  readonly #listeners = new Map<string, OnEvent>();
  readonly #reflectors: { synced: boolean }[] = [];
  readonly #stopping = new AbortController();
  #started = false;

  constructor(options: OperatorOptions) {
    super(options.logger);
    const { clock, config, logger, random, userAgent } = options;
    this.#options = options;
    const credentials = new Credentials(this.kubeConfig, () => clock.now());
    this.#transport = new Transport({ credentials, userAgent });
    const cluster = new KubeCluster({
      transport: this.#transport,
      daemons: this.#daemons,
      children: this.#children,
      pods: this.#pods,
      observeDaemon,
      observeChild: (object) => this.#observeChild(object),
    });
    this.#controller = new Controller<ObjectKey>({
      reconcile: (key) => reconcile(key, { cluster, defaults: config.defaults, now: () => clock.now() }),
      isTerminal: () => false,
      logger,
      clock,
      random,
      workers: config.workers,
    });
  }

  /** True once every watch has shown all that exists. */
  get ready(): boolean {
    return this.#started && this.#reflectors.every(({ synced }) => synced);
  }

  override async start(): Promise<void> {
    await this.init();
    this.#started = true;
    if (!this.#stopping.signal.aborted) this.#controller.start();
  }

  override async stop(): Promise<void> {
    this.#stopping.abort(new Error('The operator is stopping'));
    const drained = await this.#controller.stop(drainDeadlineMs);
    if (!drained) this.#options.logger.warn({ drainDeadlineMs }, 'Stopped before every visit had ended');
    this.#transport.close();
  }

  /** Daemons come before their children, because a child is compared with its daemon when it is seen. */
  protected override async init(): Promise<void> {
    const { namespace } = this.#options.config;
    const enqueue = async ({ meta }: ResourceEvent) => this.#enqueue(`${meta.namespace ?? ''}/${meta.name}`);
    const enqueueDaemon = async ({ object }: ResourceEvent) => this.#enqueue((object as ObservedPod).daemon);
    const pods = this.watchResource('', 'v1', 'pods', enqueueDaemon, namespace);
    await this.watchResource(group, version, plural, enqueue, namespace);
    await this.watchResource('apps', 'v1', 'deployments', enqueue, namespace);
    await pods;
  }

  /** Follows the resource until the operator stops; returns when everything that exists has been seen once. */
  protected override async watchResource(
    resourceGroup: string,
    resourceVersion: string,
    resourcePlural: string,
    onEvent: OnEvent,
    namespace?: string,
  ): Promise<void> {
    const { clock, logger, random } = this.#options;
    this.#listeners.set(resourcePlural, onEvent);
    const { promise: synced, resolve: onSynced } = Promise.withResolvers<void>();
    const reflector = this.#reflector(resourcePlural, {
      transport: this.#transport,
      path: collectionPath(resourceGroup, resourceVersion, resourcePlural, namespace),
      clock,
      random,
      onSynced,
      onError: (err, retryInMs) =>
        logger.warn({ err, resource: resourcePlural, retryInMs }, 'Watch interrupted, resuming'),
    });
    this.#reflectors.push(reflector);
    await Promise.race([synced, reflector.run(this.#stopping.signal)]);
  }

  #reflector(resourcePlural: string, watch: WatchOptions): { synced: boolean; run(signal: AbortSignal): Promise<void> } {
    switch (resourcePlural) {
      case plural:
        return new Reflector({ ...watch, store: this.#daemons, project: observeDaemon });
      case 'deployments':
        return new Reflector({
          ...watch,
          labelSelector: ourOwn,
          store: this.#children,
          project: (object) => this.#observeChild(object),
        });
      case 'pods':
        return new Reflector({ ...watch, labelSelector: ourOwn, store: this.#pods, project: observePod });
      default:
        throw new Error(`Cannot watch "${resourcePlural}": nothing says what to keep of it`);
    }
  }

  /** Tells a store's changes to whoever declared the watch, as the events of the base class. */
  #announce<T extends Stored>(resourcePlural: string, objectApiVersion: string, objectKind: string): ChangeListener<T> {
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
      void this.#listeners.get(resourcePlural)?.({ type, meta, object: item as KubernetesObject });
    };
  }

  #enqueue(key: ObjectKey): void {
    this.#controller.enqueue(key, this.#started ? {} : { priority: backlogPriority });
  }

  #observeChild(object: RawObject): ObservedDeployment {
    const daemon = this.#daemons.get(keyOf(object))?.daemon;
    const desired = daemon && desiredDeployment(daemon, this.#options.config.defaults);
    const carried = desired && 'digest' in desired && carries(object, desired.deployment);
    return observeDeployment(object, carried ? desired.digest : undefined);
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

function notOffered(member: string): never {
  throw new Error(`ClariveOperator does not offer "${member}": it writes through KubeCluster alone`);
}

function collectionPath(group_: string, version_: string, plural_: string, namespace: string | undefined): string {
  const root = group_ === '' ? `/api/${version_}` : `/apis/${group_}/${version_}`;
  return namespace ? `${root}/namespaces/${namespace}/${plural_}` : `${root}/${plural_}`;
}

/** The daemon as its user wrote it, and its status; without what only the API server's bookkeeping needs. */
function observeDaemon(object: RawObject): StoredDaemon {
  const { managedFields: _, ...metadata } = object.metadata;
  const daemon = { ...object, metadata } as unknown as ClariveDaemon;
  return { key: keyOf(object), uid: metadata.uid, resourceVersion: metadata.resourceVersion, daemon };
}
