import { isDeepStrictEqual } from 'node:util';
import { apiVersion, plural, type ClariveDaemon, type ClariveDaemonStatus } from '../api/clarive-daemon.ts';
import {
  plural as dispatcherPlural,
  type ClariveDispatcher,
  type ClariveDispatcherStatus,
} from '../api/clarive-dispatcher.ts';
import {
  entryOf,
  formatContents,
  referentOf,
  type Contents,
  type Reference,
  type ReferenceKind,
} from '../api/contents.ts';
import {
  contentsAnnotation,
  exclusiveGate,
  fieldManager,
  managedByLabel,
  restartedAtAnnotation,
  serviceLabel,
} from '../api/labels.ts';
import type { Deployment } from '../api/kubernetes.ts';
import { keyOf, splitKey, type ObjectKey } from '../api/object-key.ts';
import type { Rendered } from '../desired/deployment.ts';
import type { Cluster, DaemonEvent } from '../reconcile/cluster.ts';
import { RefusedError, UncertainError } from '../reconcile/errors.ts';
import type { MountFailure } from '../status/mounts.ts';
import type { ObservedDeployment, ObservedPod } from '../status/observed.ts';
import { ApiError, isNotFound } from './api-error.ts';
import type { ObservedContent } from './content.ts';
import type { EventRecorder } from './event-recorder.ts';
import { turnToApply, type ManagedFields } from './managed-fields.ts';
import { mergePatch } from './merge-patch.ts';
import type { RawObject } from './reflector.ts';
import type { Store, Stored } from './store.ts';
import type { ApiRequest, Transport } from './transport.ts';

export interface StoredDaemon extends Stored {
  daemon: ClariveDaemon;
}

export interface StoredDispatcher extends Stored {
  dispatcher: ClariveDispatcher;
}

/** What the watches have shown, and how answers to writes are taken in. */
export interface ClusterView {
  dispatchers: Store<StoredDispatcher>;
  /** Indexed by the key of their dispatcher, and by their identity. */
  daemons: Store<StoredDaemon>;
  /** Indexed by the ConfigMaps and Secrets that they were started with, or without: see `referentOf`. */
  children: Store<ObservedDeployment>;
  /** Of each kind that is followed. */
  contents: Readonly<Record<ReferenceKind, Store<ObservedContent>>>;
  /** Indexed by the key of their daemon, and by their identity. */
  pods: Store<ObservedPod>;
  /** Indexed by the uid of the pod. */
  mountFailures: Store<MountFailure>;
  observeDispatcher: (object: RawObject) => StoredDispatcher;
  observeDaemon: (object: RawObject) => StoredDaemon;
  observeChild: (object: RawObject) => ObservedDeployment;
  observePod: (object: RawObject) => ObservedPod;
}

export interface KubeClusterOptions {
  transport: Pick<Transport, 'request'>;
  view: ClusterView;
  /** Puts everything that is desired into a child as the server sends it. */
  overlayChild: (child: RawObject, desired: Deployment) => { spec: object };
  events: EventRecorder;
  /** Ends the writes under way and refuses new ones: from then on another operator may lead. */
  signal: AbortSignal;
  /** Asked before each write, because a process that was frozen wakes up before its timers do. */
  leads: () => boolean;
  /** For how long no other process can lead, whatever happens to this one. */
  leadsForMs: () => number;
  /** Told of each write that changed a child. */
  onChildWritten: (key: ObjectKey, what: string, details: Record<string, unknown>) => void;
}

const mergePatchType = 'application/merge-patch+json';
const jsonPatchType = 'application/json-patch+json';
const applyPatchType = 'application/apply-patch+yaml';

/** A write names its manager, and has the server refuse fields that it does not know rather than drop them. */
const strict = { fieldManager, fieldValidation: 'Strict' };

/** The story's cluster on a real API server: reads come from the watches' stores, writes go through the transport. */
export class KubeCluster implements Cluster {
  readonly #options: KubeClusterOptions;
  readonly #view: ClusterView;
  /** The daemons as they will be once the status writes under way are done. */
  readonly #awaited = new Map<ObjectKey, ClariveDaemon>();

  constructor(options: KubeClusterOptions) {
    this.#options = options;
    this.#view = options.view;
  }

  daemon(key: ObjectKey): ClariveDaemon | undefined {
    return this.#view.daemons.get(key)?.daemon;
  }

  dispatcher(key: ObjectKey): ClariveDispatcher | undefined {
    return this.#view.dispatchers.get(key)?.dispatcher;
  }

