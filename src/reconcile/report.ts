import { isDeepStrictEqual } from 'node:util';
import { keyOf } from '../api/object-key.ts';
import { eventOf, type Conditioned } from '../status/event.ts';
import type { DaemonEvent } from './cluster.ts';
import type { StatusSchedule } from './status-schedule.ts';

interface Reported<Status> {
  metadata: { namespace?: string; name: string };
  status?: Status;
}

interface Report<Status> {
  statusSchedule: StatusSchedule;
  write: (status: Status) => Promise<void>;
  record: (event: DaemonEvent) => void;
}

/** Writes a status that differs from the stored one, now or, if it may be held back, after the time that it returns. */
export async function report<Status extends Conditioned>(
  object: Reported<Status>,
  status: Status,
  { statusSchedule, write, record }: Report<Status>,
): Promise<number | undefined> {
  const key = keyOf(object);
  if (!isDeepStrictEqual(status, object.status)) {
    const waitMs = statusSchedule.waitMs(key, status);
    if (waitMs > 0) return waitMs;
    await write(status);
    const event = eventOf(object.status, status);
    if (event) record(event);
  }
  statusSchedule.stored(key, status);
  return undefined;
}
