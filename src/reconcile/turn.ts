/**
 * Paces what the daemons of a dispatcher share. A change of it comes to all of them at once, and would restart all of them at
 * once: here they take it over one after the other, in the order of their names, and go on only as long as it does no harm.
 *
 * Nothing is remembered for longer than a moment: each child says by its origin what it was made of, and its pod says how that went.
 * So it goes on after a restart of the operator as if there had been none.
 */
import type { ClariveDaemon } from '../api/clarive-daemon.ts';
import type { ClariveDispatcher } from '../api/clarive-dispatcher.ts';
import { parseOrigin, type Origin } from '../api/origin.ts';
import { wantedReplicas } from '../desired/deployment.ts';
import { nameDispatcher, type Dispatching } from '../desired/settings.ts';
import { canonicalService } from '../presets/presets.ts';
import { healthOf } from '../status/daemon-status.ts';
import type { ObservedDeployment } from '../status/observed.ts';
import type { NextWrite } from './next-write.ts';
import {
  isRefused,
  provenMs,
  survey,
  type Change,
  type Standing,
  type Surroundings,
  type Surveys,
} from './survey.ts';

/** Who waits looks again after this time, although each change of whom it waits for is told. */
const lookAgainMs = 30_000;

/**
 * The write, or to wait for its turn instead. Only an apply has to wait, and only if nothing but the shared settings has changed
 * and the daemon is active: one that isn't has nothing to lose, and may be mended by the change. So a start, a stop, a change of
 * the daemon's own spec and the repair of drift come at once.
 */
export function inTurn(
  write: NextWrite,
  daemon: ClariveDaemon,
  dispatcher: Dispatching,
  surroundings: Surroundings & { surveys: Surveys },
): NextWrite {
  if (write.do !== 'apply' || typeof dispatcher !== 'object') return write;
  const change = sharedChange(daemon, write.child, write.desired.origin);
  if (!change || wantedReplicas(daemon, dispatcher) === 0) return write;
  const { cluster, now, surveys } = surroundings;
  const { child } = write;
  const isActive = healthOf({ daemon, child, pods: cluster.pods(child.key), nowMs: now() }).active;
  if (!isActive || isRefused(daemon, dispatcher)) return write;

  const lately = hindrancesFor(daemon, surveys.recent(change, dispatcher, surroundings));
  const isFarBehind = lately.some(({ is }) => is === 'toTake');
  // Whoever may be next has to know how things stand now.
  const hindrances = isFarBehind
    ? lately
    : hindrancesFor(daemon, survey(change, dispatcher, surroundings).standings);
  return hindrances.length === 0 ? write : queued(hindrances, dispatcher, now());
}

/** Undefined if the child differs for another reason, or for another one as well. */
function sharedChange(
  { spec }: ClariveDaemon,
  child: ObservedDeployment,
  to: Origin | undefined,
): Change | undefined {
  const from = parseOrigin(child.origin);
  if (!from || !to || from.dispatcher !== to.dispatcher || from.own !== to.own) return undefined;
  if (from.shared !== to.shared) return { of: 'shared', service: undefined, to };
  return from.service === to.service
    ? undefined
    : { of: 'service', service: canonicalService(spec.service), to };
}

/** Those for whom the daemon has to wait. */
function hindrancesFor({ metadata: { name } }: ClariveDaemon, standings: readonly Standing[]): Standing[] {
  return standings.filter(
    (other) => other.name !== name && (other.is !== 'toTake' || !other.active || other.name < name),
  );
}

function queued(hindrances: readonly Standing[], dispatcher: ClariveDispatcher, nowMs: number): NextWrite {
  const settings = `the new settings of ${nameDispatcher(dispatcher.metadata.name)}`;
  const failed = hindrances.find(({ is }) => is === 'failed');
  // The one right before it, so that what it says stays true until its turn comes.
  const before = hindrances.findLast(({ is }) => is === 'toTake') ?? hindrances[0];
  const message = failed
    ? `Keeps its old settings, because ${failed.name} fails with ${settings}: mend them, or mend or stop ${failed.name}`
    : `Takes over ${settings} as soon as ${before?.name} has run well with them for ${provenMs / 1000} seconds`;
  const lastMs = hindrances.reduce((latestMs, { provenAtMs }) => Math.max(latestMs, provenAtMs), 0);
  return { do: 'queue', message, recheckAfterMs: Math.min(lookAgainMs, lastMs - nowMs) };
}
