import type { ClariveDaemonStatus } from '../api/clarive-daemon.ts';
import type { Condition } from '../api/conditions.ts';

/**
 * The Event that a new status is worth: one when the daemon arrives at a new state, good (Normal) or one that needs help (Warning); none for the
 * steps in between, so that a start or a stop is one Event.
 */
export function eventOf(
  before: ClariveDaemonStatus | undefined,
  after: ClariveDaemonStatus,
): { type: 'Normal' | 'Warning'; reason: string; message: string } | undefined {
  const ready = find(after, 'Ready');
  if (!ready || find(after, 'Reconciling')?.status === 'True') return undefined;
  const last = find(before, 'Ready');
  const arrived = last?.reason !== ready.reason || find(before, 'Reconciling')?.status === 'True';
  if (!arrived) return undefined;
  const needsHelp = find(after, 'Stalled')?.status === 'True';
  return { type: needsHelp ? 'Warning' : 'Normal', reason: ready.reason, message: ready.message };
}

function find(status: ClariveDaemonStatus | undefined, type: string): Condition | undefined {
  return status?.conditions?.find((condition) => condition.type === type);
}
