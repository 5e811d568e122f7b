/** The dispatchers that the records tell of. Their ids are what jobs are bound to. */
import type { DaemonRecord, Sighting } from './record.ts';

/** A dispatcher, and the field or flag that told of it. */
export interface Origin {
  id: string;
  field: string;
}

export interface Dispatchers {
  /** Those that run daemons; only the latest generation tells. */
  alive: readonly Origin[];
  /** Those that have left processes in the records which nobody looks after any more. */
  dead: readonly string[];
  /** Those that some record is bound to. */
  pinned: readonly Origin[];
}

/** A dispatcher looks after its daemons every few seconds, but clocks and time zones of servers may differ by hours. */
const deadAfterMs = 24 * 60 * 60 * 1000;

/** The grammar of `spec.id`. */
const idPattern = /^[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/;

export const idRule = '1 to 63 letters, digits, "-", "_" or ".", with a letter or digit at both ends';

export function isValidId(id: string): boolean {
  return idPattern.test(id);
}

export function dispatchersIn(records: readonly DaemonRecord[]): Dispatchers {
  const sightings = records.flatMap(({ seenOn }) => seenOn);
  const lastPingMs = Math.max(
    ...sightings.map((sighting) => sighting.lastPingMs ?? Number.NEGATIVE_INFINITY),
  );
  const isAlive = (sighting: Sighting) =>
    sighting.lastPingMs === undefined || lastPingMs - sighting.lastPingMs <= deadAfterMs;
  const alive = sightings.filter(isAlive).map(({ id }) => id);
  return {
    alive: origins(alive, 'active_instances'),
    dead: sortedUnique(sightings.map(({ id }) => id).filter((id) => !alive.includes(id))),
    pinned: origins(
      records.flatMap(({ pinnedTo }) => pinnedTo),
      'instances',
    ),
  };
}

/**
 * The dispatchers that run the daemon of a record; none if nothing tells. In the latest generation that is a list, empty
 * for all of them, and what `hostname` holds is left from before. In the earlier ones `hostname` is the only one.
 *
 * @param fallback the id for records that tell nothing
 */
export function dispatchersOf(
  { pinnedTo, hostname }: DaemonRecord,
  { alive, pinned }: Dispatchers,
  fallback: string | undefined,
): readonly Origin[] {
  if (pinnedTo.length > 0) return origins(pinnedTo, 'instances');
  if (alive.length > 0) return alive;
  if (hostname !== undefined) return origins([hostname], 'hostname');
  return fallback === undefined ? pinned : origins([fallback], '--id');
}

function origins(ids: readonly string[], field: string): Origin[] {
  return sortedUnique(ids).map((id) => ({ id, field }));
}

function sortedUnique(ids: readonly string[]): string[] {
  return [...new Set(ids)].toSorted();
}
