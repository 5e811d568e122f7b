/**
 * Paces what daemons share: the settings of their dispatcher, and the ConfigMaps and Secrets that their pods name. A change of it comes
 * to all of them at once, and would restart all of them at once: here they take it over one after the other, in the order of their
 * names, and go on only as long as it does no harm.
 *
 * Nothing is remembered for longer than a moment: on each child stands what it was made of and started with, and its pod says how that
 * went. So it goes on after a restart of the operator as if there had been none.
 */
import type { ClariveDaemon } from '../api/clarive-daemon.ts';
import { wantedReplicas } from '../desired/deployment.ts';
import type { Dispatching } from '../desired/settings.ts';
import { healthOf } from '../status/daemon-status.ts';
import type { NextWrite } from './next-write.ts';
import { changeOfContents, changeOfSettings, type SharedChange } from './shared-change.ts';
import { isRefused, provenMs, survey, type Standing, type Surroundings, type Surveys } from './survey.ts';

/** Who waits looks again after this time, although each change of whom it waits for is told; where it is not, sooner. */
const lookAgainMs = 30_000;

/**
 * The write, or to wait for its turn instead. Only an apply or a restart has to wait, and only if nothing but what is shared has changed
 * and the daemon is active: one that isn't has nothing to lose, and may be mended by the change. So a start, a stop, a change of
 * the daemon's own spec and the repair of drift come at once.
 */
export function inTurn(
  write: NextWrite,
  daemon: ClariveDaemon,
  dispatcher: Dispatching,
  surroundings: Surroundings & { surveys: Surveys },
): NextWrite {
  if (write.do !== 'apply' && write.do !== 'restart') return write;
  const change = changeIn(write, daemon, dispatcher);
  if (!change || wantedReplicas(daemon, dispatcher) === 0) return write;
  const { cluster, now, surveys } = surroundings;
  const { child } = write;
  const isActive = healthOf({ daemon, child, pods: cluster.pods(child.key), nowMs: now() }).active;
  if (!isActive || isRefused(daemon, dispatcher)) return write;

  const lately = hindrancesFor(daemon, surveys.recent(change, surroundings));
  const isFarBehind = lately.some(({ is }) => is === 'toTake');
  // Whoever may be next has to know how things stand now.
  const hindrances = isFarBehind ? lately : hindrancesFor(daemon, survey(change, surroundings).standings);
  return hindrances.length === 0 ? write : queued(hindrances, change, now());
}

function changeIn(
  write: Extract<NextWrite, { do: 'apply' | 'restart' }>,
  daemon: ClariveDaemon,
  dispatcher: Dispatching,
): SharedChange | undefined {
  if (write.do === 'restart') return changeOfContents(write);
  return typeof dispatcher === 'object' ? changeOfSettings(write, daemon, dispatcher) : undefined;
}

/** Those for whom the daemon has to wait. */
function hindrancesFor({ metadata: { name } }: ClariveDaemon, standings: readonly Standing[]): Standing[] {
  return standings.filter(
    (other) => other.name !== name && (other.is !== 'toTake' || !other.active || other.name < name),
  );
}

function queued(hindrances: readonly Standing[], { what, isTold }: SharedChange, nowMs: number): NextWrite {
  const failed = hindrances.find(({ is }) => is === 'failed');
  // The one right before it, so that what it says stays true until its turn comes.
  const before = hindrances.findLast(({ is }) => is === 'toTake') ?? hindrances[0];
  const message = failed
    ? `Keeps its old settings, because ${failed.name} fails with ${what}: mend them, or mend or stop ${failed.name}`
    : `Takes over ${what} as soon as ${before?.name} has run well with them for ${provenMs / 1000} seconds`;
  const atMostMs = isTold ? lookAgainMs : provenMs;
  // When that one is proven, it may be another one that is waited for.
  const provenInMs = (before?.provenAtMs ?? Infinity) - nowMs;
  return { do: 'queue', message, recheckAfterMs: Math.min(atMostMs, provenInMs) };
}
