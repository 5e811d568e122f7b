/**
 * A cluster in memory: what the operator writes, users change and Kubernetes does is kept in Maps. Kubernetes acts only when a test lets it,
 * one step at a time.
 */
import { isDeepStrictEqual } from 'node:util';
import type { ClariveDaemon, ClariveDaemonSpec, ClariveDaemonStatus } from '../../src/api/clarive-daemon.ts';
import type {
  ClariveDispatcher,
  ClariveDispatcherSpec,
  ClariveDispatcherStatus,
} from '../../src/api/clarive-dispatcher.ts';
import type { Deployment } from '../../src/api/kubernetes.ts';
import {
  entryOf,
  formatContents,
  referentOf,
  type Contents,
  type Reference,
} from '../../src/api/contents.ts';
import { keyOf, splitKey, type ObjectKey } from '../../src/api/object-key.ts';
import {
  contentsAnnotation,
  dispatcherLabel,
  exclusiveGate,
  fieldManager,
  managedByLabel,
  restartedAtAnnotation,
  serviceLabel,
} from '../../src/api/labels.ts';
import { carries } from '../../src/desired/compare.ts';
import { desiredDeployment, type Rendered } from '../../src/desired/deployment.ts';
import { dispatcherKeyOf, dispatcherOf, type DaemonDefaults } from '../../src/desired/settings.ts';
import { idInArguments, identityOfDaemon } from '../../src/presets/identity.ts';
import type { Cluster, DaemonEvent } from '../../src/reconcile/cluster.ts';
import { RefusedError } from '../../src/reconcile/errors.ts';
import type { MountFailure } from '../../src/status/mounts.ts';
import { observeDeployment, type ObservedDeployment, type ObservedPod } from '../../src/status/observed.ts';
import { aDaemon, aDispatcher } from '../support/builders.ts';
import { aPod, at, exit, exited, running, type RawPodOptions } from '../status/observed-builders.ts';

export interface FakeChild extends Deployment {
  metadata: Deployment['metadata'] & { generation: number; uid: string };
  spec: Deployment['spec'] & { paused?: boolean };
  status: { observedGeneration?: number; replicas?: number; updatedReplicas?: number; conditions?: object[] };
}

export interface FakePod extends RawPodOptions {
  name: string;
  /** The template that it was made of, as text. */
  template: string;
  /** What ConfigMaps and Secrets held when it was started. */
  startedWith?: ReadonlyMap<string, string>;
}

export const defaults: DaemonDefaults = { image: 'clarive:7', images: {}, environment: 'clarive' };

export class FakeCluster implements Cluster {
  readonly dispatchers = new Map<ObjectKey, ClariveDispatcher>();
  readonly daemons = new Map<ObjectKey, ClariveDaemon>();
  readonly children = new Map<ObjectKey, FakeChild>();
  readonly allPods = new Map<ObjectKey, FakePod[]>();
  /** What ConfigMaps and Secrets hold, by names such as `clarive/Secret/smtp`. */
  readonly contents = new Map<string, string>();
  /** Every write of the operator since it was last emptied, such as `scale purge to 0`. */
  writes: string[] = [];
  events: string[] = [];
  /** What the Events say, in the same order. */
  readonly messages: string[] = [];
  /** Thrown at every write to a child, while it is set. */
  childWriteError: Error | undefined;
  /** Thrown whenever pods are listed or a gate is to be lifted, while it is set. */
  podError: Error | undefined;
  /** A foreign Deployment of this name exists without our label, so that the operator can't see it. */
  readonly hidden = new Set<ObjectKey>();
  /** Time, for pods that are created. */
  now: () => string = () => '2026-01-01T00:00:00Z';
  /** Which pods crash as soon as they run. */
  isBad: (template: string) => boolean = () => false;
  /** While it is set, the operator sees Kubernetes' objects as they were when they were last delivered. */
  lagging = false;
  readonly #shownChildren = new Map<ObjectKey, FakeChild | undefined>();
  readonly #shownPods = new Map<ObjectKey, FakePod[]>();
  #lastNumber = 0;

  // What users do

