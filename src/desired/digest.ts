/** A short fingerprint of what is desired, to compare by and to write on the child. */
import type { Deployment } from '../api/kubernetes.ts';
import { isObject, type Fields } from './merge-rules.ts';

/**
 * Sixteen hex digits that depend on every field except `spec.replicas`, which is written through the scale subresource.
 * The order of keys doesn't count. Not for security: whoever wants a collision can have one, and gains nothing.
 */
export function digest(deployment: Deployment): string {
  return fingerprint({ ...deployment, spec: { ...deployment.spec, replicas: undefined } });
}

/** The same of any value. A field that is undefined counts as absent. */
export function fingerprint(value: unknown): string {
  const hash = new Hash();
  hash.add(value);
  return hash.hex();
}

/** What ends a piece, so that no two structures feed the same. Beyond the codes of characters. */
const ends = { string: 0x10000, scalar: 0x10001, key: 0x10002, list: 0x10003, fields: 0x10004 } as const;

/**
 * Two FNV-like lanes of 32 bits, with the multipliers of cyrb53 (bryc, public domain). Fed as it goes, because hashing a
 * JSON text takes three times as long.
 */
class Hash {
  #high = 0xdeadbeef;
  #low = 0x41c6ce57;

  add(value: unknown): void {
    if (Array.isArray(value)) this.#addList(value);
    else if (isObject(value)) this.#addFields(value);
    else if (typeof value === 'string') this.#addText(value, ends.string);
    else this.#addText(String(value), ends.scalar);
  }

  hex(): string {
    return hexOf(mixed(this.#high)) + hexOf(mixed(this.#low));
  }

  #addList(list: unknown[]): void {
    for (const element of list) this.add(element);
    this.#addText('', ends.list);
  }

  #addFields(fields: Fields): void {
    for (const key of Object.keys(fields).toSorted()) {
      if (fields[key] === undefined) continue;
      this.#addText(key, ends.key);
      this.add(fields[key]);
    }
    this.#addText('', ends.fields);
  }

  #addText(text: string, end: number): void {
    let [high, low] = [this.#high, this.#low];
    for (let index = 0; index < text.length; index++) {
      const unit = text.charCodeAt(index);
      high = Math.imul(high ^ unit, 2654435761);
      low = Math.imul(low ^ unit, 1597334677);
    }
    this.#high = Math.imul(high ^ end, 2654435761);
    this.#low = Math.imul(low ^ end, 1597334677);
  }
}

/** Lets every bit of a half change about half of all bits (the finalizer of MurmurHash3). */
function mixed(half: number): number {
  let bits = Math.imul(half ^ (half >>> 16), 2246822507);
  bits = Math.imul(bits ^ (bits >>> 13), 3266489909);
  return bits ^ (bits >>> 16);
}

function hexOf(half: number): string {
  return (half >>> 0).toString(16).padStart(8, '0');
}
