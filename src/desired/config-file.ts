/** Clarive's config file for one daemon. It travels in an annotation of the pod template, so that a rollout is atomic. */
import { stringify } from 'yaml';
import { configAnnotation, daemonContainer } from '../api/labels.ts';
import type { PodTemplate, PodTemplateOverlay } from '../api/kubernetes.ts';

export type ConfigFile = { text: string } | { invalid: string };

const maxBytes = 128 * 1024;
const maxDepth = 32;
const volumeName = 'clarive-config';

/**
 * Renders `spec.config` as the section of the file that Clarive merges into the options of this service. Keys are sorted,
 * so that their order never causes a rollout. Undefined without settings: then no file is mounted.
 */
export function configFile(
  service: string,
  config: Record<string, unknown> | undefined,
): ConfigFile | undefined {
  if (!config || Object.keys(config).length === 0) return undefined;

  const problem = problemIn(config, 'spec.config', maxDepth);
  if (problem) return { invalid: problem };

  const text = stringify({ [service]: config }, booleansAsNumbers, yamlOptions);
  const bytes = new TextEncoder().encode(text).length;
  if (bytes > maxBytes)
    return { invalid: `The file of spec.config has ${bytes} bytes: reduce it to ${maxBytes} or fewer` };
  return { text };
}

/** Lays the file over the pod template, where `-c environment` looks for it. */
export function configOverlay(text: string, environment: string): PodTemplateOverlay {
  const fieldRef = { fieldPath: `metadata.annotations['${configAnnotation}']` };
  const volume = { name: volumeName, downwardAPI: { items: [{ path: 'config.yml', fieldRef }] } };
  const mount = { name: volumeName, mountPath: pathOf(environment), subPath: 'config.yml', readOnly: true };
  return {
    metadata: { annotations: { [configAnnotation]: text } },
    spec: { volumes: [volume], containers: [{ name: daemonContainer, volumeMounts: [mount] }] },
  };
}

/** Says so if the daemon's container already mounts something in the file's place. */
export function configMountProblem(template: PodTemplate, environment: string): string | undefined {
  const path = pathOf(environment);
  const daemon = template.spec.containers.find(({ name }) => name === daemonContainer);
  const taken = daemon?.volumeMounts?.some(({ mountPath }) => normalized(mountPath) === path);
  if (!taken) return undefined;
  return `The container "${daemonContainer}" in spec.template mounts "${path}", where the file of spec.config goes: remove one of the two`;
}

function pathOf(environment: string): string {
  return `/opt/clarive/config/${environment}.yml`;
}

function normalized(path: string): string {
  return path.replace(/\/+/g, '/').replace(/\/$/, '');
}

/** Perl's YAML loaders read `false` as a true string and unquoted words in ways of their own. */
const yamlOptions = {
  version: '1.1',
  defaultStringType: 'QUOTE_DOUBLE',
  defaultKeyType: 'PLAIN',
  sortMapEntries: true,
  aliasDuplicateObjects: false,
  lineWidth: 0,
} as const;

function booleansAsNumbers(_key: unknown, value: unknown): unknown {
  return typeof value === 'boolean' ? Number(value) : value;
}

function problemIn(value: unknown, field: string, depthLeft: number): string | undefined {
  if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value))
    return `The integer ${field} is beyond 2^53 and would lose digits: write it as a string`;
  if (typeof value !== 'object' || value === null) return undefined;
  if (depthLeft === 0)
    return `The settings in spec.config are nested deeper than ${maxDepth} levels: flatten them`;

  for (const [key, child] of Object.entries(value)) {
    const problem = problemIn(child, `${field}.${key}`, depthLeft - 1);
    if (problem) return problem;
  }
  return undefined;
}
