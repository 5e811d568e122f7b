/** One visit to one dispatcher: tells how its daemons are together. What it wants of them, each daemon's own visit does. */
import type { ClariveDaemon } from '../api/clarive-daemon.ts';
import { keyOf, type ObjectKey } from '../api/object-key.ts';
import { dispatcherStatus } from '../status/dispatcher-status.ts';
import { waitsForTurn } from '../status/reported.ts';
import type { Cluster } from './cluster.ts';
import type { Visit } from './reconcile.ts';
import { report } from './report.ts';
import type { StatusSchedule } from './status-schedule.ts';

export interface DispatcherDependencies {
  cluster: Cluster;
  statusSchedule: StatusSchedule;
  /** Wall clock, in milliseconds since 1970. */
  now: () => number;
  /** Asks for a visit to a daemon. */
  enqueue: (daemon: ObjectKey) => void;
}

/** So many of those that wait are told of each change; whoever is behind them looks by itself, now and then. */
const mostTold = 100;

export async function reconcileDispatcher(
  key: ObjectKey,
  { cluster, statusSchedule, now, enqueue }: DispatcherDependencies,
): Promise<Visit> {
  const dispatcher = cluster.dispatcher(key);
  if (!dispatcher) {
    statusSchedule.forget(key);
    return {};
  }

  const daemons = cluster.attached(key);
  for (const daemon of nextInTurn(daemons)) enqueue(keyOf(daemon));

  const heldBackMs = await report(dispatcher, dispatcherStatus(dispatcher, daemons, now()), {
    statusSchedule,
    write: (status) => cluster.writeDispatcherStatus(dispatcher, status),
    record: (event) => cluster.recordEvent(dispatcher, event),
  });
  return heldBackMs === undefined ? {} : { requeueAfterMs: heldBackMs };
}

function nextInTurn(daemons: readonly ClariveDaemon[]): ClariveDaemon[] {
  const waiting = daemons.filter(waitsForTurn);
  if (waiting.length <= mostTold) return waiting;
  return waiting.toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1)).slice(0, mostTold);
}