  attached(dispatcher: ObjectKey): ClariveDaemon[] {
    return this.#view.daemons.indexed(dispatcher).map(({ daemon }) => daemon);
  }

  daemonsOf(identity: string): ClariveDaemon[] {
    return this.#view.daemons.indexed(identity).map(({ daemon }) => daemon);
  }

  child(key: ObjectKey): ObservedDeployment | undefined {
    return this.#view.children.get(key);
  }

  startedWith(namespace: string, reference: Reference): ObservedDeployment[] {
    return this.#view.children.indexed(referentOf(namespace, entryOf(reference)));
  }

  digest(namespace: string, { kind, name }: Reference): string | undefined {
    return this.#view.contents[kind].get(`${namespace}/${name}`)?.digest;
  }

  pods(key: ObjectKey): ObservedPod[] {
    return this.#view.pods.indexed(key);
  }

  podsOf(identity: string): ObservedPod[] {
    return this.#view.pods.indexed(identity);
  }

  mountFailures(key: ObjectKey): MountFailure[] {
    const { mountFailures } = this.#view;
    return this.pods(key).flatMap(({ uid }) => mountFailures.indexed(uid));
  }

  /** A plain create: it costs the server a third less than an apply, and never touches a Deployment that exists. */
  async createChild({ deployment, digest, image }: Rendered): Promise<void> {
    const key = keyOf(deployment);
    const path = deploymentsPath(splitKey(key).namespace);
    const answer = await this.#writeChild({ method: 'POST', path, body: deployment, query: strict }).catch(
      (error: unknown) => this.#onNameTaken(deployment, error),
    );
    this.#learnChild(answer, digest);
    this.#options.onChildWritten(key, 'Deployment created', { replicas: deployment.spec.replicas, image });
  }

  /** Server-side apply: what others added to the child stays, what we no longer want goes. */
  async applyChild(child: ObservedDeployment, { deployment, digest, image }: Rendered): Promise<void> {
    const current = await this.#ownByApply(child);
    const answer = await this.#apply(child, deployment).catch(async (error: unknown) => {
      if (!(error instanceof RefusedError) || error.reason !== 'InvalidSpec') throw error;
      await this.#replaceUnions(child, current, deployment);
      return this.#apply(child, deployment);
    });
    this.#learnChild(answer, digest);
    this.#options.onChildWritten(child.key, 'Deployment applied', {
      replicas: deployment.spec.replicas,
      image,
    });
  }

  /** The cheapest write there is; the uid keeps it from a Deployment that was made anew under this name. */
  async scaleChild(child: ObservedDeployment, replicas: number): Promise<void> {
    const path = `${childPath(child)}/scale`;
    const body = { metadata: { uid: child.uid }, spec: { replicas } };
    await this.#writeChild({ method: 'PATCH', path, body, query: strict, contentType: mergePatchType });
    this.#view.children.amend(child.key, child.uid, { replicas, generation: child.generation + 1 });
    this.#options.onChildWritten(child.key, 'Deployment scaled', { replicas });
  }

  /** One patch for both, so that a change is never taken for rolled out, nor rolled out twice. What else is on the child stays. */
  async recordContents(child: ObservedDeployment, contents: Contents, restartedAt?: string): Promise<void> {
    const annotations = { [contentsAnnotation]: formatContents(contents) };
    const template = { metadata: { annotations: { [restartedAtAnnotation]: restartedAt } } };
    const body = {
      metadata: { uid: child.uid, annotations },
      ...(restartedAt !== undefined && { spec: { template } }),
    };
    const path = childPath(child);
    const request = { method: 'PATCH', path, body, query: strict, contentType: mergePatchType } as const;
    this.#learnChild(await this.#writeChild(request));
    const what = restartedAt === undefined ? 'References recorded' : 'Deployment restarted';
    this.#options.onChildWritten(child.key, what, { references: Object.keys(contents) });
  }

  /** Without a resource version, so that the server answers with what is true now, not with what its cache knows. */
  async listPods(namespace: string, service: string): Promise<ObservedPod[]> {
    const query = { labelSelector: `${serviceLabel}=${service}` };
    const list = await this.#request<PodList>({ method: 'GET', path: podsPath(namespace), query });
    return list.items.map((item) => this.#view.observePod(item));
  }

  /**
   * The uid and the version keep it from a pod that has changed since it was seen. It must have ended before anybody else can lead,
   * who might let another pod start: so it is not sent late, and the server gives it up in time.
   */
  async liftGate(pod: ObservedPod): Promise<void> {
    if (this.#options.leadsForMs() < liftTimeoutMs) throw new Error('The lease is about to end');
    const { key, uid, resourceVersion } = pod;
    const { namespace, name } = splitKey(key);
    const gates = pod.gates.filter((gate) => gate !== exclusiveGate).map((gate) => ({ name: gate }));
    const body = { metadata: { uid, resourceVersion }, spec: { schedulingGates: gates } };
    const query = { ...strict, timeout: `${liftTimeoutMs}ms` };
    try {
      const answer = await this.#writeChild({
        method: 'PATCH',
        path: `${podsPath(namespace)}/${name}`,
        body,
        query,
        contentType: mergePatchType,
        timeoutMs: liftTimeoutMs,
      });
      this.#view.pods.upsert(this.#view.observePod(answer));
    } catch (error) {
      throw isDecided(error) ? error : uncertain(error);
    }
    this.#options.onChildWritten(pod.daemon, 'Pod let start', { pod: name });
  }

  async writeStatus(daemon: ClariveDaemon, status: ClariveDaemonStatus): Promise<void> {
    const key = keyOf(daemon);
    this.#awaited.set(key, { ...daemon, status });
    try {
      const answer = await this.#patchStatus(plural, daemon, status);
      if (answer) this.#view.daemons.upsert(this.#view.observeDaemon(answer));
    } finally {
      this.#awaited.delete(key);
    }
  }

  async writeDispatcherStatus(dispatcher: ClariveDispatcher, status: ClariveDispatcherStatus): Promise<void> {
    const answer = await this.#patchStatus(dispatcherPlural, dispatcher, status);
    if (answer) this.#view.dispatchers.upsert(this.#view.observeDispatcher(answer));
  }

  /** Whether the daemon shows no more than the status write under way for it: nothing that a visit would have to look at. */
  isAwaited(daemon: ClariveDaemon): boolean {
    const awaited = this.#awaited.get(keyOf(daemon));
    if (!awaited) return false;
    const { generation, uid, deletionTimestamp } = awaited.metadata;
    const { metadata, status } = daemon;
    return (
      metadata.uid === uid &&
      metadata.generation === generation &&
      deletionTimestamp === undefined &&
      metadata.deletionTimestamp === undefined &&
      isDeepStrictEqual(status, awaited.status)
    );
  }

  recordEvent(object: ClariveDaemon | ClariveDispatcher, event: DaemonEvent): void {
    this.#options.events.record(object, event);
  }

  /** Undefined: the object was deleted meanwhile, and needs no status. */
  async #patchStatus(
    pluralName: string,
    { metadata, status: before = {} }: ClariveDaemon | ClariveDispatcher,
    status: object,
  ): Promise<RawObject | undefined> {
    const { namespace = '', name, uid } = metadata;
    const path = `/apis/${apiVersion}/namespaces/${namespace}/${pluralName}/${name}/status`;
    const body = { metadata: { uid }, status: mergePatch(before, status) };
    const query = { fieldManager };
    try {
      return await this.#request({ method: 'PATCH', path, body, query, contentType: mergePatchType });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  #apply(child: ObservedDeployment, deployment: Deployment): Promise<RawObject> {
    const body = { ...deployment, metadata: { ...deployment.metadata, uid: child.uid } };
    const query = { ...strict, force: true };
    return this.#writeChild({
      method: 'PATCH',
      path: childPath(child),
      body,
      query,
      contentType: applyPatchType,
    });
  }

  /**
   * Where somebody has chosen another member of a union, such as the source of a volume, an apply puts ours beside it, and the server
   * refuses the two. So first ours takes its place. The child does not count as applied yet, because this removes nothing else.
   */
  async #replaceUnions(child: ObservedDeployment, current: RawObject, desired: Deployment): Promise<void> {
    const { annotations: _, ...metadata } = desired.metadata;
    const { spec } = this.#options.overlayChild(current, { ...desired, metadata });
    const { uid, resourceVersion } = current.metadata;
    const body = { metadata: { uid, resourceVersion }, spec: mergePatch(current['spec'] as object, spec) };
    const path = childPath(child);
    await this.#writeChild({ method: 'PATCH', path, body, query: strict, contentType: mergePatchType });
    await this.#ownByApply(child);
  }

  /**
   * What a create or a replace has written belongs to its manager as "Update", and an apply removes only what belongs to it as "Apply". So
   * before an apply that entry is turned, as kubectl does (csaupgrade in client-go); not if it has changed meanwhile. Returns the
   * child as it is then.
   */
  async #ownByApply(child: ObservedDeployment): Promise<RawObject> {
    const { key, uid } = child;
    const path = childPath(child);
    const current = await this.#request({ method: 'GET', path });
    if (current.metadata.uid !== uid) {
      this.#learnChild(current);
      throw new Error(`The Deployment "${key}" was made anew meanwhile`);
    }
    const body = turnToApply((current.metadata['managedFields'] ?? []) as ManagedFields[]);
    if (body.length === 0) return current;
    try {
      return await this.#request({
        method: 'PATCH',
        path,
        body,
        contentType: jsonPatchType,
        query: { fieldManager },
      });
    } catch (error) {
      // So the server answers when a test of the patch fails.
      if (!(error instanceof ApiError) || error.code !== 422) throw error;
      throw new ApiError(409, `The Deployment "${key}" has changed meanwhile`);
    }
  }

  /**
   * The child of this very daemon may have lost the label by which it is watched, and one with the label may just not have been
   * shown yet: it is learned, and the next visit judges it.
   */
  async #onNameTaken({ metadata }: Rendered['deployment'], error: unknown): Promise<never> {
    if (!(error instanceof ApiError) || error.reason !== 'AlreadyExists') throw error;
    const path = `${deploymentsPath(metadata.namespace ?? '')}/${metadata.name}`;
    const existing = await this.#request({ method: 'GET', path });
    const child = this.#view.observeChild(existing);
    const labels = existing.metadata['labels'] as Record<string, string> | undefined;
    const isOwn = child.controller && child.controller.uid === metadata.ownerReferences?.[0]?.uid;
    if (!isOwn && labels?.[managedByLabel] !== fieldManager) throw nameTaken(error);
    this.#view.children.learn(child);
    throw error;
  }

  /** `written`: the digest of what was written whole. What admission has made of it is not written again and again. */
  #learnChild(answer: RawObject, written?: string): void {
    const child = this.#view.observeChild(answer);
    this.#view.children.settle(written === undefined ? child : { ...child, carries: written });
  }

  async #writeChild(request: ApiRequest): Promise<RawObject> {
    try {
      return await this.#request(request);
    } catch (error) {
      throw asRefusal(error);
    }
  }

  async #request<Body = RawObject>(request: ApiRequest): Promise<Body> {
    const { transport, signal, leads } = this.#options;
    if (!leads()) throw new Error('No longer leading, so nothing is written');
    return transport.request<Body>({ ...request, signal });
  }
}

