/** Clarive's config file for one daemon. It travels in an annotation of the pod template, so that a rollout is atomic. */
import { stringify } from 'yaml';
import { configAnnotation, daemonContainer } from '../api/labels.ts';
import type { PodTemplateOverlay } from '../api/kubernetes.ts';
import { canonicalService } from '../presets/presets.ts';
import { isObject } from './merge-rules.ts';

export type ConfigFile = { text: string } | { invalid: string };

const maxBytes = 128 * 1024;
const maxDepth = 32;
const volumeName = 'clarive-config';

/** Settings for the file, from one of those who have a say in it. */
export interface ConfigPart {
  /** The field that they stand in, and whose it is if not the daemon's own, for whoever has to mend them. */
  field: string;
  owner?: string | undefined;
  /** The service whose section of the file they are; undefined: they are its top level. */
  section?: string;
  settings: Record<string, unknown>;
}

/**
 * Renders the file, each part laid over those before it. Keys are sorted, so that their order never causes a rollout.
 * Undefined without settings: then no file is mounted.
 */
export function configFile(all: readonly ConfigPart[]): ConfigFile | undefined {
  const parts = all.filter(({ settings }) => Object.keys(settings).length > 0);
  if (parts.length === 0) return undefined;

  const problem = parts.map(problemOf).find((found) => found !== undefined);
  if (problem !== undefined) return { invalid: problem };

  const text = rendered(parts);
  return sizeOf(text) > maxBytes ? { invalid: sizeProblem(parts) } : { text };
}

function rendered(parts: readonly ConfigPart[]): string {
  const contents = parts.map(({ section, settings }) =>
    section ? { [section]: settings } : withCanonicalSections(settings),
  );
  return stringify(contents.reduce(mergeSettings), booleansAsNumbers, yamlOptions);
}

/** Clarive looks for a section by the registry key only, so what stands under an alias is laid beneath that. */
function withCanonicalSections(settings: Record<string, unknown>): Record<string, unknown> {
  const entries = Object.entries(settings);
  const aliased = entries.filter(([key]) => canonicalService(key) !== key);
  const others = entries.filter(([key]) => canonicalService(key) === key);
  const renamed = aliased.map(([key, value]) => [canonicalService(key), value] as const);
  return mergeSettings(Object.fromEntries(renamed), Object.fromEntries(others));
}

/** Objects are merged key by key, at any depth; of everything else the later value counts. */
function mergeSettings(
  base: Record<string, unknown>,
  later: Record<string, unknown>,
): Record<string, unknown> {
  const keys = new Set([...Object.keys(base), ...Object.keys(later)]);
  return Object.fromEntries(Array.from(keys, (key) => [key, laterOf(key, base, later)]));
}

function laterOf(key: string, base: Record<string, unknown>, later: Record<string, unknown>): unknown {
  if (!Object.hasOwn(later, key)) return base[key];
  const [before, after] = [Object.hasOwn(base, key) ? base[key] : undefined, later[key]];
  return isObject(before) && isObject(after) ? mergeSettings(before, after) : after;
}

function sizeOf(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** Names the one who is too big alone, else all who are too big together. */
function sizeProblem(parts: readonly ConfigPart[]): string {
  const culprit = parts.find((part) => sizeOf(rendered([part])) > maxBytes);
  const culprits = culprit ? [culprit] : parts;
  const bytes = sizeOf(rendered(culprits));
  return `The file of ${culprits.map(placeOf).join(' and ')} has ${bytes} bytes: reduce it to ${maxBytes} or fewer`;
}

function placeOf({ field, owner }: Pick<ConfigPart, 'field' | 'owner'>): string {
  return owner === undefined ? field : `${field} of ${owner}`;
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
export function configMountProblem(
  overlay: PodTemplateOverlay | undefined,
  environment: string,
  owner?: string,
): string | undefined {
  const path = pathOf(environment);
  const daemon = overlay?.spec?.containers?.find(({ name }) => name === daemonContainer);
  const taken = daemon?.volumeMounts?.some(({ mountPath = '' }) => normalized(mountPath) === path);
  if (!taken) return undefined;
  return `The container "${daemonContainer}" in ${placeOf({ field: 'spec.template', owner })} mounts "${path}", where the file of spec.config goes: remove one of the two`;
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

function problemOf(part: ConfigPart): string | undefined {
  return problemIn(part.settings, part.field, part, maxDepth);
}

function problemIn(value: unknown, field: string, part: ConfigPart, depthLeft: number): string | undefined {
  if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value))
    return `The number ${placeOf({ ...part, field })} is beyond 2^53 and would lose digits: write it as a string`;
  if (typeof value !== 'object' || value === null) return undefined;
  if (depthLeft === 0)
    return `The settings in ${placeOf(part)} are nested deeper than ${maxDepth} levels: flatten them`;

  for (const [key, child] of Object.entries(value)) {
    const problem = problemIn(child, `${field}.${key}`, part, depthLeft - 1);
    if (problem) return problem;
  }
  return undefined;
}