  putDaemon(daemon: ClariveDaemon = aDaemon()): ObjectKey {
    const key = keyOf(daemon);
    const uid = `uid-${this.#next()}`;
    this.daemons.set(key, { ...daemon, metadata: { ...daemon.metadata, uid, generation: 1 } });
    return key;
  }

  editDaemon(key: ObjectKey, change: Partial<ClariveDaemonSpec>): void {
    const { metadata, spec, ...daemon } = this.#daemon(key);
    const generation = (metadata.generation ?? 0) + 1;
    this.daemons.set(key, { ...daemon, metadata: { ...metadata, generation }, spec: { ...spec, ...change } });
  }

  putDispatcher(dispatcher: ClariveDispatcher = aDispatcher()): ObjectKey {
    const key = keyOf(dispatcher);
    const uid = `uid-${this.#next()}`;
    this.dispatchers.set(key, { ...dispatcher, metadata: { ...dispatcher.metadata, uid, generation: 1 } });
    return key;
  }

  editDispatcher(key: ObjectKey, change: Partial<ClariveDispatcherSpec>): void {
    const { metadata, spec, ...dispatcher } = this.#dispatcher(key);
    const generation = (metadata.generation ?? 0) + 1;
    const edited = { ...dispatcher, metadata: { ...metadata, generation }, spec: { ...spec, ...change } };
    this.dispatchers.set(key, edited);
  }

  /** Deletes in the foreground, or under somebody's finalizer: the daemon stays until `deleteDaemon`. */
  beginDeletion(key: ObjectKey, finalizers: string[]): void {
    const { metadata, ...daemon } = this.#daemon(key);
    const generation = (metadata.generation ?? 0) + 1;
    const deletion = { deletionTimestamp: this.now(), finalizers, generation };
    this.daemons.set(key, { ...daemon, metadata: { ...metadata, ...deletion } });
  }

  /** Leaves the child to the garbage collector: see `collectGarbage`. */
  deleteDaemon(key: ObjectKey): void {
    this.daemons.delete(key);
  }

  deleteChild(key: ObjectKey): void {
    this.children.delete(key);
    this.allPods.set(
      key,
      this.existingPods(key).map((pod) => ({ ...pod, deleting: true })),
    );
  }

