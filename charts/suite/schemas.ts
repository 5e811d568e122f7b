/** JSON schemas of everything that an API server knows, as kubeconform takes them. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KubeClient } from '../../test/support/kube-client.ts';

interface OpenApi {
  components?: { schemas?: Record<string, SchemaNode> };
}

interface SchemaNode {
  type?: string;
  properties?: Record<string, SchemaNode>;
  additionalProperties?: unknown;
  'x-kubernetes-group-version-kind'?: { group: string; version: string; kind: string }[];
  'x-kubernetes-preserve-unknown-fields'?: boolean;
  [keyword: string]: unknown;
}

/** Writes a schema for each kind into the folder, and returns the location that kubeconform wants to know. */
export async function writeSchemas(kube: KubeClient, folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const get = (path: string) => kube.call({ method: 'GET', path });
  const { paths } = (await get('/openapi/v3')) as { paths: Record<string, { serverRelativeURL: string }> };
  for (const { serverRelativeURL } of Object.values(paths)) {
    const { components } = (await get(serverRelativeURL)) as OpenApi;
    await writeKinds(components?.schemas ?? {}, folder);
  }
  return join(folder, '{{ .ResourceKind }}{{ .KindSuffix }}.json');
}

async function writeKinds(schemas: Record<string, SchemaNode>, folder: string): Promise<void> {
  const components = { schemas: Object.fromEntries(Object.entries(schemas).map(([n, s]) => [n, closed(s)])) };
  for (const [name, schema] of Object.entries(schemas)) {
    for (const { group, version, kind } of schema['x-kubernetes-group-version-kind'] ?? []) {
      const suffix = [group.split('.')[0], version].filter(Boolean).join('-');
      const text = JSON.stringify({ $ref: `#/components/schemas/${name}`, components });
      await writeFile(join(folder, `${kind.toLowerCase()}-${suffix}.json`), text);
    }
  }
}

/** The schema, with no other keys than those it names: Kubernetes' own leaves that to the API server. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== 'object' || schema === null) return schema;
  const node = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, closed(value)]));
  const isOpen = 'additionalProperties' in node || node['x-kubernetes-preserve-unknown-fields'] === true;
  return 'properties' in node &&
    typeof node['properties'] === 'object' &&
    !isOpen &&
    node['type'] === 'object'
    ? { ...node, additionalProperties: false }
    : node;
}
