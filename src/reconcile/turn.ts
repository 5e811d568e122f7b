/**
 * Paces what daemons share: the settings of their dispatcher, and the ConfigMaps and Secrets that their pods name. A change of it comes to
 * all of them at once, and would restart all of them at once: here they take it over one after the other, in the order of their
 * names, and go on only as long as it does no harm.
 *
 * Nothing is remembered: on each child stands what it was made of and started with, and its pod says how that went. So it goes on
 * after a restart of the operator as if there had been none.
 */
import type { ClariveDaemon } from '../api/clarive-daemon.ts';
import type { ClariveDispatcher } from '../api/clarive-dispatcher.ts';
import { reasonTable } from '../api/conditions.ts';
import { entryOf } from '../api/contents.ts';
import { keyOf, splitKey } from '../api/object-key.ts';
import { parseOrigin } from '../api/origin.ts';
import { wantedReplicas, type Desired } from '../desired/deployment.ts';
import { nameReferences } from '../desired/references.ts';
import { dispatcherOf, nameDispatcher, type Dispatching } from '../desired/settings.ts';
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

/** Who waits for a daemon of its dispatcher looks again after this time, although each change of it is told. */
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
  surroundings: Surroundings,
): NextWrite {
  if ((write.do !== 'apply' && write.do !== 'restart') || dispatcher === 'missing') return write;
  const change = write.do === 'apply' ? changeOfSettings(write, daemon, dispatcher) : changeOfContents(write);
  if (!change || wantedReplicas(daemon, dispatcher) === 0) return write;
  const { cluster, now } = surroundings;
  const { child } = write;
  const isActive = healthOf({ daemon, child, pods: cluster.pods(child.key), nowMs: now() }).active;
  if (!isActive || isRefused(daemon, dispatcher)) return write;

  const others = change.comesTo(cluster).toSorted(byName);
  const hindrances = others.flatMap((other) => hindranceBy(other, daemon, change, surroundings) ?? []);
  return hindrances.length === 0 ? write : queued(hindrances, change);
}

/** Of what daemons share, what a child does not have yet. */
interface Change {
  /** As messages name it. */
  what: string;
  /** All who share it, the daemon itself among them. */
  comesTo: (cluster: Cluster) => ClariveDaemon[];
  isTaken: (other: ClariveDaemon, child: ObservedDeployment) => boolean;
  /** Who waits looks again after this time. */
  lookAgainMs: number;
  /** Whether the change is still to come to one who has not taken it, unless that one is paused. */
  isToCome: (other: ClariveDaemon, child: ObservedDeployment, desired: Desired) => boolean;
}

/** Undefined if the child differs for another reason than its dispatcher's settings, or for another one as well. */
function changeOfSettings(
  { child, desired: { origin: to } }: Extract<NextWrite, { do: 'apply' }>,
  daemon: ClariveDaemon,
  dispatcher: ClariveDispatcher | undefined,
): Change | undefined {
  const from = parseOrigin(child.origin);
  if (!dispatcher || !from || !to || from.dispatcher !== to.dispatcher || from.own !== to.own)
    return undefined;
  if (from.shared === to.shared && from.service === to.service) return undefined;
  const part = from.shared === to.shared ? 'service' : 'shared';
  const service = canonicalService(daemon.spec.service);
  return {
    what: `the new settings of ${nameDispatcher(dispatcher.metadata.name)}`,
    comesTo: (cluster) => cluster.attached(keyOf(dispatcher)),
    lookAgainMs,
    isTaken(other, { origin }) {
      const has = parseOrigin(origin);
      if (has?.dispatcher !== to.dispatcher || has[part] !== to[part]) return false;
      return part === 'shared' || canonicalService(other.spec.service) === service;
    },
    isToCome: (_, { carries }, desired) => 'digest' in desired && carries !== desired.digest,
  };
}

/** Of ConfigMaps and Secrets that other daemons name, too. */
function changeOfContents({ child, contents, changed }: Extract<NextWrite, { do: 'restart' }>): Change {
  const { namespace } = splitKey(child.key);
  const entries = changed.map(entryOf);
  const isTaken = (other: ObservedDeployment) =>
    entries.every((entry) => [undefined, contents[entry]].includes(other.contents?.[entry]));
  return {
    what: `the new contents of ${nameReferences(changed)}`,
    comesTo(cluster) {
      const sharers = changed.flatMap((reference) => cluster.startedWith(namespace, reference));
      return [...new Set(sharers.map(({ key }) => key))].flatMap((key) => cluster.daemon(key) ?? []);
    },
    lookAgainMs: provenMs, // nobody tells, because they may have different dispatchers or none
    isTaken: (_, other) => isTaken(other),
    isToCome: (_, other, desired) => 'digest' in desired && !isTaken(other),
  };
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
  { cluster, renderings, now }: Surroundings,
): Hindrance | undefined {
  const { name, uid, deletionTimestamp } = other.metadata;
  const child = cluster.child(keyOf(other));
  if (name === daemon.metadata.name || deletionTimestamp !== undefined) return undefined;
  if (!child || child.deleting || child.controller?.uid !== uid) return undefined;
  const dispatcher = dispatcherOf(other, (key) => cluster.dispatcher(key));
  if (wantedReplicas(other, dispatcher) === 0) return undefined;

  const health = healthOf({ daemon: other, child, pods: cluster.pods(child.key), nowMs: now() });
  if (change.isTaken(other, child)) return child.replicas === 0 ? undefined : trialOf(name, health, now());
  const waits = health.active && byName(daemon, other) < 0;
  if (waits || other.spec.paused || isRefused(other, dispatcher)) return undefined;
  const isToCome = change.isToCome(other, child, renderings.of(other, dispatcher));
  return isToCome ? { name, is: 'first', inMs: Infinity } : undefined;
}

/** What is still to be seen of one that has the change; nothing once it is proven. */
function trialOf(name: string, health: Health, nowMs: number): Hindrance | undefined {
  const inMs = provenInMs(health, nowMs);
  if (inMs <= 0) return undefined;
  return { name, is: hasFailed(health) ? 'failed' : 'unproven', inMs };
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
function isRefused(daemon: ClariveDaemon, dispatcher: Dispatching): boolean {
  return dispatcher !== 'missing' && isUpToDate(daemon, dispatcher) && isReported(daemon, 'Stalled');
}

function queued(hindrances: readonly Hindrance[], { what, lookAgainMs: atMostMs }: Change): NextWrite {
  const failed = hindrances.find(({ is }) => is === 'failed');
  // The one right before it, so that what it says stays true until its turn comes.
  const before = hindrances.findLast(({ is }) => is === 'first') ?? hindrances[0];
  const message = failed
    ? `Keeps its old settings, because ${failed.name} fails with ${what}: mend them, or mend or stop ${failed.name}`
    : `Takes over ${what} as soon as ${before?.name} has run well with them for ${provenMs / 1000} seconds`;
  const recheckAfterMs = Math.min(atMostMs, Math.max(...hindrances.map(({ inMs }) => inMs)));
  return { do: 'queue', message, recheckAfterMs };
}

function byName(a: ClariveDaemon, b: ClariveDaemon): number {
  return a.metadata.name < b.metadata.name ? -1 : 1;
}
