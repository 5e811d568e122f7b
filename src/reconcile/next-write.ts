/** Decides what the child needs, from facts alone. */
import { kind, type ClariveDaemon } from '../api/clarive-daemon.ts';
import type { Contents, Reference } from '../api/contents.ts';
import type { Desired, Rendered } from '../desired/deployment.ts';
import { nameReferences, noNews, type News } from '../desired/references.ts';
import type { ObservedDeployment } from '../status/observed.ts';

export type NextWrite =
  | { do: 'nothing' }
  | { do: 'create'; desired: Rendered }
  | { do: 'apply'; child: ObservedDeployment; desired: Rendered }
  | { do: 'scale'; child: ObservedDeployment; replicas: number }
  /** The child is as desired, and what its pod was started with has changed. */
  | { do: 'restart'; child: ObservedDeployment; contents: Contents; changed: readonly Reference[] }
  /** What the child was started with is to be written on it: no pod lacks anything. */
  | { do: 'record'; child: ObservedDeployment; contents: Contents }
  /** The child differs, and is left so because `spec.paused` asks for it. */
  | { do: 'leave'; message: string }
  /** The child differs, and is left so until its turn comes: see `inTurn`. */
  | { do: 'queue'; message: string; recheckAfterMs: number }
  /** The child is on its way out: its end is waited for. */
  | { do: 'wait'; message: string }
  /** A pod has to end first: see `unlessTaken`. */
  | { do: 'hold'; message: string }
  /** The Deployment of this name belongs to somebody else, or another daemon goes before this one. */
  | { do: 'yield'; message: string };

/** What brings the child in line with the spec. */
type Due = Extract<NextWrite, { do: 'create' | 'apply' | 'restart' | 'scale' }>;

/**
 * Start and stop are decided here: a child that differs in nothing else is scaled to the wanted `replicas`. A stop comes before
 * everything else, so that a daemon can be stopped although the rest of its spec can't be rendered or is refused. The child of a
 * daemon that is being deleted is the garbage collector's.
 */
export function nextWrite(
  daemon: ClariveDaemon,
  replicas: number,
  desired: Desired,
  child: ObservedDeployment | undefined,
  news = noNews,
): NextWrite {
  if (daemon.metadata.deletionTimestamp !== undefined) return { do: 'nothing' };
  if (!child)
    return 'invalid' in desired ? { do: 'nothing' } : unlessPaused(daemon, { do: 'create', desired });
  return whileNotOurs(daemon, child) ?? bringInLine(daemon, replicas, desired, child, news);
}

/** What to do about a child that is not ours to write to, if it is one. An orphan of ours has lost its owner, as after a restore. */
function whileNotOurs(daemon: ClariveDaemon, child: ObservedDeployment): NextWrite | undefined {
  const owner = child.controller;
  const isOwn = owner?.uid === daemon.metadata.uid;
  const isOrphan = owner === undefined && child.selectsOwnPods;
  if (!isOwn && owner?.kind === kind && owner.name === daemon.metadata.name)
    return { do: 'wait', message: 'Waiting until the Deployment of the deleted daemon of this name is gone' };
  if (!isOwn && !isOrphan) return { do: 'yield', message: foreignMessage(daemon, child) };
  if (child.deleting) return { do: 'wait', message: 'Waiting until the deleted Deployment is gone' };
  return undefined;
}

function bringInLine(
  daemon: ClariveDaemon,
  replicas: number,
  desired: Desired,
  child: ObservedDeployment,
  { contents, isRecorded, changed }: News,
): NextWrite {
  const scale = { do: 'scale', child, replicas } as const;
  if (replicas === 0 && child.replicas > 0) return unlessPaused(daemon, scale);
  if ('invalid' in desired) return { do: 'nothing' };
  if (child.carries !== desired.digest) return unlessPaused(daemon, { do: 'apply', child, desired });
  if (changed.length > 0 && replicas > 0)
    return unlessPaused(daemon, { do: 'restart', child, contents, changed });
  if (changed.length === 0 && !isRecorded && !daemon.spec.paused) return { do: 'record', child, contents };
  return child.replicas === replicas ? { do: 'nothing' } : unlessPaused(daemon, scale);
}

function unlessPaused(daemon: ClariveDaemon, write: Due): NextWrite {
  if (!daemon.spec.paused) return write;
  return { do: 'leave', message: `${lackOf(write)} while spec.paused is true` };
}

/** What is not done, as the user sees it. */
function lackOf(write: Due): string {
  if (write.do === 'create') return 'The Deployment is missing and is not created';
  if (write.do === 'apply') return 'The Deployment differs from the spec and is left alone';
  if (write.do === 'restart')
    return `${nameReferences(write.changed)} changed after the start, and the Deployment is left alone`;
  return `The daemon shall ${write.replicas === 0 ? 'be stopped' : 'run'}, but its Deployment is left alone`;
}

function foreignMessage(daemon: ClariveDaemon, child: ObservedDeployment): string {
  const owner = child.controller ? ` of ${child.controller.kind} "${child.controller.name}"` : '';
  return (
    `The Deployment "${daemon.metadata.name}"${owner} was not made for this daemon and is left alone: ` +
    'delete or rename it, or give this daemon another name'
  );
}
