import type { IncomingMessage } from 'node:http';
import { ApiError, isExpired } from './api-error.ts';
import { LineSplitter } from './lines.ts';
import type { Store, Stored } from './store.ts';
import type { Transport } from './transport.ts';

/** An object as it came over the wire. */
export type RawObject = {
  apiVersion?: string;
  kind?: string;
  metadata: { name: string; namespace?: string; uid: string; resourceVersion: string } & Record<string, unknown>;
} & Record<string, unknown>;

interface WatchEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  object: RawObject;
}

interface ListPage {
  metadata: { resourceVersion: string; continue?: string };
  items: RawObject[];
}

export interface ReflectorOptions<T extends Stored> {
  transport: Transport;
  /** Path of the collection, e.g. `/apis/apps/v1/deployments`. */
  path: string;
  labelSelector?: string;
  store: Store<T>;
  /** Keeps of an object what is needed; called for each event. */
  project: (object: RawObject) => T;
  clock: ReflectorClock;
  random: () => number;
  onSynced?: () => void;
  onError?: (error: unknown, retryInMs: number) => void;
}

export interface ReflectorClock {
  now(): number;
  /** Calls back once; the returned function cancels it. */
  setTimeout(callback: () => void, delayMs: number): () => void;
}

/** Bookmarks come about once a minute, so a stream without a byte for this long is dead. */
const silenceMs = 100_000;
const firstBackoffMs = 200;
/** An unreachable server is asked about once a second, so that its return is seen at once; one that refuses is left in peace. */
const maxBackoffUnreachableMs = 1000;
const maxBackoffRefusedMs = 30_000;
/** A watch that held this long was healthy: the next failure starts with the first delay again. */
const healthyMs = 120_000;
/** A watch that the server ends sooner than this counts as failed, or a broken proxy would make us spin. */
const shortestWatchMs = 1000;
const pageSize = 500;
const initialEventsEnd = 'k8s.io/initial-events-end';

/**
 * Keeps a store equal to one collection of the API server, until `signal` aborts.
 *
 * It follows client-go's reflector: a streamed list (WatchList) where the server has it, else a paged one; bookmarks; resuming at
 * the last seen resource version after any end of the stream; a new list only when the server no longer has that version (410).
 */
export class Reflector<T extends Stored> {
  readonly #options: ReflectorOptions<T>;
  #resourceVersion: string | undefined;
  #streamedLists = true;
  #synced = false;
  #lastEventAt: number;

  constructor(options: ReflectorOptions<T>) {
    this.#options = options;
    this.#lastEventAt = options.clock.now();
  }

  /** True once the store has held everything that the server had. */
  get synced(): boolean {
    return this.#synced;
  }

  /** Milliseconds since the server last sent anything, bookmarks included. */
  get silentForMs(): number {
    return this.#options.clock.now() - this.#lastEventAt;
  }

