/**
 * What one onlooker sees: a watch of the daemons and one of the Deployments, in one process and by one clock. It measures how
 * long after a change of a daemon its child follows, and its status.
 */
import { clariveDaemons, deployments, type Resource } from '../test/support/resources.ts';
import type { KubeClient } from '../test/support/kube-client.ts';

/** One change of a daemon: it appeared, or its `replicas` changed. */
export interface Change {
  name: string;
  kind: 'create' | 'scale';
  seenAtMs: number;
  /** From the daemon's change to the child's, in milliseconds; undefined: not yet. */
  childMs?: number;
  /** From the daemon's change to a status about it. */
  statusMs?: number;
}

interface Seen {
  replicas: number;
  generation: number;
  observedGeneration: number;
}

interface Waiter {
  isMet: () => boolean;
  resolve: () => void;
}

/** The fields that are read here, of either kind. */
interface Observable {
  metadata?: { name?: string; generation?: number; resourceVersion?: string };
  spec?: { replicas?: number };
  status?: { observedGeneration?: number };
}

export class Observer {
  readonly #closing = new AbortController();
  readonly #daemons = new Map<string, Seen>();
  readonly #children = new Map<string, number>();
  readonly #pending = new Map<string, Change>();
  readonly #waiters = new Set<Waiter>();
  #changes: Change[] = [];
  #failure: Error | undefined;

  private constructor() {}

  /** Returns when all that exists has been seen; that counts as no change. */
  static async open(kube: KubeClient): Promise<Observer> {
    const observer = new Observer();
    const daemonList = await kube.listPage(clariveDaemons);
    const childList = await kube.listPage(deployments);
    for (const child of childList.items) observer.#onChild('ADDED', child);
    for (const daemon of daemonList.items) observer.#onDaemon('ADDED', daemon);
    observer.#changes = [];
    const onDaemon = observer.#onDaemon.bind(observer);
    const onChild = observer.#onChild.bind(observer);
    void observer.#follow(kube, clariveDaemons, daemonList.metadata.resourceVersion, onDaemon);
    void observer.#follow(kube, deployments, childList.metadata.resourceVersion, onChild);
    return observer;
  }

  close(): void {
    this.#closing.abort();
  }

  /** How many daemons there are. */
  get size(): number {
    return this.#daemons.size;
  }

  get isEmpty(): boolean {
    return this.#daemons.size === 0 && this.#children.size === 0;
  }

  daemonNames(): string[] {
    return [...this.#daemons.keys()];
  }

  childNames(): string[] {
    return [...this.#children.keys()];
  }

  /** How many changes wait for their child or their status. */
  get unsettled(): number {
    return this.#pending.size;
  }

  replicasOf(name: string): number | undefined {
    return this.#daemons.get(name)?.replicas;
  }

  /** Whether the daemon wants so many replicas, and its child has them. */
  isServed(name: string, replicas: number): boolean {
    return this.replicasOf(name) === replicas && this.#children.get(name) === replicas;
  }

  hasChild(name: string): boolean {
    return this.#children.has(name);
  }

  /** The changes since the last call, in the order in which they were seen. */
  takeChanges(): Change[] {
    return this.#changes.splice(0);
  }

  /** Waits until every daemon, of which there are `size`, has its child and its status as its spec asks. */
  async settled(size: number, timeoutMs: number): Promise<void> {
    const isMet = () => this.size === size && this.unsettled === 0;
    await this.until(`${size} daemons to have child and status`, isMet, timeoutMs);
  }

  /** Waits until something is so, and looks after each event. Throws after `timeoutMs`. */
  async until(what: string, isMet: () => boolean, timeoutMs: number): Promise<void> {
    this.#requireWatches();
    if (isMet()) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter = { isMet, resolve };
    this.#waiters.add(waiter);
    const timer = setTimeout(() => {
      const state = `${this.size} daemons, ${this.#children.size} children, ${this.unsettled} unsettled`;
      reject(new Error(`Waited ${timeoutMs / 1000} s in vain for ${what}; there are ${state}`));
    }, timeoutMs);
    try {
      await promise;
      this.#requireWatches();
    } finally {
      clearTimeout(timer);
      this.#waiters.delete(waiter);
    }
  }

  #requireWatches(): void {
    if (this.#failure) throw this.#failure;
  }

  /** The server ends a watch that does not keep up, on a machine that is too busy: it goes on where it was. */
  async #follow(
    kube: KubeClient,
    resource: Resource<Observable>,
    since: string,
    onEvent: (type: string, object: Observable) => void,
  ): Promise<void> {
    const { signal } = this.#closing;
    let resourceVersion = since;
    try {
      while (!signal.aborted) {
        for await (const { type, object } of kube.watch(resource, resourceVersion, signal)) {
          if (type === 'ERROR') throw new Error(`The watch ended: ${JSON.stringify(object)}`);
          resourceVersion = object.metadata?.resourceVersion ?? resourceVersion;
          onEvent(type, object);
          this.#wake();
        }
      }
    } catch (cause) {
      if (signal.aborted) return;
      this.#failure = new Error('The benchmark lost its own watch', { cause });
      this.#wake();
    }
  }

  #wake(): void {
    for (const { isMet, resolve } of this.#waiters) if (this.#failure || isMet()) resolve();
  }

  #onDaemon(type: string, { metadata, spec, status }: Observable): void {
    const name = metadata?.name ?? '';
    const before = this.#daemons.get(name);
    if (type === 'DELETED') {
      this.#daemons.delete(name);
      this.#pending.delete(name);
      return;
    }
    const replicas = spec?.replicas ?? 1;
    const observedGeneration = status?.observedGeneration ?? 0;
    this.#daemons.set(name, { replicas, generation: metadata?.generation ?? 0, observedGeneration });
    if (before?.replicas !== replicas && !this.#pending.has(name)) {
      const change: Change = { name, kind: before ? 'scale' : 'create', seenAtMs: performance.now() };
      this.#changes.push(change);
      this.#pending.set(name, change);
    }
    this.#settle(name);
  }

  #onChild(type: string, { metadata, spec }: Observable): void {
    const name = metadata?.name ?? '';
    if (type === 'DELETED') this.#children.delete(name);
    else this.#children.set(name, spec?.replicas ?? 1);
    this.#settle(name);
  }

  /** A change that came before the last was served counts on: its user waits since then. */
  #settle(name: string): void {
    const change = this.#pending.get(name);
    const daemon = this.#daemons.get(name);
    if (!change || !daemon) return;
    const sinceMs = performance.now() - change.seenAtMs;
    if (change.childMs === undefined && this.#children.get(name) === daemon.replicas)
      change.childMs = sinceMs;
    if (change.statusMs === undefined && daemon.observedGeneration === daemon.generation)
      change.statusMs = sinceMs;
    if (change.childMs !== undefined && change.statusMs !== undefined) this.#pending.delete(name);
  }
}
