/** Decides what the child needs, from facts alone. */
import { kind, type ClariveDaemon } from '../api/clarive-daemon.ts';
import { wantedReplicas, type Desired, type Rendered } from '../desired/deployment.ts';
import type { ObservedDeployment } from '../status/observed.ts';

export type NextWrite =
  | { do: 'nothing' }
  | { do: 'create'; desired: Rendered }
  | { do: 'apply'; child: ObservedDeployment; desired: Rendered }
  | { do: 'scale'; child: ObservedDeployment; replicas: number }
  /** The child differs, and is left so because `spec.paused` asks for it. */
  | { do: 'leave' }
  /** The child is on its way out: its end is waited for. */
  | { do: 'wait'; message: string }
  /** The Deployment of this name belongs to somebody else. */
  | { do: 'yield'; message: string };

/**
 * Start and stop are decided here: the switch is `spec.replicas`, and a child that differs in nothing else is scaled to
 * it. A daemon whose spec cannot be rendered can still be stopped.
 */
export function nextWrite(
  daemon: ClariveDaemon,
  desired: Desired,
  child: ObservedDeployment | undefined,
): NextWrite {
  if (!child) return 'invalid' in desired ? { do: 'nothing' } : unlessPaused(daemon, { do: 'create', desired });

  const owner = child.controller;
  const own = owner?.uid === daemon.metadata.uid;
  const orphan = owner === undefined && child.selectsOwnPods;
  if (owner && !own && owner.kind === kind && owner.name === daemon.metadata.name)
    return { do: 'wait', message: 'Waiting until the Deployment of the deleted daemon of this name is gone' };
  if (!own && !orphan) return { do: 'yield', message: foreignMessage(daemon, child) };
  if (child.deleting) return { do: 'wait', message: 'Waiting until the deleted Deployment is gone' };

  const replicas = wantedReplicas(daemon);
  if ('invalid' in desired) {
    const mustStop = replicas === 0 && child.replicas > 0;
    return mustStop ? unlessPaused(daemon, { do: 'scale', child, replicas }) : { do: 'nothing' };
  }
  if (orphan || child.carries !== desired.digest) return unlessPaused(daemon, { do: 'apply', child, desired });
  if (child.replicas !== replicas) return unlessPaused(daemon, { do: 'scale', child, replicas });
  return { do: 'nothing' };
}

function unlessPaused(daemon: ClariveDaemon, write: NextWrite): NextWrite {
  return daemon.spec.paused ? { do: 'leave' } : write;
}

function foreignMessage(daemon: ClariveDaemon, child: ObservedDeployment): string {
  const owner = child.controller ? ` of ${child.controller.kind} "${child.controller.name}"` : '';
  return (
    `The Deployment "${daemon.metadata.name}"${owner} was not made for this daemon and is left alone: ` +
    'delete or rename it, or give this daemon another name'
  );
}
