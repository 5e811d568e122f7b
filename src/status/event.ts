import type { Condition } from '../api/conditions.ts';

/** A status, as far as those of all kinds are alike. */
export interface Conditioned {
  conditions?: Condition[];
}

/**
 * The Event that a new status is worth: one when the object arrives at a new state, good (Normal) or one that needs help (Warning); none for the
 * steps in between, so that a start or a stop is one Event.
 */
export function eventOf(
  before: Conditioned | undefined,
  after: Conditioned,
): { type: 'Normal' | 'Warning'; reason: string; message: string } | undefined {
  const ready = find(after, 'Ready');
  if (!ready || find(after, 'Reconciling')?.status === 'True') return undefined;
  const last = find(before, 'Ready');
  const arrived = last?.reason !== ready.reason || find(before, 'Reconciling')?.status === 'True';
  if (!arrived) return undefined;
  const needsHelp = find(after, 'Stalled')?.status === 'True';
  return { type: needsHelp ? 'Warning' : 'Normal', reason: ready.reason, message: ready.message };
}

function find(status: Conditioned | undefined, type: string): Condition | undefined {
  return status?.conditions?.find((condition) => condition.type === type);
}
