/**
 * Leader election by a Lease, with the rules and figures of client-go's leaderelection: 15 s lease, 10 s to renew it, a try each 2 s.
 * How long another holder's lease still lasts is judged by when its last change was seen here, never by the times written in it.
 */
import type { ObjectKey } from '../api/object-key.ts';
import { isConflict, isNotFound, tooManyMs } from './api-error.ts';
import type { RawObject, ReflectorClock } from './reflector.ts';
import { isNewer, type Stored } from './store.ts';
import type { Transport } from './transport.ts';

const leaseDurationSeconds = 15;
const renewDeadlineMs = 10_000;
const retryMs = 2000;
const requestTimeoutMs = 5000;
/** A shutdown does not wait long for a server that is gone; then the lease just expires. */
const releaseTimeoutMs = 2000;

interface LeaseSpec {
  holderIdentity?: string;
  leaseDurationSeconds?: number;
  acquireTime?: string;
  renewTime?: string;
  leaseTransitions?: number;
}

/** A Lease as the watch shows it. */
export interface ObservedLease extends Stored {
  spec: LeaseSpec;
}

export interface ElectorClock extends ReflectorClock {
  /** Wall clock, for the times written in the Lease. */
  now(): number;
}

export interface ElectorOptions {
  transport: Pick<Transport, 'request'>;
  clock: ElectorClock;
  random: () => number;
  namespace: string;
  name: string;
  /** Unique for each process: a restarted pod must not take its predecessor's lease for its own. */
  identity: string;
  onError: (error: unknown, retryInMs: number) => void;
}

/** The time from winning the lease until it is lost or given up. */
interface Term {
  /** Fires when the lease can't be relied on any more. */
  lost: AbortController;
  /** Until when the lease is safe, counted from the start of the last renewal that succeeded. */
  untilMs: number;
  cancelTimer: () => void;
  /** Whoever led has ended by himself. */
  ended: boolean;
}

export class LeaseElector {
  readonly #options: ElectorOptions;
  #lease: ObservedLease | undefined;
  /** Until when another process may believe that it leads. */
  #othersUntilMs = 0;
  #term: Term | undefined;
  #wake: () => void = () => undefined;

  constructor(options: ElectorOptions) {
    this.#options = options;
  }

  /** Whether this process leads now; also right when the process was stopped for a while and its timers are late. */
  get leads(): boolean {
    return this.leadsForMs > 0;
  }

