/**
 * Lets the pods of exclusive daemons start one after the other. Such a pod is created behind a scheduling gate, which is lifted
 * when the API server itself shows that no other pod of its identity can still run: not the watches, because they may be late.
 */
import type { ClariveDaemon } from '../api/clarive-daemon.ts';
import { keyOf, splitKey, type ObjectKey } from '../api/object-key.ts';
import { identityOfDaemon, isExclusive } from '../presets/identity.ts';
import { canonicalService } from '../presets/presets.ts';
import { isGated, type ObservedPod } from '../status/observed.ts';
import { waitingForOldPod } from '../status/old-pod.ts';
import type { Cluster } from './cluster.ts';
import { UncertainError } from './errors.ts';

export type Start =
  /** No pod of the daemon waits behind the gate. */
  { is: 'nothing' } | { is: 'held'; by: ObservedPod } | { is: 'free'; pod: ObservedPod };

/**
 * What is to be done for one daemon, given all pods of its identity and all of its own. Whatever may have a node can run: a pod that
 * is being deleted, and one whose node no longer reports, too.
 */
export function decideStart(daemon: ObjectKey, pods: readonly ObservedPod[]): Start {
  const waiting = pods.filter(
    (pod) => pod.daemon === daemon && isGated(pod) && !pod.deleting && !pod.finished,
  );
  const pod = waiting.toSorted(youngestFirst)[0];
  if (!pod) return { is: 'nothing' };
  const holders = pods.filter((other) => !isGated(other) && !other.finished);
  const by = holders.find(({ nodeLost }) => nodeLost) ?? holders[0];
  return by ? { is: 'held', by } : { is: 'free', pod };
}

function youngestFirst(a: ObservedPod, b: ObservedPod): number {
  if (a.createdAt !== b.createdAt) return a.createdAt > b.createdAt ? -1 : 1;
  return a.name < b.name ? -1 : 1;
}

/** A pod that the watches don't show is not told of when it goes. */
const lookAgainMs = 10_000;

/** Why the daemon's pod may not start yet. */
export interface Hold {
  message: string;
  recheckAfterMs?: number;
}

export interface GatekeeperOptions {
  cluster: Cluster;
  /** Milliseconds that only grow. */
  monotonic: () => number;
}

/** A lift that nobody has seen succeed or fail. */
interface Attempt {
  pod: ObservedPod;
  untilMs: number;
}

export class Gatekeeper {
  readonly #options: GatekeeperOptions;
  /** By identity, the last of the lifts that are under way or wait for each other. */
  readonly #turns = new Map<string, Promise<unknown>>();
  readonly #uncertain = new Map<string, Attempt>();

  constructor(options: GatekeeperOptions) {
    this.#options = options;
  }

  /** Lets the daemon's pod start, or says why it may not. Throws `RefusedError` if the API server refuses. */
  async letStart(daemon: ClariveDaemon): Promise<Hold | undefined> {
    if (!isExclusive(daemon.spec.service)) return undefined;
    const { cluster } = this.#options;
    const key = keyOf(daemon);
    const identity = identityOfDaemon(daemon);
    const seen = decideStart(
      key,
      concerned(key, identity, [...cluster.podsOf(identity), ...cluster.pods(key)]),
    );
    if (seen.is === 'nothing') return undefined;
    if (seen.is === 'held') return { message: messageOf(seen.by, key) };
    return this.#inTurn(identity, () => this.#lift(daemon, identity));
  }

  async #lift(daemon: ClariveDaemon, identity: string): Promise<Hold | undefined> {
    const { cluster } = this.#options;
    const key = keyOf(daemon);
    const listed = await cluster.listPods(splitKey(key).namespace, canonicalService(daemon.spec.service));
    const start = decideStart(key, concerned(key, identity, listed));
    if (start.is === 'nothing') return undefined;
    if (start.is === 'held') return { message: messageOf(start.by, key), recheckAfterMs: lookAgainMs };

    const other = this.#otherAttempt(identity, start.pod);
    if (other) return { message: messageOf(other.pod, key), recheckAfterMs: lookAgainMs };
    await this.#try(identity, start.pod);
    return undefined;
  }

  async #try(identity: string, pod: ObservedPod): Promise<void> {
    try {
      await this.#options.cluster.liftGate(pod);
      this.#uncertain.delete(identity);
    } catch (error) {
      if (error instanceof UncertainError)
        this.#uncertain.set(identity, { pod, untilMs: this.#options.monotonic() + error.forMs });
      throw error;
    }
  }

  /** The attempt for another pod that may still succeed. */
  #otherAttempt(identity: string, pod: ObservedPod): Attempt | undefined {
    const attempt = this.#uncertain.get(identity);
    if (!attempt || attempt.pod.uid === pod.uid) return undefined;
    if (this.#options.monotonic() < attempt.untilMs) return attempt;
    this.#uncertain.delete(identity);
    return undefined;
  }

  /** One after the other: what one has listed holds until it has lifted. */
  async #inTurn<T>(identity: string, work: () => Promise<T>): Promise<T> {
    const before = this.#turns.get(identity) ?? Promise.resolve();
    const turn = before.then(work, work);
    this.#turns.set(identity, turn);
    try {
      return await turn;
    } finally {
      if (this.#turns.get(identity) === turn) this.#turns.delete(identity);
    }
  }
}

/** The daemon's own pods count too where they had another identity, as under another dispatcher. */
function concerned(daemon: ObjectKey, identity: string, pods: readonly ObservedPod[]): ObservedPod[] {
  return pods.filter((pod) => pod.identity === identity || pod.daemon === daemon);
}

function messageOf(holder: ObservedPod, daemon: ObjectKey): string {
  if (holder.daemon === daemon) return waitingForOldPod(holder);
  return waitingForOldPod(holder, `the ClariveDaemon "${splitKey(holder.daemon).name}"`);
}
