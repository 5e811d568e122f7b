import { splitKey, type ObjectKey } from '../api/object-key.ts';

/** What the store must know of an object; everything else is the projection's own business. */
export interface Stored {
  key: ObjectKey;
  uid: string;
  resourceVersion: string;
}

/** Which part of the store a list is about, and how old it is. */
export interface ListScope {
  /** The only namespace that the list covers; absent: all. */
  namespace?: string | undefined;
  /** The version at which the list was true. What is newer came as the answer to a write, and is kept. Absent: nothing is kept. */
  resourceVersion?: string | undefined;
}

/** An answer comes within seconds after the request: what was deleted earlier than that need not be remembered. */
const mostBuried = 4096;

/** Called with the object before and after a change; `undefined` means that it did not exist. */
export type ChangeListener<T> = (before: T | undefined, after: T | undefined) => void;

/**
 * The last known state of one kind, as small projections of the objects, by key and by an index, in which an object may stand under several
 * values.
 *
 * A change is told once and in order. An object that was deleted and created anew under its name is told as two changes, so that nobody
 * takes one for the other.
 */
export class Store<T extends Stored> {
  readonly #items = new Map<ObjectKey, T>();
  /**
   * By uid, the version at which an object went lately: an answer that this has overtaken must not bring it back. That version
   * and later ones may, because to a watch by label an object also goes by losing the label.
   */
  readonly #buried = new Map<string, string>();
  /** Under most values stands one object, which then costs no Map of its own. */
  readonly #index = new Map<string, T | Map<ObjectKey, T>>();
  readonly #indexBy: (item: T) => readonly string[];
  readonly #onChange: ChangeListener<T>;

  constructor(onChange: ChangeListener<T>, indexBy: (item: T) => readonly string[] = () => []) {
    this.#onChange = onChange;
    this.#indexBy = indexBy;
  }

  get size(): number {
    return this.#items.size;
  }

  get(key: ObjectKey): T | undefined {
    return this.#items.get(key);
  }

  values(): IterableIterator<T> {
    return this.#items.values();
  }

  /** All objects with this index value, in no particular order. */
  indexed(value: string): T[] {
    const found = this.#index.get(value);
    if (found === undefined) return [];
    return found instanceof Map ? [...found.values()] : [found];
  }

  /** Whether this version of the object, or a later one, is stored: taking it in would change nothing. */
  hasSeen(key: ObjectKey, { uid, resourceVersion }: { uid: string; resourceVersion: string }): boolean {
    const stored = this.#items.get(key);
    return stored?.uid === uid && !isNewer(resourceVersion, stored.resourceVersion);
  }

  /**
   * Takes in an object as a watch or the answer to a write has shown it. Older news than what is stored is dropped: the
   * answer to a write may overtake the watch, and the watch the answer. (Resource versions of one kind are comparable integers,
   * guaranteed since Kubernetes 1.35 and true before.)
   */
  upsert(item: T): void {
    if (this.#isBuried(item)) return;
    const before = this.#items.get(item.key);
    if (before && !isNewer(item.resourceVersion, before.resourceVersion)) return;
    this.#change(before, item);
  }

  /**
   * Takes in the answer to a write of our own. If the write changed nothing it has the version that is stored, but more may be known
   * of it now; nobody is told of that.
   */
  settle(item: T): void {
    const before = this.#items.get(item.key);
    if (before?.resourceVersion === item.resourceVersion) this.amend(item.key, item.uid, item);
    else this.upsert(item);
  }

  /** Takes in an object that was just asked for: it is there, whatever the watch has shown of it. */
  learn(item: T): void {
    this.#buried.delete(item.uid);
    this.upsert(item);
  }

  /**
   * Corrects the stored object by what a write of our own has made certain, until the watch shows it. The resource version stays
   * that of the last observation, so that no news is taken for old. Nobody is told: who wrote knows.
   */
  amend(key: ObjectKey, uid: string, change: Partial<T>): void {
    const before = this.#items.get(key);
    if (before?.uid !== uid) return;
    this.#drop(before);
    this.#put({ ...before, ...change });
  }

  /** Forgets the object, unless the one that is stored is a later incarnation. */
  remove(item: T, goneAt = item.resourceVersion): void {
    this.#bury(item.uid, goneAt);
    const before = this.#items.get(item.key);
    if (before?.uid !== item.uid) return;
    this.#drop(before);
    this.#onChange(before, undefined);
  }

  /** Replaces everything in the scope by a fresh list. What the list lacks is told as deleted. */
  replace(items: Iterable<T>, scope: ListScope = {}): void {
    if (scope.resourceVersion === undefined) this.#buried.clear();
    const gone = this.#inScope(scope);
    for (const item of items) {
      const before = this.#items.get(item.key);
      const isNewerThanList = before !== undefined && !gone.delete(item.key);
      if (isNewerThanList || this.#isBuried(item)) continue;
      if (before?.resourceVersion === item.resourceVersion && before.uid === item.uid) continue;
      this.#change(before, item);
    }
    for (const item of gone.values()) this.remove(item, scope.resourceVersion);
  }

  #inScope({ namespace, resourceVersion }: ListScope): Map<ObjectKey, T> {
    const found = new Map<ObjectKey, T>();
    for (const [key, item] of this.#items) {
      const isCovered = namespace === undefined || splitKey(key).namespace === namespace;
      const isKnown = resourceVersion === undefined || !isNewer(item.resourceVersion, resourceVersion);
      if (isCovered && isKnown) found.set(key, item);
    }
    return found;
  }

  #change(before: T | undefined, after: T): void {
    const isReplaced = before !== undefined && before.uid !== after.uid;
    if (isReplaced) this.remove(before, after.resourceVersion);
    else if (before) this.#drop(before);
    this.#put(after);
    this.#onChange(isReplaced ? undefined : before, after);
  }

  #isBuried({ uid, resourceVersion }: T): boolean {
    const goneAt = this.#buried.get(uid);
    return goneAt !== undefined && isNewer(goneAt, resourceVersion);
  }

  #bury(uid: string, resourceVersion: string): void {
    this.#buried.set(uid, resourceVersion);
    if (this.#buried.size <= mostBuried) return;
    for (const oldest of this.#buried.keys()) {
      this.#buried.delete(oldest);
      return;
    }
  }

  #put(item: T): void {
    this.#items.set(item.key, item);
    for (const value of this.#indexBy(item)) {
      const found = this.#index.get(value);
      if (found instanceof Map) found.set(item.key, item);
      else if (found === undefined || found.key === item.key) this.#index.set(value, item);
      else this.#index.set(value, new Map([found, item].map((each) => [each.key, each])));
    }
  }

  #drop(item: T): void {
    this.#items.delete(item.key);
    for (const value of this.#indexBy(item)) {
      const found = this.#index.get(value);
      if (found instanceof Map) found.delete(item.key);
      if (found instanceof Map ? found.size === 0 : found?.key === item.key) this.#index.delete(value);
    }
  }
}

/** Compares two resource versions as the integers that they are, without losing digits beyond 2^53. */
export function isNewer(candidate: string, stored: string): boolean {
  if (candidate.length !== stored.length) return candidate.length > stored.length;
  return candidate > stored;
}