  /** For how many milliseconds this process leads even if it can't renew the lease any more; 0 if it doesn't lead. */
  get leadsForMs(): number {
    if (!this.#term || this.#term.lost.signal.aborted) return 0;
    return Math.max(0, this.#term.untilMs - this.#options.clock.monotonic());
  }

  /** Takes in what the watch shows of the Lease. Its news may be older than the answers to our own writes. */
  observe(lease: ObservedLease | undefined): void {
    if (lease && this.#lease && !isNewer(lease.resourceVersion, this.#lease.resourceVersion)) return;
    this.#adopt(lease);
  }

  /**
   * Waits for the lease and calls `lead`, again and again until `signal` aborts. The signal given to `lead` fires when the lease can't be
   * renewed or was taken: from then on nothing may be written. When `lead` returns the lease is given up, so that a standby
   * goes on at once. What `lead` throws is thrown on.
   */
  async run(signal: AbortSignal, lead: (lost: AbortSignal) => Promise<void>): Promise<void> {
    const onAbort = () => {
      if (!this.#term) this.#wake();
    };
    signal.addEventListener('abort', onAbort);
    try {
      while (!signal.aborted) {
        const term = await this.#acquire(signal);
        if (term) await this.#serve(term, signal, lead);
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  async #acquire(signal: AbortSignal): Promise<Term | undefined> {
    while (!signal.aborted) {
      const waitMs = this.#othersUntilMs - this.#options.clock.monotonic();
      if (waitMs > 0) await this.#sleep(waitMs);
      else {
        const term = await this.#take(signal);
        if (term) return term;
      }
    }
    return undefined;
  }

  async #serve(term: Term, signal: AbortSignal, lead: (lost: AbortSignal) => Promise<void>): Promise<void> {
    const renewing = this.#keep(term);
    try {
      if (!signal.aborted) await lead(term.lost.signal);
    } finally {
      term.ended = true;
      this.#wake();
      await renewing;
      term.cancelTimer();
      this.#term = undefined;
      if (!term.lost.signal.aborted) await this.#release();
    }
  }

  /** One try. A lost race is not told; after any failure it pauses, or waits for news of the Lease. */
  async #take(signal: AbortSignal): Promise<Term | undefined> {
    const startedMs = this.#options.clock.monotonic();
    const last = this.#lease?.spec;
    const isOurs = last?.holderIdentity === this.#options.identity;
    const leaseTransitions = (last?.leaseTransitions ?? (isOurs ? 0 : -1)) + (isOurs ? 0 : 1);
    const acquireTime = (isOurs && last.acquireTime) || this.#microTime();
    try {
      await this.#write({ ...this.#renewal(), acquireTime, leaseTransitions });
      return this.#begin(startedMs);
    } catch (error) {
      const waitMs = Math.max(retryMs * (0.2 + this.#options.random()), tooManyMs(error));
      const reason = isConflict(error) ? await failureOf(this.#refresh()) : error;
      if (reason !== undefined) this.#options.onError(reason, waitMs);
      if (!signal.aborted) await this.#sleep(waitMs);
      return undefined;
    }
  }

  #begin(startedMs: number): Term {
    const term = { lost: new AbortController(), untilMs: 0, cancelTimer: () => undefined, ended: false };
    this.#term = term;
    this.#extend(term, startedMs);
    return term;
  }

  #extend(term: Term, startedMs: number): void {
    const { clock } = this.#options;
    term.cancelTimer();
    term.untilMs = startedMs + renewDeadlineMs;
    const onTimeout = () => this.#lose(term, `The lease could not be renewed for ${renewDeadlineMs} ms`);
    term.cancelTimer = clock.setTimeout(onTimeout, term.untilMs - clock.monotonic());
  }

  #lose({ lost, cancelTimer }: Term, why: string): void {
    cancelTimer();
    lost.abort(new Error(why));
    this.#wake();
  }

  async #keep(term: Term): Promise<void> {
    const isOver = () => term.ended || term.lost.signal.aborted;
    while (!isOver()) {
      await this.#sleep(retryMs);
      if (isOver()) return;
      const startedMs = this.#options.clock.monotonic();
      const failure = await failureOf(this.#retrying(() => this.#renew(term)));
      if (term.lost.signal.aborted) return;
      if (failure === undefined) this.#extend(term, startedMs);
      else this.#options.onError(failure, retryMs);
    }
  }

  /** A Lease that was deleted is made anew: nobody else may take it before our time is over. */
  async #renew({ lost }: Term): Promise<void> {
    if (lost.signal.aborted) return;
    const { acquireTime = this.#microTime(), leaseTransitions = 0 } = this.#lease?.spec ?? {};
    await this.#write({ ...this.#renewal(), acquireTime, leaseTransitions });
  }

  async #release(): Promise<void> {
    const now = this.#microTime();
    const giveUp = async () => {
      if (this.#lease?.spec.holderIdentity !== this.#options.identity) return;
      const { leaseTransitions = 0 } = this.#lease.spec;
      const times = { acquireTime: now, renewTime: now, leaseTransitions };
      await this.#write({ holderIdentity: '', leaseDurationSeconds: 1, ...times }, releaseTimeoutMs);
    };
    const failure = await failureOf(this.#retrying(giveUp));
    if (failure !== undefined) this.#options.onError(failure, 0);
  }

  /** Once more, if the Lease had changed meanwhile: then from what it is now. */
  async #retrying(step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (error) {
      if (!isConflict(error) && !isNotFound(error)) throw error;
      await this.#refresh();
      await step();
    }
  }

  #renewal(): LeaseSpec {
    return { holderIdentity: this.#options.identity, leaseDurationSeconds, renewTime: this.#microTime() };
  }

  async #write(spec: LeaseSpec, timeoutMs = requestTimeoutMs): Promise<void> {
    const { transport, namespace, name } = this.#options;
    const lease = this.#lease;
    const metadata = {
      namespace,
      name,
      ...(lease && { resourceVersion: lease.resourceVersion, uid: lease.uid }),
    };
    const answer = await transport.request<RawObject>({
      method: lease ? 'PUT' : 'POST',
      path: lease ? `${collection(namespace)}/${name}` : collection(namespace),
      body: { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec },
      timeoutMs,
    });
    this.observe(observeLease(answer));
  }

  async #refresh(): Promise<void> {
    const { transport, namespace, name } = this.#options;
    const path = `${collection(namespace)}/${name}`;
    try {
      const lease = await transport.request<RawObject>({ method: 'GET', path, timeoutMs: requestTimeoutMs });
      this.#adopt(observeLease(lease));
    } catch (error) {
      if (!isNotFound(error)) throw error;
      this.#adopt(undefined);
    }
  }

  #adopt(lease: ObservedLease | undefined): void {
    if (lease?.resourceVersion === this.#lease?.resourceVersion && lease?.uid === this.#lease?.uid) return;
    this.#lease = lease;
    if (lease) this.#judge(lease.spec);
    // Who held the deleted Lease may have renewed it just before, and makes it anew if he still leads.
    else this.#othersUntilMs = this.#options.clock.monotonic() + leaseDurationSeconds * 1000;
    if (!this.#term) this.#wake();
  }

  #judge({ holderIdentity, leaseDurationSeconds: seconds = leaseDurationSeconds }: LeaseSpec): void {
    const { clock, identity } = this.#options;
    const isFree = !holderIdentity || holderIdentity === identity;
    this.#othersUntilMs = isFree ? 0 : clock.monotonic() + seconds * 1000;
    if (this.#term && holderIdentity !== identity)
      this.#lose(this.#term, `"${holderIdentity}" has taken the lease`);
  }

  /** Sleeps until the time is over, or until it is woken. */
  #sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        cancel();
        this.#wake = () => undefined;
        resolve();
      };
      const cancel = this.#options.clock.setTimeout(wake, delayMs);
      this.#wake = wake;
    });
  }

  /** MicroTime: the API server takes exactly six digits of a second. */
  #microTime(): string {
    return new Date(this.#options.clock.now()).toISOString().replace('Z', '000Z');
  }
}

export function observeLease(object: RawObject): ObservedLease {
  const { namespace = '', name, uid, resourceVersion } = object.metadata;
  const key: ObjectKey = `${namespace}/${name}`;
  return { key, uid, resourceVersion, spec: object['spec'] ?? {} };
}

function collection(namespace: string): string {
  return `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
}

async function failureOf(promise: Promise<void>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error ?? new Error('It failed without a reason'),
  );
}
