/** Decides on one record: which processes it becomes, or why it becomes none. */
import { presetOf, presets } from '../presets/presets.ts';
import { type Dispatchers, dispatchersOf, idRule, isValidId, type Origin } from './dispatchers.ts';
import type { DaemonRecord } from './record.ts';

export interface IdOptions {
  /** For records that tell no dispatcher. */
  id: string | undefined;
  /** What an id is to become. */
  renamedIds: ReadonlyMap<string, string>;
}

export interface Decision {
  /** The dispatchers that it is moved from, by their old ids. */
  dispatchers: readonly string[];
  /** One for each process; undefined is a process without id. */
  ids: readonly (string | undefined)[];
  /** What was decided, for the user. */
  notes: readonly string[];
  /** What went wrong: each names the field and the remedy. */
  problems: readonly string[];
}

export const jobService = 'service.job.daemon';
const dispatcherService = 'service.dispatcher';

/**
 * Jobs are bound to the id of their job daemon, so each job daemon is kept. Of unknown services nobody knows whether an
 * installation needs several, so all are left as they were.
 */
export function takesCopies(service: string): boolean {
  return !presetOf(service).singleton;
}

export function decide(record: DaemonRecord, dispatchers: Dispatchers, options: IdOptions): Decision {
  const { service } = record;
  if (service === dispatcherService)
    return {
      dispatchers: [],
      ids: [],
      notes: ['left out, because the operator takes its place'],
      problems: [],
    };

  const { id, renamedIds } = options;
  const before = dispatchersOf(record, dispatchers, id);
  const origins = before.map((origin) => ({ ...origin, id: renamedIds.get(origin.id) ?? origin.id }));
  const decision = takesCopies(service) ? copies(record, origins, dispatchers.dead) : single(origins);
  const remark = presets[service] ? presets[service].caution : 'a service that the operator does not know';
  return {
    ...decision,
    dispatchers: before.map((origin) => origin.id),
    notes: [...record.notes, ...decision.notes, ...(remark ? [inSentence(remark)] : [])],
  };
}

type Conclusion = Omit<Decision, 'dispatchers'>;

function copies(record: DaemonRecord, origins: readonly Origin[], dead: readonly string[]): Conclusion {
  if (origins.length === 0)
    return { ids: [undefined], notes: ['without id, because the record tells no dispatcher'], problems: [] };
  const mentionsDead = dead.length > 0 && record.pinnedTo.length === 0;
  const ended = dead.map((id) => JSON.stringify(id)).join(', ');
  return {
    ids: origins.map(({ id }) => id).filter(isValidId),
    notes: mentionsDead ? [`none for ${ended}, which ended long before the export`] : [],
    problems: origins.filter(({ id }) => !isValidId(id)).map(badId),
  };
}

/** A sentence of its own as a part of another. */
function inSentence(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

function badId({ id, field }: Origin): string {
  return `${field} has the dispatcher ${JSON.stringify(id)}, which can't be an id (${idRule}): let its jobs end on the classic Dispatcher, then import with --rename-id '${id}=app1' or another id`;
}

function single(origins: readonly Origin[]): Conclusion {
  const ids = origins.map(({ id }) => id);
  const valid = ids.find(isValidId);
  const only =
    ids.length > 1
      ? [`one instead of ${ids.length}, because Kubernetes starts it elsewhere if a node fails`]
      : [];
  const unfit =
    ids.length > 0 && valid === undefined ? [`without id, because no label can hold the old one`] : [];
  return { ids: [valid], notes: [...only, ...unfit], problems: [] };
}
