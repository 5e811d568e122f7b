/** Names one namespaced object: `namespace/name`, the form in which keys are queued, stored and logged. */
export type ObjectKey = `${string}/${string}`;

export function keyOf(object: { metadata: { namespace?: string; name: string } }): ObjectKey {
  return `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
}

export function splitKey(key: ObjectKey): { namespace: string; name: string } {
  const slash = key.indexOf('/');
  return { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}
