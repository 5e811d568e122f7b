/** How daemons stand to a change of what they share. */
import type { ClariveDaemon } from '../api/clarive-daemon.ts';
import { reasonTable } from '../api/conditions.ts';
import { keyOf } from '../api/object-key.ts';
import { wantedReplicas } from '../desired/deployment.ts';
import { dispatcherOf, type Dispatching } from '../desired/settings.ts';
import { healthOf, type Health } from '../status/daemon-status.ts';
import { isReported, isUpToDate } from '../status/reported.ts';
import type { Cluster } from './cluster.ts';
import type { Renderings } from './renderings.ts';
import type { SharedChange } from './shared-change.ts';

export interface Surroundings {
  cluster: Cluster;
  renderings: Renderings;
  /** Wall clock, in milliseconds since 1970. */
  now: () => number;
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
 * Looks at every daemon to which a change comes, and keeps what it saw for a tenth of a millisecond for each: while ten thousand ask about one
 * another, not each of them looks at all. With fewer than ten every look is a new one.
 */
export class Surveys {
  readonly #kept = new Map<string, { standings: Standing[]; atMs: number; untilMs: number }>();

  /** As `survey`, a moment ago. */
  recent(change: SharedChange, surroundings: Surroundings): Standing[] {
    const { id } = change;
    const nowMs = surroundings.now();
    const kept = this.#kept.get(id);
    if (kept && kept.atMs <= nowMs && nowMs < kept.untilMs) return kept.standings;
    const { standings, daemons } = survey(change, surroundings);
    this.#forgetOld(nowMs);
    this.#kept.set(id, { standings, atMs: nowMs, untilMs: nowMs + Math.floor(daemons / 10) });
    return standings;
  }

  #forgetOld(nowMs: number): void {
    for (const [id, { atMs, untilMs }] of this.#kept)
      if (nowMs < atMs || nowMs >= untilMs) this.#kept.delete(id);
  }
}

/** All for whom somebody may have to wait, in the order of their names. */
export function survey(
  change: SharedChange,
  surroundings: Surroundings,
): { standings: Standing[]; daemons: number } {
  const all = change.comesTo(surroundings.cluster);
  const standings = all
    .flatMap((daemon) => standingOf(daemon, change, surroundings) ?? [])
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return { standings, daemons: all.length };
}

function standingOf(
  daemon: ClariveDaemon,
  change: SharedChange,
  { cluster, renderings, now }: Surroundings,
): Standing | undefined {
  const { name, uid, deletionTimestamp } = daemon.metadata;
  const child = cluster.child(keyOf(daemon));
  if (!child || child.deleting || child.controller?.uid !== uid || deletionTimestamp !== undefined)
    return undefined;
  const dispatcher = dispatcherOf(daemon, (key) => cluster.dispatcher(key));
  if (wantedReplicas(daemon, dispatcher) === 0) return undefined;

  const desired = renderings.of(daemon, dispatcher);
  const isTaken = change.isTaken(daemon, child, desired);
  if (isTaken && child.replicas === 0) return undefined;
  // What is paused or refused will not be changed.
  if (!isTaken && (daemon.spec.paused || isRefused(daemon, dispatcher))) return undefined;
  if (!isTaken && !change.isToTake(child, desired)) return undefined;
  const health = healthOf({ daemon, child, pods: cluster.pods(child.key), nowMs: now() });
  const { active } = health;
  if (!isTaken) return { name, is: 'toTake', active, provenAtMs: Infinity };
  const provenAtMs = provenAt(health);
  if (provenAtMs <= now()) return undefined;
  return { name, is: hasFailed(health) ? 'failed' : 'unproven', active, provenAtMs };
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
export function isRefused(daemon: ClariveDaemon, dispatcher: Dispatching): boolean {
  return dispatcher !== 'missing' && isUpToDate(daemon, dispatcher) && isReported(daemon, 'Stalled');
}
