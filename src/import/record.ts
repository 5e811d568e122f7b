/** One record of the collection `daemon`, in any of the three forms that the classic Dispatcher has given it. */
import { canonicalService } from '../presets/presets.ts';
import { plain } from './extended-json.ts';

export interface DaemonRecord {
  /** Canonical registry key. */
  service: string;
  active: boolean;
  /** Ids of the dispatchers that alone may run it; empty: each dispatcher runs its own copy. */
  pinnedTo: string[];
  /** Dispatchers that have, or had, a process of it. */
  seenOn: Sighting[];
  /** Its only dispatcher, in the earlier generations; their form offered "localhost" only, which says nothing. */
  hostname: string | undefined;
  config: Record<string, unknown> | undefined;
  /** What was decided on the way. */
  notes: string[];
  /** Fields that ClariveDaemon has nothing for. */
  ignored: string[];
}

export interface Sighting {
  id: string;
  /** When the dispatcher last looked after it, in ms; only good for comparing. */
  lastPingMs: number | undefined;
}

/** Shows which record is meant, as far as it tells: the MongoDB `_id` and the service. */
export interface RecordName {
  mongoId: string | undefined;
  service: string | undefined;
}

/** A record, or all that is wrong with it: each sentence names the field and the remedy. */
export type ReadRecord = RecordName & ({ record: DaemonRecord } | { problems: string[] });

type Fields = Record<string, unknown>;

/** The grammar of `spec.service`. */
const servicePattern = /^service\.[A-Za-z0-9_.]*[A-Za-z0-9]$/;
const maxServiceLength = 63;

const knownFields = new Set([
  '_id',
  'service',
  'active',
  'instances',
  'active_instances',
  'hostname',
  'config',
]);

export function readRecord(value: unknown): ReadRecord {
  if (!isFields(value))
    return {
      ...nameOf({}),
      problems: [`is ${shown(value)}: it must be an object with "service" and "active"`],
    };
  const fields: Fields = {};
  const problems: string[] = [];
  for (const name of [...knownFields].filter((name) => name in value)) {
    const result = plain(value[name], name);
    if ('value' in result) fields[name] = result.value;
    else if (name !== '_id') problems.push(result.problem);
  }
  const ignored = Object.keys(value).filter((name) => !knownFields.has(name) && !isEmpty(value[name]));
  const name = nameOf(fields);
  if (problems.length > 0) return { ...name, problems };
  return { ...name, ...fromFields(fields, ignored) };
}

function fromFields(fields: Fields, ignored: string[]): { record: DaemonRecord } | { problems: string[] } {
  const problems: string[] = [];
  const notes: string[] = [];
  const service = serviceOf(fields, problems, notes);
  const active = activeOf(fields, problems, notes);
  const pinnedTo = pinnedToOf(fields, problems);
  const config = configOf(fields, notes);
  const hostname = textOf(fields['hostname']);
  if (problems.length > 0) return { problems };
  return {
    record: {
      service,
      active,
      pinnedTo,
      seenOn: seenOnOf(fields),
      hostname: hostname === 'localhost' || hostname === '' ? undefined : hostname,
      config,
      notes,
      ignored,
    },
  };
}

function serviceOf(fields: Fields, problems: string[], notes: string[]): string {
  const key = textOf(fields['service']) ?? '';
  const service = canonicalService(key);
  if (isEmpty(fields['service']))
    problems.push('service is missing: add the registry key of the service, or delete the record');
  else if (!servicePattern.test(service) || service.length > maxServiceLength)
    problems.push(
      `service is ${shown(fields['service'])}: it must be "service.", then letters, digits, "_" or ".", at most ${maxServiceLength} characters, with a letter or digit at the end`,
    );
  else if (service !== key) notes.push(`its service is registered as "${service}"`);
  return service;
}

/** Perl wrote the strings "1" and "0"; migrations and hands may have written numbers and booleans. */
function activeOf({ active }: Fields, problems: string[], notes: string[]): boolean {
  if (isEmpty(active)) {
    notes.push('the record does not say whether it is active, which counts as no');
    return false;
  }
  const text = String(active);
  if (['1', 'true'].includes(text)) return true;
  if (!['0', 'false'].includes(text)) problems.push(`active is ${shown(active)}: it must be "1" or "0"`);
  return false;
}

/** A list of `{instance: <id>}`; of a single one, Perl may have stored the object itself. */
function pinnedToOf({ instances }: Fields, problems: string[]): string[] {
  if (isEmpty(instances)) return [];
  const ids = listOf(instances).map((item) => (isFields(item) ? (item['instance'] ?? '') : undefined));
  if (ids.every((id) => typeof id === 'string' || typeof id === 'number'))
    return unique(ids.map(String).filter((id) => id !== ''));
  problems.push(`instances is ${shown(instances)}: it must be a list such as [{"instance": "app1"}]`);
  return [];
}

function seenOnOf(fields: Fields): Sighting[] {
  return listOf(fields['active_instances'])
    .filter(isFields)
    .flatMap((item) => {
      const id = textOf(item['disp_id']);
      return id ? [{ id, lastPingMs: momentOf(item['last_ping']) }] : [];
    });
}

/** The classic screen shows a text in this column, which no version of the Dispatcher ever used. */
function configOf({ config }: Fields, notes: string[]): Record<string, unknown> | undefined {
  if (isEmpty(config)) return undefined;
  if (isFields(config)) {
    const nulls = nullsIn(config);
    if (nulls.length > 0) notes.push(`null counts as not set, so its config has no ${nulls.join(', ')}`);
    return withoutNulls(config) as Record<string, unknown>;
  }
  notes.push('its field "config" is left out, because it is no set of settings');
  return undefined;
}

/** Perl has one word for null and for not set, and `kubectl apply` takes null as "remove". */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isFields(value)) return value;
  const present = Object.entries(value).filter(([, child]) => child !== null && child !== undefined);
  return Object.fromEntries(present.map(([key, child]) => [key, withoutNulls(child)]));
}

/** Paths of the settings that `withoutNulls` leaves out. */
function nullsIn(value: unknown, path = ''): string[] {
  if (value === null) return [path];
  if (Array.isArray(value))
    return value.flatMap((item, index) => (item === null ? [] : nullsIn(item, `${path}[${index}]`)));
  if (!isFields(value)) return [];
  return Object.entries(value).flatMap(([key, child]) =>
    nullsIn(child, path === '' ? key : `${path}.${key}`),
  );
}

/** Clarive writes `2026-01-31 23:59:59` without a time zone. */
function momentOf(value: unknown): number | undefined {
  const text = textOf(value)?.trim().replace(' ', 'T') ?? '';
  const moment = Date.parse(/^[\d-]+T[\d:.]+$/.test(text) ? `${text}Z` : text);
  return Number.isNaN(moment) ? undefined : moment;
}

function nameOf(fields: Fields): RecordName {
  return { mongoId: textOf(fields['_id']), service: textOf(fields['service']) };
}

function listOf(value: unknown): unknown[] {
  if (isEmpty(value)) return [];
  return Array.isArray(value) ? value : [value];
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isEmpty(value: unknown): boolean {
  return (
    value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0)
  );
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
}

function unique(ids: string[]): string[] {
  return [...new Set(ids)];
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'undefined';
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
