/**
 * Paces what the daemons of a dispatcher share. A change of it comes to all of them at once, and would restart all of them at
 * once: here they take it over one after the other, in the order of their names, and go on only as long as it does no harm.
 *
 * Nothing is remembered: each child says by its origin what it was made of, and its pod says how that went. So it goes on
 * after a restart of the operator as if there had been none.
 */
import type { ClariveDaemon } from '../api/clarive-daemon.ts';
import type { ClariveDispatcher } from '../api/clarive-dispatcher.ts';
import { reasonTable } from '../api/conditions.ts';
import { keyOf } from '../api/object-key.ts';
import { parseOrigin, type Origin } from '../api/origin.ts';
import { wantedReplicas } from '../desired/deployment.ts';
import { nameDispatcher, type Dispatching } from '../desired/settings.ts';
import { canonicalService } from '../presets/presets.ts';
import { healthOf } from '../status/daemon-status.ts';
import type { ObservedDeployment } from '../status/observed.ts';
import { isReported, isUpToDate } from '../status/reported.ts';
import type { Cluster } from './cluster.ts';
import type { NextWrite } from './next-write.ts';
import type { Renderings } from './renderings.ts';

export interface Surroundings {
  cluster: Cluster;
  renderings: Renderings;
  now: () => number;
}

/** A daemon that starts and fails at once is ready in between: so long it has to last. */
const provenMs = 10_000;

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
  surroundings: Surroundings,
): NextWrite {
  if (write.do !== 'apply' || typeof dispatcher !== 'object') return write;
  const change = sharedChange(write.child, write.desired.origin);
  if (!change || wantedReplicas(daemon, dispatcher) === 0) return write;
  const { cluster, now } = surroundings;
  const { child } = write;
  const isActive = healthOf({ daemon, child, pods: cluster.pods(child.key), nowMs: now() }).active;
  if (!isActive || isRefused(daemon, dispatcher)) return write;

  const others = cluster.attached(keyOf(dispatcher)).toSorted(byName);
  const hindrances = others.flatMap(
    (other) => hindranceBy(other, daemon, change, dispatcher, surroundings) ?? [],
  );
  return hindrances.length === 0 ? write : queued(hindrances, dispatcher);
}

/** Of the shared settings, what a child does not have yet. */
interface Change {
  of: 'shared' | 'service';
  to: Origin;
}

/** Undefined if the child differs for another reason, or for another one as well. */
function sharedChange(child: ObservedDeployment, to: Origin | undefined): Change | undefined {
  const from = parseOrigin(child.origin);
  if (!from || !to || from.dispatcher !== to.dispatcher || from.own !== to.own) return undefined;
  if (from.shared !== to.shared) return { of: 'shared', to };
  return from.service === to.service ? undefined : { of: 'service', to };
}

interface Hindrance {
  name: string;
  /** It has the change and fails; it has it and isn't proven yet; it is to have it first. */
  is: 'failed' | 'unproven' | 'first';
  /** When it will be proven if nothing happens. */
  inMs: number;
}

/** Why `daemon` has to wait for `other`, if it has. */
function hindranceBy(
  other: ClariveDaemon,
  daemon: ClariveDaemon,
  change: Change,
  dispatcher: ClariveDispatcher,
  surroundings: Surroundings,
): Hindrance | undefined {
  const { cluster, now } = surroundings;
  const { name, uid, deletionTimestamp } = other.metadata;
  const child = cluster.child(keyOf(other));
  if (name === daemon.metadata.name || deletionTimestamp !== undefined) return undefined;
  if (!child || child.deleting || child.controller?.uid !== uid) return undefined;
  if (wantedReplicas(other, dispatcher) === 0) return undefined;

  const health = healthOf({ daemon: other, child, pods: cluster.pods(child.key), nowMs: now() });
  if (hasTaken(change, other, daemon, child))
    return child.replicas === 0 ? undefined : trialOf(name, health, now());
  const waits = health.active && byName(daemon, other) < 0;
  return !waits && isToTake(other, child, dispatcher, surroundings)
    ? { name, is: 'first', inMs: Infinity }
    : undefined;
}

/** What is still to be seen of one that has the change; nothing once it is proven. */
function trialOf(name: string, health: Health, nowMs: number): Hindrance | undefined {
  const inMs = provenInMs(health, nowMs);
  if (inMs <= 0) return undefined;
  return { name, is: hasFailed(health) ? 'failed' : 'unproven', inMs };
}

/** Whether the change is still to come to this child, and will not be refused. */
function isToTake(
  daemon: ClariveDaemon,
  child: ObservedDeployment,
  dispatcher: ClariveDispatcher,
  { renderings }: Surroundings,
): boolean {
  if (daemon.spec.paused || isRefused(daemon, dispatcher)) return false;
  const desired = renderings.of(daemon, dispatcher);
  return 'digest' in desired && child.carries !== desired.digest;
}

function hasTaken(
  { of, to }: Change,
  other: ClariveDaemon,
  daemon: ClariveDaemon,
  child: ObservedDeployment,
): boolean {
  const has = parseOrigin(child.origin);
  if (has?.dispatcher !== to.dispatcher || has[of] !== to[of]) return false;
  return of === 'shared' || canonicalService(other.spec.service) === canonicalService(daemon.spec.service);
}

type Health = ReturnType<typeof healthOf>;

/** A crash in this pod makes it take ten minutes, until it is forgotten. */
function provenInMs({ reason, crashes, startedAt }: Health, nowMs: number): number {
  if (reason !== 'Running' || crashes > 0 || startedAt === undefined) return Infinity;
  return Date.parse(startedAt) + provenMs - nowMs;
}

function hasFailed({ reason, crashes }: Health): boolean {
  return crashes > 0 || reasonTable[reason].progress === 'stalled';
}

/** The API server or the operator has refused the present specs: nothing is changed, and nobody has to wait for it. */
function isRefused(daemon: ClariveDaemon, dispatcher: ClariveDispatcher): boolean {
  return isUpToDate(daemon, dispatcher) && isReported(daemon, 'Stalled');
}

function queued(hindrances: readonly Hindrance[], dispatcher: ClariveDispatcher): NextWrite {
  const settings = `the new settings of ${nameDispatcher(dispatcher.metadata.name)}`;
  const failed = hindrances.find(({ is }) => is === 'failed');
  // The one right before it, so that what it says stays true until its turn comes.
  const before = hindrances.findLast(({ is }) => is === 'first') ?? hindrances[0];
  const message = failed
    ? `Keeps its old settings, because ${failed.name} fails with ${settings}: mend them, or mend or stop ${failed.name}`
    : `Takes over ${settings} as soon as ${before?.name} has run well with them for ${provenMs / 1000} seconds`;
  const recheckAfterMs = Math.min(lookAgainMs, Math.max(...hindrances.map(({ inMs }) => inMs)));
  return { do: 'queue', message, recheckAfterMs };
}

function byName(a: ClariveDaemon, b: ClariveDaemon): number {
  return a.metadata.name < b.metadata.name ? -1 : 1;
}
