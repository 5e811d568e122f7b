/** Objects and watch events as an API server writes them. */
import type { ObjectKey } from '../../src/api/object-key.ts';
import type { RawObject } from '../../src/kube/reflector.ts';
import type { Stored } from '../../src/kube/store.ts';

/** What the tests keep of an object. */
export interface Kept extends Stored {
  value: unknown;
}

export function project(object: RawObject): Kept {
  const { namespace = '', name, uid, resourceVersion } = object.metadata;
  if (object['value'] === 'unreadable') throw new Error('This value cannot be read');
  const key: ObjectKey = `${namespace}/${name}`;
  return { key, uid, resourceVersion, value: object['value'] };
}

export function anObject(
  name: string,
  version: number,
  { uid = name, namespace = 'n', value }: { uid?: string; namespace?: string; value?: unknown } = {},
): RawObject {
  return { metadata: { namespace, name, uid, resourceVersion: String(version) }, value };
}

export function added(name: string, version: number, fields = {}): object {
  return { type: 'ADDED', object: anObject(name, version, fields) };
}

export function modified(name: string, version: number, fields = {}): object {
  return { type: 'MODIFIED', object: anObject(name, version, fields) };
}

export function deleted(name: string, version: number, fields = {}): object {
  return { type: 'DELETED', object: anObject(name, version, fields) };
}

export function bookmark(version: number): object {
  return { type: 'BOOKMARK', object: { metadata: { resourceVersion: String(version) } } };
}

/** The bookmark that ends a streamed list. */
export function endOfList(version: number): object {
  const annotations = { 'k8s.io/initial-events-end': 'true' };
  return { type: 'BOOKMARK', object: { metadata: { resourceVersion: String(version), annotations } } };
}

export function errorEvent(code: number, reason: string): object {
  return { type: 'ERROR', object: status(code, reason) };
}

export function status(code: number, reason: string): object {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', code, reason, message: reason };
}

export function listPage(version: number, objects: RawObject[], token?: string): object {
  return {
    metadata: { resourceVersion: String(version), ...(token && { continue: token }) },
    items: objects,
  };
}