  async run(signal: AbortSignal): Promise<void> {
    let backoffMs = firstBackoffMs;
    while (!signal.aborted) {
      const startedAt = this.#options.clock.now();
      const failure = await this.#follow(signal).then(
        () => undefined,
        (error: unknown) => error ?? new Error('The watch failed without a reason'),
      );
      if (signal.aborted) return;
      const lastedMs = this.#options.clock.now() - startedAt;
      if (lastedMs >= healthyMs) backoffMs = firstBackoffMs;
      if (failure === undefined && lastedMs >= shortestWatchMs) continue;
      if (isExpired(failure)) this.#resourceVersion = undefined;
      const waitMs = Math.max(backoffMs * (0.5 + this.#options.random()), retryAfterMs(failure));
      const maxBackoffMs = failure instanceof ApiError ? maxBackoffRefusedMs : maxBackoffUnreachableMs;
      backoffMs = Math.min(backoffMs * 2, maxBackoffMs);
      this.#options.onError?.(failure ?? new Error('The server ended the watch at once'), waitMs);
      await this.#pause(waitMs, signal);
    }
  }

  /** One list, if one is needed, and one watch. Returns when the server ended the watch in good order. */
  async #follow(signal: AbortSignal): Promise<void> {
    if (this.#resourceVersion === undefined && !this.#streamedLists) await this.#list(signal);
    try {
      await this.#watch(signal);
    } catch (error) {
      if (this.#resourceVersion !== undefined || !refusesStreamedList(error)) throw error;
      this.#streamedLists = false;
    }
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { transport, path, labelSelector, random } = this.#options;
    const since = this.#resourceVersion;
    const stream = await transport.stream({
      method: 'GET',
      path,
      signal,
      query: {
        watch: true,
        allowWatchBookmarks: true,
        timeoutSeconds: Math.round(300 + 300 * random()),
        labelSelector,
        resourceVersion: since,
        ...(since === undefined && { sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan' }),
      },
    });
    await this.#read(stream, since === undefined ? new Map<string, T>() : undefined);
  }

  /** Applies the stream's events to the store; during a streamed list they are collected first and replace it in one step. */
  async #read(stream: IncomingMessage, initial: Map<string, T> | undefined): Promise<void> {
    const lines = new LineSplitter();
    let collected = initial;
    const onLine = (line: string) => {
      const event = JSON.parse(line) as WatchEvent;
      if (event.type === 'ERROR') throw errorOf(event.object);
      if (event.type === 'BOOKMARK' && collected && marksEndOfList(event.object)) {
        this.#replace(collected.values());
        collected = undefined;
      } else if (event.type !== 'BOOKMARK') this.#take(event, collected);
      if (!collected) this.#resourceVersion = event.object.metadata.resourceVersion;
    };
    let cancelWatchdog = this.#watchdog(stream);
    try {
      for await (const chunk of stream) {
        cancelWatchdog();
        cancelWatchdog = this.#watchdog(stream);
        this.#lastEventAt = this.#options.clock.now();
        lines.push(chunk as Buffer, onLine);
      }
    } finally {
      cancelWatchdog();
      stream.destroy();
    }
  }

  #take(event: WatchEvent, collected: Map<string, T> | undefined): void {
    const item = this.#options.project(event.object);
    if (collected) {
      if (event.type === 'DELETED') collected.delete(item.key);
      else collected.set(item.key, item);
    } else if (event.type === 'DELETED') this.#options.store.remove(item);
    else this.#options.store.upsert(item);
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { transport, path, labelSelector, project } = this.#options;
    const items: T[] = [];
    let token: string | undefined;
    let resourceVersion: string;
    do {
      const query = { limit: pageSize, labelSelector, continue: token };
      const page = await transport.request<ListPage>({ method: 'GET', path, query, signal, timeoutMs: 60_000 });
      for (const object of page.items) items.push(project(object));
      resourceVersion = page.metadata.resourceVersion;
      token = page.metadata.continue;
    } while (token);
    this.#replace(items);
    this.#resourceVersion = resourceVersion;
  }

  #replace(items: Iterable<T>): void {
    this.#options.store.replace(items);
    if (this.#synced) return;
    this.#synced = true;
    this.#options.onSynced?.();
  }

  #watchdog(stream: IncomingMessage): () => void {
    return this.#options.clock.setTimeout(
      () => stream.destroy(new Error(`The watch of ${this.#options.path} was silent for ${silenceMs} ms`)),
      silenceMs,
    );
  }

  #pause(delayMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        cancel();
        signal.removeEventListener('abort', wake);
        resolve();
      };
      const cancel = this.#options.clock.setTimeout(wake, delayMs);
      signal.addEventListener('abort', wake, { once: true });
    });
  }
}

function marksEndOfList(object: RawObject): boolean {
  const annotations = object.metadata['annotations'] as Record<string, string> | undefined;
  return annotations?.[initialEventsEnd] === 'true';
}

/** Servers without WatchList answer a streamed list with "forbidden unless the feature is enabled" (422 or 400). */
function refusesStreamedList(error: unknown): boolean {
  return error instanceof ApiError && (error.code === 422 || error.code === 400);
}

function retryAfterMs(error: unknown): number {
  return error instanceof ApiError ? (error.retryAfterMs ?? 0) : 0;
}

function errorOf(status: RawObject): ApiError {
  const code = typeof status['code'] === 'number' ? status['code'] : 500;
  return new ApiError(code, JSON.stringify(status));
}
