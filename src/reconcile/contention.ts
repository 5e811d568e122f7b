/**
 * Of what an installation may have only once, one daemon runs: the one that does already, else the earliest. The others say
 * Conflict, and the next one goes on when the last pod of the one before is gone. Likewise a daemon that is started while it still
 * ends begins when it has ended.
 */
import type { ClariveDaemon } from '../api/clarive-daemon.ts';
import { keyOf, splitKey, type ObjectKey } from '../api/object-key.ts';
import { wantedReplicas, type Desired } from '../desired/deployment.ts';
import type { Dispatching } from '../desired/settings.ts';
import { identityOfDaemon, idOf, isExclusive } from '../presets/identity.ts';
import { canonicalService, presetOf } from '../presets/presets.ts';
import type { ObservedPod } from '../status/observed.ts';
import { waitingForOldPod } from '../status/old-pod.ts';
import type { Cluster } from './cluster.ts';
import { nextWrite, type NextWrite } from './next-write.ts';
import type { Renderings } from './renderings.ts';

export interface Contender {
  daemon: ClariveDaemon;
  dispatcher: Dispatching;
  desired: Desired;
}

export interface Arena {
  cluster: Cluster;
  renderings: Renderings;
}

/** The write, or what is to be done instead as long as somebody else goes before. A stop never has to wait. */
export function unlessTaken(
  write: NextWrite,
  { daemon, dispatcher, desired }: Contender,
  arena: Arena,
): NextWrite {
  const { cluster } = arena;
  const own = claimOf(keyOf(daemon), dispatcher, arena, cluster.podsOf(identityOfDaemon(daemon)));
  if (!own.wants || 'invalid' in desired || !wouldRun(write)) return write;
  const rivals = rivalsOf(daemon, dispatcher, arena).filter((rival) => rival.wants || rival.holds);
  const before = rivals.filter((rival) => compare(rival, own) < 0).toSorted(compare);
  const winner = before.find(({ wants }) => wants);
  const last = winner ?? before[0];
  if (!last) return unlessItStillEnds(write, daemon, cluster);

  const child = cluster.child(own.key);
  const runs = child !== undefined && child.replicas > 0;
  if (runs && !daemon.spec.paused) return { do: 'scale', child, replicas: 0 };
  return winner
    ? { do: 'yield', message: conflictMessage(daemon, winner, runs) }
    : { do: 'hold', message: endMessage(last) };
}

/** Whether the daemon would run after this write. */
function wouldRun(write: NextWrite): boolean {
  return ['nothing', 'create', 'apply', 'restart', 'record', 'scale'].includes(write.do);
}

/** What one daemon has to do with an identity. */
interface Claim {
  key: ObjectKey;
  /** Undefined: it has been deleted, and pods of it are left. */
  daemon: ClariveDaemon | undefined;
  /** It shall run, and does or could if nobody went before. */
  wants: boolean;
  /** It may run now, or soon without our doing. */
  holds: boolean;
  pods: ObservedPod[];
}

function claimOf(
  key: ObjectKey,
  dispatcher: Dispatching,
  arena: Arena,
  podsOfAll: readonly ObservedPod[],
): Claim {
  const { cluster } = arena;
  const daemon = cluster.daemon(key);
  const child = cluster.child(key);
  const pods = podsOfAll.filter((pod) => pod.daemon === key && !pod.finished);
  const isAtOne = child !== undefined && child.replicas > 0 && child.controller?.uid === daemon?.metadata.uid;
  const shallRun =
    daemon !== undefined &&
    daemon.metadata.deletionTimestamp === undefined &&
    wantedReplicas(daemon, dispatcher) > 0;
  const wants = shallRun && (isAtOne || canStart(daemon, dispatcher, arena));
  return { key, daemon, wants, holds: isAtOne || pods.length > 0, pods };
}

/** One that is paused, has no valid spec or finds its Deployment taken stays as it is, so nobody has to wait for it. */
function canStart(daemon: ClariveDaemon, dispatcher: Dispatching, { cluster, renderings }: Arena): boolean {
  const desired = renderings.of(daemon, dispatcher);
  if ('invalid' in desired) return false;
  const write = nextWrite(daemon, 1, desired, cluster.child(keyOf(daemon)));
  return wouldRun(write) || write.do === 'wait';
}

/** The claims of all others of this identity, and so of this dispatcher. */
function rivalsOf(daemon: ClariveDaemon, dispatcher: Dispatching, arena: Arena): Claim[] {
  const identity = identityOfDaemon(daemon);
  const pods = arena.cluster.podsOf(identity);
  const keys = new Set([...arena.cluster.daemonsOf(identity).map(keyOf), ...pods.map((pod) => pod.daemon)]);
  keys.delete(keyOf(daemon));
  return [...keys].map((key) => claimOf(key, dispatcher, arena, pods));
}

/** Who runs goes first; of two that do, or don't, who shall; then the earlier one. */
function compare(a: Claim, b: Claim): number {
  if (a.holds !== b.holds) return a.holds ? -1 : 1;
  if (a.wants !== b.wants) return a.wants ? -1 : 1;
  return ageOf(a) < ageOf(b) ? -1 : 1;
}

/** Sorts by creation, then by name. */
function ageOf({ key, daemon }: Claim): string {
  return `${daemon?.metadata.creationTimestamp ?? ''} ${key}`;
}

/**
 * A start while the old pod ends. An exclusive daemon's new pod may come at once, because it waits behind its gate. Nobody waits
 * for a node that is lost: Kubernetes itself would have replaced the pod.
 */
function unlessItStillEnds(write: NextWrite, daemon: ClariveDaemon, cluster: Cluster): NextWrite {
  if (isExclusive(daemon.spec.service) || !isStart(write)) return write;
  const ending = cluster.pods(keyOf(daemon)).find((pod) => pod.deleting && !pod.finished && !pod.nodeLost);
  return ending ? { do: 'hold', message: waitingForOldPod(ending) } : write;
}

/** A Deployment that somebody has deleted is made anew at once. */
function isStart(write: NextWrite): boolean {
  return (write.do === 'apply' || write.do === 'scale') && write.child.replicas === 0;
}

function conflictMessage(daemon: ClariveDaemon, winner: Claim, runs: boolean): string {
  const service = canonicalService(daemon.spec.service);
  const other = nameOf(winner);
  const rule = presetOf(service).singleton
    ? `One ${service} is all that an installation may run, and ${other} goes before`
    : `Only one ${service} may have the id "${idOf(daemon)}", and ${other} goes before`;
  const outlook = runs
    ? 'This one runs on only because spec.paused is true'
    : 'When the other has ended, this one starts';
  return `${rule}: stop or delete one of the two. ${outlook}`;
}

function endMessage(winner: Claim): string {
  const [pod] = winner.pods;
  return pod ? waitingForOldPod(pod, nameOf(winner)) : `Waiting until ${nameOf(winner)} has ended`;
}

function nameOf({ key, daemon }: Claim): string {
  return `the ${daemon ? '' : 'deleted '}ClariveDaemon "${splitKey(key).name}"`;
}