  editChild(key: ObjectKey, change: (child: FakeChild) => void): void {
    const child = structuredClone(this.#child(key));
    change(child);
    this.#putChild(key, child);
  }

  // What the operator sees and writes

  daemon(key: ObjectKey): ClariveDaemon | undefined {
    return this.daemons.get(key);
  }

  dispatcher(key: ObjectKey): ClariveDispatcher | undefined {
    return this.dispatchers.get(key);
  }

  attached(dispatcher: ObjectKey): ClariveDaemon[] {
    return [...this.daemons.values()].filter((daemon) => dispatcherKeyOf(daemon) === dispatcher);
  }

  daemonsOf(identity: string): ClariveDaemon[] {
    return [...this.daemons.values()].filter((daemon) => identityOfDaemon(daemon) === identity);
  }

  child(key: ObjectKey): ObservedDeployment | undefined {
    if (!this.lagging) this.deliverChild(key);
    const child = this.#shownChildren.get(key);
    const daemon = this.daemons.get(key);
    if (!child) return undefined;
    const dispatcher = daemon && dispatcherOf(daemon, (name) => this.dispatchers.get(name));
    const desired = daemon && desiredDeployment(daemon, defaults, { dispatcher });
    const isCarried = desired && 'digest' in desired && carries(child, desired.deployment);
    return observeDeployment(child, isCarried ? desired.digest : undefined);
  }

  startedWith(namespace: string, reference: Reference): ObservedDeployment[] {
    return [...this.children.keys()]
      .filter((key) => splitKey(key).namespace === namespace)
      .flatMap((key) => this.child(key) ?? [])
      .filter(({ contents = {} }) => entryOf(reference) in contents);
  }

  digest(namespace: string, reference: Reference): string | undefined {
    return this.contents.get(referentOf(namespace, entryOf(reference)));
  }

  pods(key: ObjectKey): ObservedPod[] {
    if (!this.lagging) this.deliverPods(key);
    return (this.#shownPods.get(key) ?? []).map((pod) => aPod(pod));
  }

  podsOf(identity: string): ObservedPod[] {
    const all = [...this.allPods.keys()].flatMap((key) => this.pods(key));
    return all.filter((pod) => pod.identity === identity);
  }

  async listPods(namespace: string, service: string): Promise<ObservedPod[]> {
    if (this.podError) throw this.podError;
    const all = [...this.allPods.values()].flat().filter((pod) => pod.service === service);
    return all.map((pod) => aPod(pod)).filter(({ key }) => key.startsWith(`${namespace}/`));
  }

  async liftGate({ daemon, name, gates }: ObservedPod): Promise<void> {
    this.#write(`lift ${name}`);
    if (this.podError) throw this.podError;
    const isIt = (pod: FakePod) => pod.name === name && isDeepStrictEqual(pod.gates, gates);
    if (!this.existingPods(daemon).some(isIt)) throw new Error('The pod has changed meanwhile');
    const lifted = (pod: FakePod) =>
      isIt(pod) ? { ...pod, gates: gates.filter((gate) => gate !== exclusiveGate) } : pod;
    this.allPods.set(daemon, this.existingPods(daemon).map(lifted));
    this.deliverPods(daemon);
  }

  mountFailures(): MountFailure[] {
    return [];
  }

  /** The watch of Deployments shows what there is. To it, a child that loses the label is gone; an answer may bring it back. */
  deliverChild(key: ObjectKey): void {
    const child = this.children.get(key);
    const learned = this.#shownChildren.get(key);
    const isKnown =
      isWatched(child) || (!isWatched(learned) && learned?.metadata.uid === child?.metadata.uid);
    this.#shownChildren.set(key, isKnown ? structuredClone(child) : undefined);
  }

  /** The watch of pods shows what there is. */
  deliverPods(key: ObjectKey): void {
    this.#shownPods.set(key, structuredClone(this.existingPods(key)));
  }

  async createChild({ deployment }: Rendered): Promise<void> {
    const key = keyOf(deployment);
    this.#write(`create ${deployment.metadata.name} at ${deployment.spec.replicas}`);
    this.#mayFail();
    if (this.hidden.has(key)) throw new RefusedError('Conflict', 'It exists already');
    this.#mayBeTaken(key, deployment);
    const metadata = { ...deployment.metadata, uid: `uid-${this.#next()}`, generation: 1 };
    this.children.set(key, { ...structuredClone(deployment), metadata, status: {} });
    this.deliverChild(key);
  }

  async applyChild({ key, uid }: ObservedDeployment, { deployment }: Rendered): Promise<void> {
    this.#write(`apply ${deployment.metadata.name} at ${deployment.spec.replicas}`);
    this.#mayFail();
    const child = this.#sameChild(key, uid);
    const annotations = { ...child.metadata.annotations, ...deployment.metadata.annotations };
    const metadata = { ...child.metadata, ...deployment.metadata, annotations, uid };
    const paused = child.spec.paused !== undefined && { paused: child.spec.paused };
    const spec = { ...structuredClone(deployment.spec), ...paused };
    this.#putChild(key, { ...child, metadata: { ...metadata, generation: child.metadata.generation }, spec });
    this.deliverChild(key);
  }

  async scaleChild({ key, uid }: ObservedDeployment, replicas: number): Promise<void> {
    this.#write(`scale ${this.#child(key).metadata.name} to ${replicas}`);
    this.#mayFail();
    const child = this.#sameChild(key, uid);
    this.#putChild(key, { ...child, spec: { ...child.spec, replicas } });
    const shown = this.#shownChildren.get(key);
    if (shown) this.#shownChildren.set(key, { ...shown, spec: { ...shown.spec, replicas } }); // all that the answer tells
  }

  async recordContents({ key, uid }: ObservedDeployment, contents: Contents, restartedAt?: string) {
    const { name } = splitKey(key);
    this.#write(restartedAt === undefined ? `record ${name}` : `restart ${name} at ${restartedAt}`);
    this.#mayFail();
    this.#sameChild(key, uid);
    this.editChild(key, ({ metadata, spec: { template } }) => {
      metadata.annotations = { ...metadata.annotations, [contentsAnnotation]: formatContents(contents) };
      if (restartedAt === undefined) return;
      const annotations = { ...template.metadata.annotations, [restartedAtAnnotation]: restartedAt };
      template.metadata = { ...template.metadata, annotations };
    });
    this.deliverChild(key);
  }

  async writeStatus(daemon: ClariveDaemon, status: ClariveDaemonStatus): Promise<void> {
    const ready = status.conditions?.find(({ type }) => type === 'Ready');
    this.#write(`status ${daemon.metadata.name} ${ready?.reason}`);
    const key = keyOf(daemon);
    const stored = this.#daemon(key);
    if (stored.metadata.uid !== daemon.metadata.uid) throw new Error('Another daemon has this name now');
    this.daemons.set(key, { ...stored, status: JSON.parse(JSON.stringify(status)) as ClariveDaemonStatus });
  }

  async writeDispatcherStatus(dispatcher: ClariveDispatcher, status: ClariveDispatcherStatus): Promise<void> {
    const ready = status.conditions?.find(({ type }) => type === 'Ready');
    this.#write(`status ${dispatcher.metadata.name} ${ready?.reason} ${status.active}`);
    const key = keyOf(dispatcher);
    const stored = this.#dispatcher(key);
    const copy = JSON.parse(JSON.stringify(status)) as ClariveDispatcherStatus;
    this.dispatchers.set(key, { ...stored, status: copy });
  }

  recordEvent(_: ClariveDaemon | ClariveDispatcher, { type, reason, message }: DaemonEvent): void {
    this.events.push(`${type} ${reason}`);
    this.messages.push(message);
  }

  // What Kubernetes does. Each of the following returns whether there was something to do.

  /** The Deployment and ReplicaSet controllers, with the strategy Recreate. */
  runControllers(key: ObjectKey): boolean {
    const child = this.children.get(key);
    if (!child) return false;
    const before = JSON.stringify([child.status, this.existingPods(key)]);
    const template = JSON.stringify(child.spec.template);
    const wanted = (pod: FakePod) =>
      child.spec.replicas > 0 && (pod.template === template || child.spec.paused);
    const pods = this.existingPods(key).map((pod) => (wanted(pod) ? pod : { ...pod, deleting: true }));
    const hasOld = pods.some((pod) => pod.template !== template);
    const hasActive = pods.some(({ deleting }) => !deleting);
    if (child.spec.replicas > 0 && !hasActive && (!hasOld || child.spec.paused))
      pods.push(this.#newPod(key, template));
    this.allPods.set(key, pods);
    const active = pods.filter(({ deleting }) => !deleting);
    child.status = {
      observedGeneration: child.metadata.generation,
      replicas: active.length,
      updatedReplicas: active.filter((pod) => pod.template === template).length,
    };
    return JSON.stringify([child.status, pods]) !== before;
  }

  /** Pods that are deleted go, the others run, unless they are gated, or their template has what `isBad`: then they crash. */
  runKubelet(key: ObjectKey): boolean {
    const before = this.existingPods(key);
    const started = { startedWith: new Map(this.contents) };
    const pods = before
      .filter(({ deleting }) => !deleting)
      .map((pod) => {
        if (pod.gates?.length) return pod;
        return { ...started, ...(this.isBad(pod.template) ? crashed(pod) : withoutTrouble(pod)) };
      });
    this.allPods.set(key, pods);
    return JSON.stringify(before) !== JSON.stringify(pods);
  }

  /** Removes children whose daemon is gone, and the pods of children that are gone. */
  collectGarbage(key: ObjectKey): boolean {
    const child = this.children.get(key);
    const owner = child?.metadata.ownerReferences?.find(({ controller }) => controller);
    if (!child || !owner || owner.uid === this.daemons.get(key)?.metadata.uid) return false;
    if (!owner.uid.startsWith('uid-')) return false;
    this.deleteChild(key);
    return true;
  }

  /** Makes every pod of the daemon show this. */
  editPod(key: ObjectKey, change: RawPodOptions): void {
    this.allPods.set(
      key,
      this.existingPods(key).map((pod) => ({ ...pod, ...change })),
    );
  }

  /** Makes every pod that has a node show this: what waits at a gate has none. */
  editPodOnNode(key: ObjectKey, change: RawPodOptions): void {
    this.allPods.set(
      key,
      this.existingPods(key).map((pod) => (pod.gates?.length ? pod : { ...pod, ...change })),
    );
  }

  existingPods(key: ObjectKey): FakePod[] {
    return this.allPods.get(key) ?? [];
  }

  #newPod(key: ObjectKey, template: string): FakePod {
    const daemon = key.slice(key.indexOf('/') + 1);
    const name = `${daemon}-${this.#next()}`;
    const { metadata, spec } = JSON.parse(template) as Deployment['spec']['template'];
    return {
      name,
      daemon,
      template,
      service: metadata.labels[serviceLabel] ?? '',
      dispatcher: metadata.labels[dispatcherLabel],
      id: idInArguments(spec.containers.find((each) => each.name === 'daemon')?.args ?? []) ?? '',
      gates: spec.schedulingGates?.map((gate) => gate.name) ?? [],
      createdAt: this.now(),
      phase: 'Pending',
      container: null,
    };
  }

  #putChild(key: ObjectKey, child: FakeChild): void {
    const before = this.#child(key);
    const changed = JSON.stringify(before.spec) !== JSON.stringify(child.spec) ? 1 : 0;
    const generation = before.metadata.generation + changed;
    this.children.set(key, { ...child, metadata: { ...child.metadata, generation } });
  }

  #write(what: string): void {
    this.writes.push(what);
  }

