/**
 * How parts of a Deployment are matched and merged, by field name. The facts are those of the Kubernetes OpenAPI:
 * `x-kubernetes-list-map-keys`, `x-kubernetes-patch-strategy: retainKeys`, `x-kubernetes-map-type: atomic`, and the unions
 * that its descriptions name.
 */

/** Lists whose elements have an identity, and the fields that form it. All other lists are atomic. */
const mergeKeys: Readonly<Record<string, readonly string[]>> = {
  containers: ['name'],
  initContainers: ['name'],
  env: ['name'],
  ports: ['containerPort', 'protocol'],
  volumeMounts: ['mountPath'],
  volumeDevices: ['devicePath'],
  claims: ['name'],
  volumes: ['name'],
  imagePullSecrets: ['name'],
  hostAliases: ['ip'],
  topologySpreadConstraints: ['topologyKey', 'whenUnsatisfiable'],
  resourceClaims: ['name'],
  schedulingGates: ['name'],
  evictionResponders: ['name'],
  ownerReferences: ['uid'],
};

/** Objects, and elements of the lists of that name, that are a union or otherwise atomic: they are replaced whole. */
const atomicFields = new Set([
  'strategy',
  'env',
  'volumes',
  'resourceClaims',
  'evictionResponders',
  'nodeSelector',
  'labelSelector',
  'requiredDuringSchedulingIgnoredDuringExecution',
  'seccompProfile',
  'appArmorProfile',
  'postStart',
  'preStop',
]);

const probes = new Set(['livenessProbe', 'readinessProbe', 'startupProbe']);

/** The ways to probe, of which a probe has one. */
export const probeHandlers: readonly string[] = ['exec', 'grpc', 'httpGet', 'tcpSocket'];

export type Fields = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isAtomic(field: string): boolean {
  return atomicFields.has(field);
}

export function isProbe(field: string): boolean {
  return probes.has(field);
}

/** A function that tells the elements of this list apart; undefined where the list is atomic. */
export function identityIn(field: string): ((element: Fields) => string) | undefined {
  const keys = Object.hasOwn(mergeKeys, field) ? mergeKeys[field] : undefined;
  return keys && ((element) => keys.map((key) => element[key] || defaults[key]).join(' '));
}

/** What the API server makes of an absent or empty field that identifies an element. */
const defaults: Fields = { protocol: 'TCP' };
