/** A schema as in OpenAPI, with `$ref` by plain name and `x-typescript`, the name of the generated or imported type. */
export interface Schema {
  $ref?: string;
  description?: string;
  type?: string;
  default?: unknown;
  required?: string[];
  properties?: Record<string, Schema>;
  items?: Schema;
  additionalProperties?: Schema;
  'x-kubernetes-list-map-keys'?: string[];
  'x-typescript'?: { name: string; from?: string };
}

export type Definitions = Record<string, Schema>;

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/**
 * Returns the schema with every `$ref` replaced by what it names, and whatever stands beside it merged upon that.
 * Fields that are null are left out. Keys of list maps become required, as the API server demands, unless they have
 * a default.
 */
export function expand(schema: Schema, definitions: Definitions): Schema {
  const node = withoutNulls(follow(schema, definitions));
  return {
    ...node,
    ...(node.items && { items: withRequiredKeys(expand(node.items, definitions), node) }),
    ...(node.properties && {
      properties: mapValues(withoutNulls(node.properties), (child) => expand(child, definitions)),
    }),
    ...(node.additionalProperties && {
      additionalProperties: expand(node.additionalProperties, definitions),
    }),
  };
}

/**
 * Returns the target with the patch merged upon it, object by object. A null stays, so that it also removes what a
 * `$ref` will bring.
 */
export function merge<Value>(target: Value, patch: unknown): Value {
  return mergeJson(target as Json, patch as Json) as Value;
}

/** Returns the schema without `x-typescript`, which the API server doesn't know. */
export function withoutTypeScript(schema: Schema): Schema {
  const { 'x-typescript': _, ...rest } = schema;
  return {
    ...rest,
    ...(rest.items && { items: withoutTypeScript(rest.items) }),
    ...(rest.properties && { properties: mapValues(rest.properties, withoutTypeScript) }),
  };
}

export function mapValues<From, To>(
  record: Record<string, From>,
  map: (value: From) => To,
): Record<string, To> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}

function follow(schema: Schema, definitions: Definitions): Schema {
  if (schema.$ref === undefined) return schema;
  const { $ref, ...beside } = schema;
  const definition = definitions[$ref];
  if (!definition) throw new Error(`Cannot find the definition "${$ref}" in crds/source`);
  return follow(merge(definition, beside), definitions);
}

function withRequiredKeys(items: Schema, list: Schema): Schema {
  const missing = (list['x-kubernetes-list-map-keys'] ?? []).filter(
    (key) => !items.required?.includes(key) && items.properties?.[key]?.default === undefined,
  );
  return missing.length === 0 ? items : { ...items, required: [...(items.required ?? []), ...missing] };
}

function withoutNulls<Value extends object>(value: Value): Value {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== null)) as Value;
}

function mergeJson(target: Json | undefined, patch: Json): Json {
  if (!isObject(target) || !isObject(patch)) return patch;
  const merged = Object.entries(patch).map(([key, value]) => [key, mergeJson(target[key], value)]);
  return { ...target, ...Object.fromEntries(merged) };
}

function isObject(value: Json | undefined): value is { [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
