/** What the stored status of a daemon says to those who look at several daemons at once. */
import type { ClariveDaemon } from '../api/clarive-daemon.ts';
import type { ClariveDispatcher } from '../api/clarive-dispatcher.ts';
import type { Condition, ConditionType } from '../api/conditions.ts';

export function reported({ status }: ClariveDaemon, type: ConditionType): Condition | undefined {
  return status?.conditions?.find((condition) => condition.type === type);
}

export function isReported(daemon: ClariveDaemon, type: ConditionType): boolean {
  return reported(daemon, type)?.status === 'True';
}

export function waitsForTurn(daemon: ClariveDaemon): boolean {
  return reported(daemon, 'Ready')?.reason === 'WaitingForTurn';
}

/** Whether the status is about the present specs, its own and its dispatcher's, if it has one. */
export function isUpToDate(
  { metadata, status }: ClariveDaemon,
  dispatcher: ClariveDispatcher | undefined,
): boolean {
  return (
    status?.observedGeneration === metadata.generation &&
    status?.dispatcherGeneration === dispatcher?.metadata.generation
  );
}
