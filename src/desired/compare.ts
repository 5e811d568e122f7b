/** Compares what is desired with what the API server has made of it, to which others may have added. */
import type { Deployment, PodTemplate } from '../api/kubernetes.ts';
import { originAnnotation, restartedAtAnnotation } from '../api/labels.ts';
import { identityIn, isAtomic, isObject, type Fields } from './merge-rules.ts';
import { isSameQuantity } from './quantity.ts';
import { keepRestart } from './restart.ts';

/**
 * Whether a child, as the API server sends it, has every field of the desired Deployment. Replicas are not looked at,
 * because they are written on their own; a later restart of the child's own is no difference, nor is its origin.
 */
export function carries(child: unknown, desired: Deployment): boolean {
  const { spec } = desired;
  const template = keepRestart(spec.template, restartedAtOf(child));
  return (
    carriesMetadata(child, desired) && covers(child, { spec: { ...spec, template, replicas: undefined } })
  );
}

/** The same of its labels, annotations and owner alone. */
export function carriesMetadata(child: unknown, { metadata }: Deployment): boolean {
  const { [originAnnotation]: _, ...annotations } = { ...metadata.annotations };
  return covers(child, { metadata: { ...metadata, annotations } });
}

function restartedAtOf(child: unknown): string | undefined {
  const { spec } = child as { spec?: { template?: Partial<PodTemplate> } };
  return spec?.template?.metadata?.annotations?.[restartedAtAnnotation];
}

/**
 * Whether every field of `desired` is present and equal in `actual`, at any depth. What is empty in `desired` may be absent
 * in `actual`: the API server stores many empty values as nothing. What `actual` has beyond that is no difference, unless
 * it changes the meaning: in a union, and in a list without identities.
 */
export function covers(actual: unknown, desired: unknown, field = ''): boolean {
  if (desired === undefined || desired === null) return true;
  if (Array.isArray(desired)) return coversList(actual ?? [], desired, field);
  if (isObject(desired)) return coversObject(actual ?? absent(field), desired, field);
  if (quantities.has(field)) return isSameQuantity(actual, desired);
  if (actual === desired) return true;
  const isZero = desired === '' || desired === 0 || desired === false;
  return isZero && (actual === undefined || defaultedFields.has(field));
}

function coversList(actual: unknown, desired: unknown[], field: string): boolean {
  if (!Array.isArray(actual)) return false;
  const identity = identityIn(field);
  if (!identity)
    return (
      actual.length === desired.length && desired.every((element, index) => covers(actual[index], element))
    );

  const present = new Map((actual as Fields[]).map((element) => [identity(element), element]));
  return (desired as Fields[]).every((element) => {
    const counterpart = present.get(identity(element));
    return counterpart !== undefined && coversObject(counterpart, element, field);
  });
}

function coversObject(actual: unknown, desired: Fields, field: string): boolean {
  if (!isObject(actual)) return false;
  const quantity = quantityMaps.has(field) ? 'quantity' : undefined;
  if (!Object.keys(desired).every((key) => covers(actual[key], desired[key], quantity ?? key))) return false;
  return !isAtomic(field) || Object.keys(actual).every((key) => key in desired || isEmpty(actual[key]));
}

function isEmpty(value: unknown): boolean {
  return covers(undefined, value);
}

/** An empty selector selects everything, an absent one nothing: here alone the API server tells them apart. */
function absent(field: string): Fields | undefined {
  return field === 'labelSelector' || field === 'namespaceSelector' ? undefined : {};
}

/** Fields in which zero or an empty string asks for the API server's default, which it then stores. */
const defaultedFields = new Set([
  'apiVersion',
  'dnsPolicy',
  'failureThreshold',
  'imagePullPolicy',
  'path',
  'periodSeconds',
  'protocol',
  'schedulerName',
  'scheme',
  'successThreshold',
  'terminationMessagePath',
  'terminationMessagePolicy',
  'timeoutSeconds',
]);

/** Fields whose values are quantities, and maps of them. */
const quantities = new Set(['quantity', 'sizeLimit', 'divisor']);
const quantityMaps = new Set(['limits', 'requests', 'overhead']);
