import type { IncomingMessage } from 'node:http';
import { keyOf } from '../api/object-key.ts';
import { ApiError, isExpired } from './api-error.ts';
import { LineSplitter } from './lines.ts';
import { isNewer, type Store, type Stored } from './store.ts';
import type { Transport } from './transport.ts';
import { WatchBackoff } from './watch-backoff.ts';

/** An object as it came over the wire. */
export type RawObject = {
  apiVersion?: string;
  kind?: string;
  metadata: { name: string; namespace?: string; uid: string; resourceVersion: string } & Record<
    string,
    unknown
  >;
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
  transport: Pick<Transport, 'request' | 'stream'>;
  /** Path of the collection, e.g. `/apis/apps/v1/deployments`. */
  path: string;
  /** The only namespace that the path covers, if it covers one. */
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  store: Store<T>;
  /**
   * Keeps of an object what is needed, or nothing (undefined) of one that does not matter; called for each event. An object for
   * which it throws is skipped.
   */
  project: (object: RawObject) => T | undefined;
  /**
   * False for what the API server keeps no watch cache of, as Events: then it sends no bookmarks. A watch may be silent until its
   * end, and by then the server may have forgotten the version at which it began; so the next one begins with a list.
   */
  bookmarks?: false;
  clock: ReflectorClock;
  random: () => number;
  onSynced?: () => void;
  /** The server answers again after the watch was interrupted. */
  onResumed?: () => void;
  /** Nothing came for so long that the watch is opened anew, in case its connection is dead. */
  onSilence?: (error: Error) => void;
  /** Told when the watch is interrupted and goes on after `retryInMs`, and when an object is skipped (`retryInMs` is 0). */
  onError?: (error: unknown, retryInMs: number) => void;
}

export interface ReflectorClock {
  /** Milliseconds since some fixed moment; never jumps. */
  monotonic(): number;
  /** Calls back once; the returned function cancels it. */
  setTimeout(callback: () => void, delayMs: number): () => void;
}

/**
 * Bookmarks come about once a minute, so a stream without a byte for much longer is dead, or one of a server that sends none after
 * a streamed list until something happens. Not all watches end at once.
 */
const longWatch = (random: () => number) => ({
  timeoutSeconds: Math.round(300 + 300 * random()),
  silenceMs: 100_000,
});
/** Without bookmarks, the first sign of life that can be counted on is the end of the watch. */
const shortWatch = { timeoutSeconds: 100, silenceMs: 110_000 };
/** A watch that the server ends sooner than this counts as failed, or a broken proxy would make us spin. */
const shortestWatchMs = 1000;
const pageSize = 500;
const initialEventsEnd = 'k8s.io/initial-events-end';

class SilenceError extends Error {}

/**
 * Keeps a store equal to one collection of the API server, until `signal` aborts.
 *
 * It follows client-go's reflector: a streamed list (WatchList) where the server has it, else a paged one; bookmarks; resuming at
 * the last seen resource version after any end of the stream; a new list only when the server no longer has that version (410), or
 * sends nothing at all from there (its history may have been set back, and then it waits in silence until it has got there again).
 */
export class Reflector<T extends Stored> {
  readonly #options: ReflectorOptions<T>;
  readonly #limits: { timeoutSeconds: number; silenceMs: number };
  /** Where the next watch resumes; undefined: with a list. */
  #resourceVersion: string | undefined;
  /** The last version that was seen, also if the server no longer has it. */
  #seenVersion: string | undefined;
  /** Whether anything came on the present watch. */
  #heard = false;
  #streamedLists = true;
  #interrupted = false;
  #synced = false;
  #lastEventAtMs: number;

  constructor(options: ReflectorOptions<T>) {
    this.#options = options;
    this.#limits = options.bookmarks === false ? shortWatch : longWatch(options.random);
    this.#lastEventAtMs = options.clock.monotonic();
  }

  /** True once the store has held everything that the server had. */
  get synced(): boolean {
    return this.#synced;
  }

  /** Milliseconds since the server last sent anything, bookmarks included. */
  get silentForMs(): number {
    return this.#options.clock.monotonic() - this.#lastEventAtMs;
  }

