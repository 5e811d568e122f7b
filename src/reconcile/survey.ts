/** How the daemons of a dispatcher stand to a change of what they share. */
import type { ClariveDaemon } from '../api/clarive-daemon.ts';
import type { ClariveDispatcher } from '../api/clarive-dispatcher.ts';
import { reasonTable } from '../api/conditions.ts';
import { keyOf } from '../api/object-key.ts';
import { parseOrigin, type Origin } from '../api/origin.ts';
import { wantedReplicas } from '../desired/deployment.ts';
import { canonicalService } from '../presets/presets.ts';
import { healthOf, type Health } from '../status/daemon-status.ts';
import type { ObservedDeployment } from '../status/observed.ts';
import { isReported, isUpToDate } from '../status/reported.ts';
import type { Cluster } from './cluster.ts';
import type { Renderings } from './renderings.ts';

export interface Surroundings {
  cluster: Cluster;
  renderings: Renderings;
  /** Wall clock, in milliseconds since 1970. */
  now: () => number;
}

/** Of the shared settings, what a child does not have yet. */
export interface Change {
  of: 'shared' | 'service';
  /** Of which service it is, in its canonical form; undefined: of all. */
  service: string | undefined;
  to: Origin;
}

export interface Standing {
  name: string;
  /** It has the change and fails; it has it and isn't proven yet; it is to have it. */
  is: 'failed' | 'unproven' | 'toTake';
  /** Its daemon is running and ready. */
  active: boolean;
  /** When it will be proven if nothing happens, in milliseconds since 1970. */
  provenAtMs: number;
}

/** A daemon that starts and fails at once is ready in between: so long it has to last. */
export const provenMs = 10_000;

/**
 * Looks at every daemon of a dispatcher, and keeps what it saw for a tenth of a millisecond for each: while ten thousand ask about one
 * another, not each of them looks at all. With fewer than ten every look is a new one.
 */
export class Surveys {
  readonly #kept = new Map<string, { standings: Standing[]; atMs: number; untilMs: number }>();

  /** As `survey`, a moment ago. */
  recent(change: Change, dispatcher: ClariveDispatcher, surroundings: Surroundings): Standing[] {
    const { of, to, service = '' } = change;
    const { uid, generation } = dispatcher.metadata;
    const about = [uid, generation, of, to[of], service].join(' ');
    const nowMs = surroundings.now();
    const kept = this.#kept.get(about);
    if (kept && kept.atMs <= nowMs && nowMs < kept.untilMs) return kept.standings;
    const { standings, daemons } = survey(change, dispatcher, surroundings);
    this.#forgetOld(nowMs);
    this.#kept.set(about, { standings, atMs: nowMs, untilMs: nowMs + Math.floor(daemons / 10) });
    return standings;
  }

  #forgetOld(nowMs: number): void {
    for (const [about, { atMs, untilMs }] of this.#kept)
      if (nowMs < atMs || nowMs >= untilMs) this.#kept.delete(about);
  }
}

/** All for whom somebody may have to wait, in the order of their names. */
export function survey(
  change: Change,
  dispatcher: ClariveDispatcher,
  surroundings: Surroundings,
): { standings: Standing[]; daemons: number } {
  const all = surroundings.cluster.attached(keyOf(dispatcher));
  const standings = all
    .flatMap((daemon) => standingOf(daemon, change, dispatcher, surroundings) ?? [])
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return { standings, daemons: all.length };
}

function standingOf(
  daemon: ClariveDaemon,
  change: Change,
  dispatcher: ClariveDispatcher,
  surroundings: Surroundings,
): Standing | undefined {
  const { cluster, now } = surroundings;
  const { name, uid, deletionTimestamp } = daemon.metadata;
  const child = cluster.child(keyOf(daemon));
  if (!child || child.deleting || child.controller?.uid !== uid || deletionTimestamp !== undefined)
    return undefined;
  if (wantedReplicas(daemon, dispatcher) === 0) return undefined;

  const isTaken = hasTaken(change, daemon, child);
  if (isTaken ? child.replicas === 0 : !isToTake(daemon, child, dispatcher, surroundings)) return undefined;
  const health = healthOf({ daemon, child, pods: cluster.pods(child.key), nowMs: now() });
  const { active } = health;
  if (!isTaken) return { name, is: 'toTake', active, provenAtMs: Infinity };
  const provenAtMs = provenAt(health);
  if (provenAtMs <= now()) return undefined;
  return { name, is: hasFailed(health) ? 'failed' : 'unproven', active, provenAtMs };
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

function hasTaken({ of, to, service }: Change, daemon: ClariveDaemon, child: ObservedDeployment): boolean {
  const has = parseOrigin(child.origin);
  if (has?.dispatcher !== to.dispatcher || has[of] !== to[of]) return false;
  return service === undefined || canonicalService(daemon.spec.service) === service;
}

/** A crash in this pod makes it take ten minutes, until it is forgotten. */
function provenAt({ reason, crashes, startedAt }: Health): number {
  if (reason !== 'Running' || crashes > 0 || startedAt === undefined) return Infinity;
  return Date.parse(startedAt) + provenMs;
}

function hasFailed({ reason, crashes }: Health): boolean {
  return crashes > 0 || reasonTable[reason].progress === 'stalled';
}

/** The API server or the operator has refused the present specs: nothing is changed, and nobody has to wait for it. */
export function isRefused(daemon: ClariveDaemon, dispatcher: ClariveDispatcher): boolean {
  return isUpToDate(daemon, dispatcher) && isReported(daemon, 'Stalled');
}
