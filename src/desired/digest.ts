/** A short fingerprint of what is desired, to compare by and to write on the child. */
import type { Deployment } from '../api/kubernetes.ts';

/**
 * Sixteen hex digits that depend on every field except `spec.replicas`, which is written through the scale subresource.
 * The order of keys doesn't count. Not for security: whoever wants a collision can have one, and gains nothing.
 */
export function digest(deployment: Deployment): string {
  return hash(canonicalJson({ ...deployment, spec: { ...deployment.spec, replicas: undefined } }));
}

function canonicalJson(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join()}]`;

  const fields = Object.entries(value).filter(([, child]) => child !== undefined);
  fields.sort(([one], [other]) => (one < other ? -1 : 1));
  return `{${fields.map(([key, child]) => `${JSON.stringify(key)}:${canonicalJson(child)}`).join()}}`;
}

/** cyrb53 by bryc (public domain), with both of its 32-bit halves kept. */
function hash(text: string): string {
  let high = 0xdeadbeef;
  let low = 0x41c6ce57;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    high = Math.imul(high ^ unit, 2654435761);
    low = Math.imul(low ^ unit, 1597334677);
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
  return hex(high) + hex(low);
}

function hex(half: number): string {
  return (half >>> 0).toString(16).padStart(8, '0');
}
