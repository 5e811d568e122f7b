/** Carries out what a visit has decided, and tells what came of it. */
import type { ClariveDaemon } from '../api/clarive-daemon.ts';
import type { Reference } from '../api/contents.ts';
import { keyOf } from '../api/object-key.ts';
import { inTermsOfSpec } from '../desired/field-of-spec.ts';
import { nameReferences } from '../desired/references.ts';
import { nextRestart } from '../desired/restart.ts';
import type { Dispatching } from '../desired/settings.ts';
import type { WriteOutcome } from '../status/daemon-status.ts';
import type { Cluster, DaemonEvent } from './cluster.ts';
import { RefusedError } from './errors.ts';
import type { Gatekeeper } from './gatekeeper.ts';
import type { NextWrite } from './next-write.ts';

/** Before a status is due, the child as it was written shows what comes of it. */
type Written = { is: 'written' };

/** Whose specs the child is made of. */
interface Authors {
  daemon: ClariveDaemon;
  dispatcher: Dispatching;
}

/** Makes the one write of a visit, if there is one. An error is an outcome, too. */
export async function carryOut(
  write: NextWrite,
  { daemon, dispatcher }: Authors,
  { cluster, now }: { cluster: Cluster; now: () => number },
): Promise<WriteOutcome | Written> {
  try {
    switch (write.do) {
      case 'create':
        await cluster.createChild(write.desired);
        return { is: 'written' };
      case 'apply':
        await cluster.applyChild(write.child, write.desired);
        return { is: 'written' };
      case 'scale':
        await cluster.scaleChild(write.child, write.replicas);
        return { is: 'written' };
      case 'restart':
        await cluster.recordContents(
          write.child,
          write.contents,
          nextRestart(now(), write.child.restartedAt),
        );
        cluster.recordEvent(daemon, restartEvent(write.changed));
        return { is: 'written' };
      case 'record':
        await cluster.recordContents(write.child, write.contents);
        return { is: 'written' };
      case 'nothing':
        return { is: 'settled' };
      case 'leave':
        return { is: 'paused', message: write.message };
      case 'queue':
        return { is: 'queued', message: write.message, recheckAfterMs: write.recheckAfterMs };
      case 'wait':
        return { is: 'waiting', message: write.message };
      case 'hold':
        return { is: 'held', message: write.message };
      case 'yield':
        return { is: 'refused', reason: 'Conflict', message: write.message };
    }
  } catch (error) {
    const outcome = outcomeOf(error, "The Deployment can't be written");
    if (outcome.is !== 'refused' || !('desired' in write)) return outcome;
    const message = inTermsOfSpec(outcome.message, write.desired.deployment, daemon, dispatcher);
    return { ...outcome, message };
  }
}

function restartEvent(changed: readonly Reference[]): DaemonEvent {
  const message = `The daemon is restarted, because ${nameReferences(changed)} changed`;
  return { type: 'Normal', reason: 'ReferenceChanged', message };
}

function outcomeOf(error: unknown, what: string): Extract<WriteOutcome, { is: 'refused' | 'failed' }> {
  if (!(error instanceof RefusedError)) return { is: 'failed', what, error: error as Error };
  return { is: 'refused', reason: error.reason, message: error.message };
}

/**
 * Lets the new pod of an exclusive daemon start when its turn has come, also while the daemon is paused or can't be written; returns
 * the outcome of that, unless there is something else to tell. What its pods wait for goes before a change that waits for its turn.
 */
export async function letStart(
  daemon: ClariveDaemon,
  outcome: WriteOutcome,
  { cluster, gatekeeper }: { cluster: Cluster; gatekeeper: Gatekeeper },
): Promise<{ outcome: WriteOutcome; recheckAfterMs?: number }> {
  const child = cluster.child(keyOf(daemon));
  const isLeaving = daemon.metadata.deletionTimestamp !== undefined || !child || child.replicas === 0;
  if (isLeaving || child.controller?.uid !== daemon.metadata.uid) return { outcome };
  try {
    const { message, ...when } = (await gatekeeper.letStart(daemon)) ?? {};
    const isNews = message !== undefined && (outcome.is === 'settled' || outcome.is === 'queued');
    return { outcome: isNews ? { is: 'held', message } : outcome, ...when };
  } catch (error) {
    return { outcome: outcome.is === 'failed' ? outcome : outcomeOf(error, "The pod can't be let start") };
  }
}
