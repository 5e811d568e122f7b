/** Makes daemons out of records: those of one daemon become one, and each daemon gets a name. */
import { presets } from '../presets/presets.ts';
import { decide, type Decision, type IdOptions, takesCopies } from './decide.ts';
import { dispatchersIn } from './dispatchers.ts';
import { freeName, label, nameOfService } from './names.ts';
import type { Entry } from './parse.ts';
import { type DaemonRecord, type ReadRecord, readRecord, type RecordName } from './record.ts';

export interface PlannedDaemon {
  name: string;
  service: string;
  /** Undefined: the name. */
  id: string | undefined;
  active: boolean;
  config: Record<string, unknown> | undefined;
  /** The records that it comes from. */
  sources: readonly Decided[];
  /** The one of them that its config is from. */
  configSource: Decided | undefined;
}

/** What became of one record. */
export interface Outcome extends RecordName {
  /** Counted from 1. */
  number: number;
  /** Where it begins, if that is known. */
  line: number | undefined;
  daemons: readonly PlannedDaemon[];
  /** What was decided. */
  notes: readonly string[];
  /** Why it was left out, or some of it: each names the field and the remedy. */
  problems: readonly string[];
  /** Fields without counterpart. */
  ignored: readonly string[];
  /** Whether only certain dispatchers might run it. */
  isPinned: boolean;
}

export interface Plan {
  /** What is wrong with the command line, as the records show: each names the flag and the remedy. */
  problems: readonly string[];
  outcomes: readonly Outcome[];
  /** By name. */
  daemons: readonly PlannedDaemon[];
}

/** One record that could be read, and what was decided on it. */
interface Decided {
  number: number;
  mongoId: string | undefined;
  record: DaemonRecord;
  decision: Decision;
}

type Nameless = Omit<PlannedDaemon, 'name'>;

export function planDaemons(entries: readonly Entry[], options: IdOptions): Plan {
  const read = entries.map(readEntry);
  const dispatchers = dispatchersIn(read.flatMap((one) => ('record' in one ? one.record : [])));
  const decided = read.map((one, index): Decided | undefined => {
    if (!('record' in one)) return undefined;
    const { mongoId, record } = one;
    return { number: index + 1, mongoId, record, decision: decide(record, dispatchers, options) };
  });
  const usable = decided.filter((one) => one !== undefined);
  const daemons = named(merged(usable));
  const daemonsFrom = bySource(daemons);
  return {
    problems: unfitRenamings(
      options.renamedIds,
      usable.flatMap(({ decision }) => decision.dispatchers),
    ),
    outcomes: read.map((one, index) => {
      const source = decided[index];
      const own = source ? [...(daemonsFrom.get(source) ?? [])] : [];
      return outcomeOf(one, index + 1, entries[index]?.line, own, source);
    }),
    daemons,
  };
}

const mostNamed = 10;

/** A mistyped id would leave the daemons, and the jobs that are bound to them, with the one that was to go. */
function unfitRenamings(renamedIds: IdOptions['renamedIds'], dispatchers: readonly string[]): string[] {
  const known = new Set(dispatchers);
  const named = [...known]
    .toSorted()
    .slice(0, mostNamed)
    .map((id) => JSON.stringify(id));
  const more = known.size > mostNamed ? ` and ${known.size - mostNamed} more` : '';
  const those = known.size > 0 ? `the ids are ${named.join(', ')}${more}` : 'they tell of no dispatcher';
  return [...renamedIds]
    .filter(([id]) => !known.has(id))
    .map(
      ([id, newId]) =>
        `--rename-id '${id}=${newId}' fits no daemon of the records: ${those}; correct or drop it, and import again`,
    );
}

function readEntry(entry: Entry): ReadRecord {
  if ('value' in entry) return readRecord(entry.value);
  return { mongoId: undefined, service: undefined, problems: [entry.problem] };
}

/**
 * Records of one daemon become one. It runs if one of them says so. The order in which they come does not matter: what an
 * active record says goes before.
 */
function merged(decided: readonly Decided[]): Nameless[] {
  const processes = decided.flatMap((source) => source.decision.ids.map((id) => ({ id, source })));
  const groups = Map.groupBy(
    processes.toSorted((a, b) => compare(weight(a), weight(b))),
    identity,
  );
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (!first) return [];
    const sources = group.map(({ source }) => source);
    const { service, active } = first.source.record;
    const configSource = sources.find(({ record }) => record.config);
    return { service, id: first.id, active, config: configSource?.record.config, sources, configSource };
  });
}

interface Process {
  id: string | undefined;
  source: Decided;
}

function weight({ id, source: { record, mongoId } }: Process): string[] {
  return [record.active ? '0' : '1', id ?? '', mongoId ?? ''];
}

function identity({ id, source: { record } }: Process): string {
  return takesCopies(record.service) ? JSON.stringify([record.service, id]) : record.service;
}

/** Several daemons of one service are told apart by their ids. Services that the operator knows choose first. */
function named(daemons: readonly Nameless[]): PlannedDaemon[] {
  const rank = ({ service, id = '' }: Nameless) => [presets[service] ? '0' : '1', service, id];
  const taken = new Set<string>();
  const byService = Map.groupBy(daemons, ({ service }) => service);
  return daemons
    .toSorted((a, b) => compare(rank(a), rank(b)))
    .map((daemon) => {
      const hasTwin = (byService.get(daemon.service)?.length ?? 0) > 1;
      const base = nameOfService(daemon.service);
      const name = freeName(hasTwin && daemon.id ? label(`${base}-${daemon.id}`) : base, taken);
      taken.add(name);
      return { name, ...daemon };
    })
    .toSorted((a, b) => compare([a.name], [b.name]));
}

/** The daemons that come from each record, by name. */
function bySource(daemons: readonly PlannedDaemon[]): Map<Decided, Set<PlannedDaemon>> {
  const found = new Map<Decided, Set<PlannedDaemon>>();
  for (const daemon of daemons)
    for (const source of daemon.sources)
      found.set(source, (found.get(source) ?? new Set<PlannedDaemon>()).add(daemon));
  return found;
}

function outcomeOf(
  { mongoId, service, ...read }: ReadRecord,
  number: number,
  line: number | undefined,
  daemons: readonly PlannedDaemon[],
  decided: Decided | undefined,
): Outcome {
  const { notes = [], problems = [] } = decided?.decision ?? {};
  return {
    mongoId,
    service,
    number,
    line,
    daemons,
    notes: [...notes, ...(decided ? daemons.flatMap((daemon) => mergeNotes(daemon, decided)) : [])],
    problems: 'problems' in read ? read.problems : problems,
    ignored: 'record' in read ? read.record.ignored : [],
    isPinned: 'record' in read && read.record.pinnedTo.length > 0,
  };
}

/** What a user has to know of a daemon that comes from several records. */
function mergeNotes({ sources, active, configSource }: PlannedDaemon, own: Decided): string[] {
  const [first] = sources;
  if (!first || own === first) return [];
  return [
    `the same daemon as record ${first.number}`,
    ...(active && !own.record.active ? [`running, because record ${first.number} is active`] : []),
    ...(configSource && configSource !== own && own.record.config
      ? [`its config is left out for that of record ${configSource.number}`]
      : []),
  ];
}

/** By code units, so that the order is the same everywhere. */
function compare(a: readonly string[], b: readonly string[]): number {
  const index = a.findIndex((text, position) => text !== b[position]);
  if (index === -1) return 0;
  return (a[index] ?? '') < (b[index] ?? '') ? -1 : 1;
}
