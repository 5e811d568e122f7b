/**
 * What a child was started with: a digest of each ConfigMap and Secret that its pod names. It stands on the Deployment, not on its pod
 * template, so that writing it down restarts nothing.
 */

export type ReferenceKind = 'ConfigMap' | 'Secret';

/** A ConfigMap or Secret of the pod's own namespace. */
export interface Reference {
  kind: ReferenceKind;
  name: string;
  /** The pod starts without it, too. */
  optional: boolean;
}

/** Digests by `ConfigMap/name` or `Secret/name`; null: it was not there. */
export type Contents = Readonly<Record<string, string | null>>;

/** Under what a reference stands in `Contents`. */
export function entryOf({ kind, name }: Pick<Reference, 'kind' | 'name'>): string {
  return `${kind}/${name}`;
}

/** Names one ConfigMap or Secret among those of all namespaces. */
export function referentOf(namespace: string, entry: string): string {
  return `${namespace}/${entry}`;
}

/** As it is written. */
export function formatContents(contents: Contents): string {
  return JSON.stringify(contents);
}

/** Undefined for a text that is none: as if nothing had been written down. */
export function parseContents(text: string | undefined): Contents | undefined {
  if (text === undefined) return undefined;
  try {
    const parsed: unknown = JSON.parse(text);
    return isContents(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function isContents(value: unknown): value is Contents {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.values(value).every((digest) => digest === null || typeof digest === 'string');
}
