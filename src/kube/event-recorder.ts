/**
 * Tells what became of a daemon or a dispatcher as Kubernetes Events, for `kubectl describe` and `kubectl get events`. Events are a courtesy: they are
 * sent one after the other beside the real work, summed up if they repeat, and dropped if there are too many.
 */
import type { ClariveDaemon } from '../api/clarive-daemon.ts';
import type { ClariveDispatcher } from '../api/clarive-dispatcher.ts';
import { fieldManager } from '../api/labels.ts';
import type { DaemonEvent } from '../reconcile/cluster.ts';
import { isNotFound } from './api-error.ts';
import type { ApiRequest, Transport } from './transport.ts';

export interface EventRecorderOptions {
  transport: Pick<Transport, 'request'>;
  /** Wall clock: when something was seen. */
  now: () => number;
  /** Pod name, so that a reader knows which replica spoke. */
  instance: string;
  onError: (error: unknown) => void;
  /** From then on nothing is sent any more; what is queued is dropped. */
  signal?: AbortSignal;
  /** Asked before each write, because a process that was frozen wakes up before the signal fires. */
  leads?: () => boolean;
}

/** An Event that is repeated within this time is counted on the first one, as client-go does. */
const sumUpMs = 10 * 60_000;
const mostRemembered = 4096;
const mostQueued = 1000;
/** Per object: this many Events at once, and one more each five minutes. */
const burst = 25;
const refillMs = 5 * 60_000;
const longestMessage = 1024;

interface Sent {
  path: string;
  count: number;
  atMs: number;
}

interface Budget {
  left: number;
  atMs: number;
}

type Job = () => Promise<void>;
type Regarded = ClariveDaemon | ClariveDispatcher;

export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #sent = new Map<string, Sent>();
  readonly #budgets = new Map<string, Budget>();
  readonly #queue: Job[] = [];
  #sending = false;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
  }

  /** Whether nothing waits to be sent. */
  get idle(): boolean {
    return !this.#sending;
  }

  /** Queues the Event and returns at once; what cannot be sent is dropped. */
  record(object: Regarded, event: DaemonEvent): void {
    const nowMs = this.#options.now();
    if (this.#queue.length >= mostQueued || !this.#spend(object.metadata.uid ?? '', nowMs)) return;
    this.#queue.push(() => this.#send(object, event, nowMs));
    if (!this.#sending) void this.#drain();
  }

  async #drain(): Promise<void> {
    this.#sending = true;
    for (let job = this.#queue.shift(); job; job = this.#queue.shift()) {
      if (this.#options.signal?.aborted) continue;
      await job().catch((error: unknown) => this.#options.onError(error));
    }
    this.#sending = false;
  }

  async #send(object: Regarded, event: DaemonEvent, nowMs: number): Promise<void> {
    const id = [object.metadata.uid, event.type, event.reason, event.message].join('\n');
    const last = this.#sent.get(id);
    const isSummedUp = last && nowMs - last.atMs < sumUpMs && (await this.#countUp(last, nowMs));
    remember(this.#sent, id, isSummedUp ? last : await this.#create(object, event, id, nowMs));
  }

  /** Returns false if the Event is gone: somebody deleted it. */
  async #countUp(sent: Sent, nowMs: number): Promise<boolean> {
    const body = { count: sent.count + 1, lastTimestamp: toTime(nowMs) };
    const contentType = 'application/merge-patch+json';
    try {
      await this.#request({ method: 'PATCH', path: sent.path, body, contentType });
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
    sent.count += 1;
    sent.atMs = nowMs;
    return true;
  }

  async #create(object: Regarded, event: DaemonEvent, id: string, nowMs: number): Promise<Sent> {
    const { namespace = '', name } = object.metadata;
    const path = `/api/v1/namespaces/${namespace}/events`;
    const eventName = `${name}.${nowMs.toString(16)}${hash(id)}`;
    await this.#request({ method: 'POST', path, body: this.#body(object, event, eventName, nowMs) });
    return { path: `${path}/${eventName}`, count: 1, atMs: nowMs };
  }

  async #request(request: ApiRequest): Promise<void> {
    const { leads, signal, transport } = this.#options;
    if (leads && !leads()) throw new Error('No longer leading, so nothing is told');
    await transport.request({ ...request, ...(signal && { signal }) });
  }

  #body({ apiVersion, kind, metadata }: Regarded, event: DaemonEvent, name: string, nowMs: number): object {
    const { namespace, resourceVersion, uid } = metadata;
    const time = toTime(nowMs);
    return {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name, namespace },
      involvedObject: { apiVersion, kind, namespace, name: metadata.name, uid, resourceVersion },
      type: event.type,
      reason: event.reason,
      message: event.message.slice(0, longestMessage),
      count: 1,
      firstTimestamp: time,
      lastTimestamp: time,
      source: { component: fieldManager },
      reportingComponent: `clarive.com/${fieldManager}`,
      reportingInstance: this.#options.instance,
    };
  }

  #spend(uid: string, nowMs: number): boolean {
    const { left, atMs } = this.#budgets.get(uid) ?? { left: burst, atMs: nowMs };
    const refilled = Math.min(burst, left + (nowMs - atMs) / refillMs);
    const allowed = refilled >= 1;
    remember(this.#budgets, uid, { left: allowed ? refilled - 1 : refilled, atMs: nowMs });
    return allowed;
  }
}

/** Keeps the map small: what was not used for the longest time goes first. */
function remember<T>(map: Map<string, T>, id: string, value: T): void {
  map.delete(id);
  map.set(id, value);
  if (map.size <= mostRemembered) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
}

/** Keeps the names of two Events of one daemon in one millisecond apart. */
function hash(text: string): string {
  let sum = 0;
  for (let index = 0; index < text.length; index++) sum = (Math.imul(sum, 31) + text.charCodeAt(index)) | 0;
  return (sum >>> 0).toString(16);
}

function toTime(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}
