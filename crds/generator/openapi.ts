import { mapValues, type Definitions, type Schema } from './schema.ts';

/** The part of a Kubernetes OpenAPI v2 document that is read here. */
export interface OpenApi {
  info: { version: string };
  definitions: Definitions;
}

/** What is checked in of it: the definitions of a pod's spec under their plain names, without prose. */
export interface KubernetesExtract {
  kubernetes: string;
  definitions: Definitions;
}

const root = 'io.k8s.api.core.v1.PodSpec';

/** What is taken over besides the structure. Everything else, descriptions and defaults above all, is dropped. */
const keptFields = [
  'type',
  'format',
  'required',
  'x-kubernetes-map-type',
  'x-kubernetes-list-type',
  'x-kubernetes-list-map-keys',
];

/** Returns the definitions that a pod's spec is made of. Throws if two have the same plain name. */
export function reduceOpenApi(openApi: OpenApi): KubernetesExtract {
  const reached = new Map<string, Schema>();
  const visit = (name: string): void => {
    const definition = openApi.definitions[name];
    if (!definition) throw new Error(`Cannot find "${name}" in the OpenAPI document`);
    const known = reached.get(plainName(name));
    if (known === definition) return;
    if (known) throw new Error(`Cannot use the plain name "${plainName(name)}": two definitions have it`);
    reached.set(plainName(name), definition);
    refsIn(definition).forEach(visit);
  };
  visit(root);
  const sorted = [...reached].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return {
    kubernetes: openApi.info.version,
    definitions: mapValues(Object.fromEntries(sorted), reduceSchema),
  };
}

function reduceSchema(schema: Schema): Schema {
  return {
    ...(schema.$ref !== undefined && { $ref: plainName(schema.$ref) }),
    ...Object.fromEntries(Object.entries(schema).filter(([field]) => keptFields.includes(field))),
    ...(schema.items && { items: reduceSchema(schema.items) }),
    ...(schema.additionalProperties && { additionalProperties: reduceSchema(schema.additionalProperties) }),
    ...(schema.properties && { properties: mapValues(schema.properties, reduceSchema) }),
  };
}

function refsIn(schema: Schema): string[] {
  const children = [schema.items, schema.additionalProperties, ...Object.values(schema.properties ?? {})];
  const own = schema.$ref === undefined ? [] : [schema.$ref.replace('#/definitions/', '')];
  return [...own, ...children.flatMap((child) => (child ? refsIn(child) : []))];
}

/** `#/definitions/io.k8s.api.core.v1.Volume` is `Volume`. */
function plainName(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1);
}
