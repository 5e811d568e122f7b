/** Keeps of a ConfigMap or a Secret nothing but a digest of its content. */
import { createHash, createHmac } from 'node:crypto';
import { keyOf } from '../api/object-key.ts';
import type { RawObject } from './reflector.ts';
import type { Stored } from './store.ts';

export interface ObservedContent extends Stored {
  /** Differs as soon as any key or value does; labels, annotations and versions don't count. */
  digest: string;
}

export function observeConfigMap(object: RawObject): ObservedContent {
  return { ...referenceTo(object), digest: shortened(createHash('sha256'), object) };
}

/**
 * The digest stands on Deployments, which people may read who may not read Secrets: they could find out a short password by trying. So it
 * is keyed with the Secret's uid, which is random, never changes, and is told only to those who may read the Secret. A Secret that is
 * made anew has another digest therefore, whatever it holds.
 */
export function observeSecret(object: RawObject): ObservedContent {
  return { ...referenceTo(object), digest: shortened(createHmac('sha256', object.metadata.uid), object) };
}

function shortened(
  hash: { update: (text: string) => { digest: (encoding: 'hex') => string } },
  { data, binaryData }: RawObject,
): string {
  const content = [data, binaryData].map((values) => Object.entries(values ?? {}).toSorted(byKey));
  return hash.update(JSON.stringify(content)).digest('hex').slice(0, 16);
}

function byKey([a]: [string, unknown], [b]: [string, unknown]): number {
  return a < b ? -1 : 1;
}

function referenceTo({ metadata }: RawObject): Stored {
  return { key: keyOf({ metadata }), uid: metadata.uid, resourceVersion: metadata.resourceVersion };
}