  /** Returns when `signal` has aborted; never throws. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, onError, onSilence, random } = this.#options;
    const backoff = new WatchBackoff(random);
    while (!signal.aborted) {
      const startedAtMs = clock.monotonic();
      const failure = await this.#follow(signal).then(
        () => undefined,
        (error: unknown) => error ?? new Error('The watch failed without a reason'),
      );
      if (signal.aborted) return;
      if (failure instanceof SilenceError) {
        this.#interrupted = true;
        onSilence?.(failure);
        continue;
      }
      const lastedMs = clock.monotonic() - startedAtMs;
      if (failure === undefined && lastedMs >= shortestWatchMs) continue;
      if (isExpired(failure)) this.#resourceVersion = undefined;
      const waitMs = backoff.next(failure, lastedMs);
      this.#interrupted = true;
      onError?.(failure ?? new Error('The server ended the watch at once'), waitMs);
      await this.#pause(waitMs, signal);
    }
  }

  /** One list, if one is needed, and one watch. Returns when the server ended the watch in good order. */
  async #follow(signal: AbortSignal): Promise<void> {
    if (this.#options.bookmarks === false) this.#resourceVersion = undefined;
    if (this.#resourceVersion === undefined && !this.#streamedLists) await this.#list(signal);
    try {
      await this.#watch(signal);
    } catch (error) {
      if (this.#resourceVersion !== undefined || !refusesStreamedList(error)) throw error;
      this.#streamedLists = false;
      await this.#follow(signal);
    }
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { transport, path, labelSelector, fieldSelector, onResumed } = this.#options;
    const since = this.#resourceVersion;
    const stream = await transport.stream({
      method: 'GET',
      path,
      signal,
      query: {
        watch: true,
        allowWatchBookmarks: true,
        timeoutSeconds: this.#limits.timeoutSeconds,
        labelSelector,
        fieldSelector,
        resourceVersion: since,
        ...(since === undefined && { sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan' }),
      },
    });
    if (this.#interrupted) {
      this.#interrupted = false;
      onResumed?.();
    }
    await this.#read(stream, since === undefined ? new Map<string, T>() : undefined);
  }

  /** Applies the stream's events to the store; during a streamed list they are collected first and replace it in one step. */
  async #read(stream: IncomingMessage, initial: Map<string, T> | undefined): Promise<void> {
    const lines = new LineSplitter();
    let collected = initial;
    const onLine = (line: string) => {
      const event = this.#parse(line);
      if (!event) return;
      const { object, type } = event;
      if (type === 'ERROR') throw errorOf(object);
      const { resourceVersion } = object.metadata;
      if (type !== 'BOOKMARK') this.#take(event, collected);
      else if (collected && marksEndOfList(object)) {
        this.#replace(collected.values(), resourceVersion);
        collected = undefined;
      }
      if (!collected && resourceVersion) this.#resourceVersion = this.#seenVersion = resourceVersion;
    };
    this.#heard = false;
    let cancelWatchdog = this.#watchdog(stream);
    try {
      for await (const chunk of stream) {
        cancelWatchdog();
        cancelWatchdog = this.#watchdog(stream);
        this.#heard = true;
        this.#lastEventAtMs = this.#options.clock.monotonic();
        lines.push(chunk as Buffer, onLine);
      }
    } finally {
      cancelWatchdog();
    }
  }

  #parse(line: string): WatchEvent | undefined {
    try {
      const event = JSON.parse(line) as WatchEvent;
      if (event.type === 'ERROR' || event.object.metadata) return event;
      throw new Error('It has no metadata');
    } catch (cause) {
      this.#skip(`a line of ${line.length} characters`, cause);
      return undefined;
    }
  }

  /** An object that has ceased to matter goes like one that was deleted. */
  #take({ type, object }: WatchEvent, collected: Map<string, T> | undefined): void {
    const { store } = this.#options;
    const isOld = !collected && type !== 'DELETED' && store.hasSeen(keyOf(object), object.metadata);
    if (isOld) return; // what the answer to a write has shown already is not worth the work
    const item = (collected && this.#unchanged(object)) ?? this.#project(object);
    if (!item) return this.#forget(object, collected);
    if (collected) {
      if (type === 'DELETED') collected.delete(item.key);
      else collected.set(item.key, item);
    } else if (type === 'DELETED') store.remove(item);
    else store.upsert(item);
  }

  #forget(object: RawObject, collected: Map<string, T> | undefined): void {
    const key = keyOf(object);
    collected?.delete(key);
    const known = this.#options.store.get(key);
    if (known?.uid === object.metadata.uid)
      this.#options.store.remove(known, object.metadata.resourceVersion);
  }

  /** What is kept of this very version: most of a list that follows an interruption is known already. */
  #unchanged({ metadata }: RawObject): T | undefined {
    const known = this.#options.store.get(keyOf({ metadata }));
    const isSame = known?.uid === metadata.uid && known.resourceVersion === metadata.resourceVersion;
    return isSame ? known : undefined;
  }

  /** What the store shall keep of the object; if that can't be told, what it has kept of it so far. */
  #project(object: RawObject): T | undefined {
    const { project, store } = this.#options;
    try {
      return project(object);
    } catch (cause) {
      const key = keyOf(object);
      this.#skip(`"${key}"`, cause);
      const known = store.get(key);
      return known?.uid === object.metadata.uid ? known : undefined;
    }
  }

  #skip(what: string, cause: unknown): void {
    const { onError, path } = this.#options;
    onError?.(new Error(`Cannot take in ${what} of ${path}: it is skipped`, { cause }), 0);
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { transport, path, labelSelector, fieldSelector } = this.#options;
    const items: T[] = [];
    let token: string | undefined;
    let resourceVersion: string;
    do {
      const query = { limit: pageSize, labelSelector, fieldSelector, continue: token };
      const page = await transport.request<ListPage>({
        method: 'GET',
        path,
        query,
        signal,
        timeoutMs: 60_000,
      });
      for (const object of page.items) {
        const item = this.#unchanged(object) ?? this.#project(object);
        if (item) items.push(item);
      }
      resourceVersion = page.metadata.resourceVersion;
      token = page.metadata.continue;
    } while (token);
    this.#replace(items, resourceVersion);
    this.#resourceVersion = this.#seenVersion = resourceVersion;
  }

  /** A list older than what was seen before comes from a server whose history was set back (a restored etcd): it alone is true. */
  #replace(items: Iterable<T>, resourceVersion: string): void {
    const { namespace, store } = this.#options;
    const isSetBack = this.#seenVersion !== undefined && isNewer(this.#seenVersion, resourceVersion);
    store.replace(items, { namespace, resourceVersion: isSetBack ? undefined : resourceVersion });
    if (this.#synced) return;
    this.#synced = true;
    this.#options.onSynced?.();
  }

  #watchdog(stream: IncomingMessage): () => void {
    const { silenceMs } = this.#limits;
    return this.#options.clock.setTimeout(() => {
      if (!this.#heard) this.#resourceVersion = undefined;
      stream.destroy(new SilenceError(`The watch of ${this.#options.path} was silent for ${silenceMs} ms`));
    }, silenceMs);
  }

  #pause(delayMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
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

function errorOf(status: RawObject): ApiError {
  const code = typeof status['code'] === 'number' ? status['code'] : 500;
  return new ApiError(code, JSON.stringify(status));
}