/** How long a pod may take to be let start: for the request, and once more for the server. */
const liftTimeoutMs = 5000;

interface PodList {
  items: RawObject[];
}

/** Whether the server has said that it did nothing. A time-out and a failure of its own leave that open. */
function isDecided(error: unknown): boolean {
  return error instanceof RefusedError || (error instanceof ApiError && error.code < 500);
}

function uncertain(cause: unknown): UncertainError {
  const { message } = cause as Error;
  return new UncertainError(2 * liftTimeoutMs, message, { cause });
}

/**
 * Tells refusals that stay from failures that pass. 400, 413 and 422: the server does not take this pod template. 403: a quota, an
 * admission plugin or missing rights. 409: the object, or a quota, changed meanwhile.
 */
function asRefusal(error: unknown): unknown {
  if (!(error instanceof ApiError)) return error;
  const { code, message } = error;
  const options = { cause: error };
  if (code === 400 || code === 413 || code === 422) return new RefusedError('InvalidSpec', message, options);
  if (code === 403) return new RefusedError('AdmissionRejected', message, options);
  return error;
}

function nameTaken(cause: ApiError): RefusedError {
  const remedy =
    'it was not made for this daemon and is left alone: delete or rename it, or give this daemon another name';
  return new RefusedError('Conflict', `${cause.message}; ${remedy}`, { cause });
}

function podsPath(namespace: string): string {
  return `/api/v1/namespaces/${namespace}/pods`;
}

function deploymentsPath(namespace: string): string {
  return `/apis/apps/v1/namespaces/${namespace}/deployments`;
}

function childPath(child: ObservedDeployment): string {
  const { namespace, name } = splitKey(child.key);
  return `${deploymentsPath(namespace)}/${name}`;
}
