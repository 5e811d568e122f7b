/** One observer of what the API server tells, with one clock for all kinds of objects: so one can say how long after a change another came. */
import type { CoreV1Event, V1Deployment, V1Pod } from '@kubernetes/client-node';
import type { ClariveDaemon } from '../../src/api/clarive-daemon.ts';
import { fieldManager, instanceLabel, managedByLabel } from '../../src/api/labels.ts';
import type { KubeClient, Query } from '../../test/support/kube-client.ts';
import {
  clariveDaemons,
  deployments,
  events,
  pods,
  type Json,
  type Resource,
} from '../../test/support/resources.ts';

/** One line of a watch, and when it came. */
export type Seen = { atMs: number; isGone: boolean } & (
  | { kind: 'ClariveDaemon'; object: ClariveDaemon }
  | { kind: 'Deployment'; object: Json<V1Deployment> }
  | { kind: 'Pod'; object: Json<V1Pod> }
  | { kind: 'Event'; object: Json<CoreV1Event> }
);

export type Matches = (seen: Seen) => boolean;

interface Waiting {
  matches: Matches;
  resolve: (seen: Seen) => void;
}

/** Of pods and Deployments only the daemons' own, so that other tests cost nothing. */
const ourOwn = { labelSelector: `${managedByLabel}=${fieldManager}` };
const failedMounts = { fieldSelector: 'involvedObject.kind=Pod,reason=FailedMount' };
const watched: [Resource<unknown>, Query][] = [
  [clariveDaemons, {}],
  [deployments, ourOwn],
  [pods, ourOwn],
  [events, failedMounts],
];

export class Witness {
  readonly #log: Seen[] = [];
  readonly #waiting = new Set<Waiting>();
  readonly #ending = new AbortController();

  /** Watches from now on, in all namespaces; `stop` ends it. */
  static async start(kube: KubeClient): Promise<Witness> {
    const witness = new Witness();
    for (const [resource, query] of watched) {
      const everywhere = { ...resource, namespaced: false };
      const { metadata } = await kube.listPage(everywhere, query);
      void witness.#follow(kube, everywhere, metadata.resourceVersion, query);
    }
    return witness;
  }

  stop(): void {
    this.#ending.abort();
  }

  /** The present, as a place to look from. */
  mark(): number {
    return this.#log.length;
  }

  /** The first that matches since the mark, if it came already. */
  find(since: number, matches: Matches): Seen | undefined {
    return this.#log.slice(since).find(matches);
  }

  /** The first that matches since the mark. */
  async first(since: number, matches: Matches, describe: string, timeoutMs: number): Promise<Seen> {
    const known = this.find(since, matches);
    if (known) return known;
    const { promise, resolve, reject } = Promise.withResolvers<Seen>();
    const waiting = { matches, resolve };
    this.#waiting.add(waiting);
    const giveUp = () => reject(new Error(`Waited ${timeoutMs} ms in vain for ${describe}`));
    const timer = setTimeout(giveUp, timeoutMs);
    return promise.finally(() => {
      clearTimeout(timer);
      this.#waiting.delete(waiting);
    });
  }

  async #follow(kube: KubeClient, resource: Resource<unknown>, since: string, query: Query): Promise<void> {
    const { signal } = this.#ending;
    try {
      for await (const { type, object } of kube.watch(resource, since, signal, query)) {
        if (type === 'ERROR')
          throw new Error(`The watch of ${resource.plural} broke: ${JSON.stringify(object)}`);
        const seen = { atMs: performance.now(), isGone: type === 'DELETED', kind: resource.kind, object };
        this.#take(seen as Seen);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  #take(seen: Seen): void {
    this.#log.push(seen);
    for (const { matches, resolve } of this.#waiting) if (matches(seen)) resolve(seen);
  }
}

/** Whether what was seen is about this daemon: it itself, its Deployment, a pod of it, or an Event of such a pod. */
export function isAbout({ kind, object }: Seen, namespace: string, daemon: string): boolean {
  const { metadata } = object;
  if (metadata?.namespace !== namespace) return false;
  if (kind === 'Pod') return metadata.labels?.[instanceLabel] === daemon;
  if (kind === 'Event') return object.involvedObject.name?.startsWith(`${daemon}-`) ?? false;
  return metadata.name === daemon;
}