  /** The name is taken: a child of our own, or with our label, is learned for the next visit. */
  #mayBeTaken(key: ObjectKey, { metadata }: Deployment): void {
    const existing = this.children.get(key);
    if (!existing) return;
    const owner = existing.metadata.ownerReferences?.find(({ controller }) => controller);
    if (owner?.uid !== metadata.ownerReferences?.[0]?.uid && !isWatched(existing))
      throw new RefusedError('Conflict', 'It exists already');
    this.#shownChildren.set(key, structuredClone(existing));
    throw new Error('It exists already');
  }

  #mayFail(): void {
    if (this.childWriteError) throw this.childWriteError;
  }

  #daemon(key: ObjectKey): ClariveDaemon {
    const daemon = this.daemons.get(key);
    if (!daemon) throw new Error(`There is no daemon "${key}"`);
    return daemon;
  }

  #dispatcher(key: ObjectKey): ClariveDispatcher {
    const dispatcher = this.dispatchers.get(key);
    if (!dispatcher) throw new Error(`There is no dispatcher "${key}"`);
    return dispatcher;
  }

  #child(key: ObjectKey): FakeChild {
    const child = this.children.get(key);
    if (!child) throw new Error(`There is no Deployment "${key}"`);
    return child;
  }

  #sameChild(key: ObjectKey, uid: string): FakeChild {
    const child = this.#child(key);
    if (child.metadata.uid !== uid) throw new Error('The Deployment was made anew');
    return child;
  }

  #next(): number {
    return ++this.#lastNumber;
  }
}

function isWatched(child: FakeChild | undefined): boolean {
  return child?.metadata.labels?.[managedByLabel] === fieldManager;
}

/** A pod that runs well, by the builder's defaults, since it was created. */
function withoutTrouble({ createdAt = at(0), ...pod }: FakePod): FakePod {
  return { ...identifying(pod), createdAt, container: running(createdAt) };
}

function crashed({ createdAt = at(0), ...pod }: FakePod): FakePod {
  const container = exited(exit(1, createdAt, createdAt));
  return { ...identifying(pod), createdAt, container };
}

function identifying(pod: FakePod): FakePod {
  const { name, daemon, template, service, dispatcher, id, startedWith } = pod;
  return {
    name,
    template,
    dispatcher,
    ...(startedWith && { startedWith }),
    ...(daemon && { daemon }),
    ...(service && { service }),
    ...(id && { id }),
  };
}
