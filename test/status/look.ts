import type { ClariveDaemon, ClariveDaemonStatus } from '../../src/api/clarive-daemon.ts';
import type { Condition, ConditionType } from '../../src/api/conditions.ts';
import { desiredDeployment, wantedReplicas } from '../../src/desired/deployment.ts';
import { daemonStatus, type Observation, type StatusReport } from '../../src/status/daemon-status.ts';
import { aDaemon } from '../support/builders.ts';
import { aChild, aPod, startMs } from './observed-builders.ts';

export interface Sight extends Partial<Omit<Observation, 'nowMs'>> {
  /** Seconds after the start. */
  second?: number;
  /** What was reported before. */
  before?: ClariveDaemonStatus;
}

const defaults = { image: 'clarive:7', images: {}, environment: 'clarive' };

/** The status of a daemon that runs well, with whatever a test cares about put over it. */
export function look({ second = 60, before, ...sight }: Sight = {}): StatusReport {
  const daemon: ClariveDaemon = { ...(sight.daemon ?? aDaemon()), ...(before && { status: before }) };
  const { dispatcher } = sight;
  const wanted = sight.wanted ?? wantedReplicas(daemon, dispatcher);
  return daemonStatus({
    desired: desiredDeployment(daemon, defaults, { dispatcher }),
    outcome: { is: 'settled' },
    child: aChild({ daemon, replicas: wanted }),
    pods: wanted === 0 ? [] : [aPod()],
    mountFailures: [],
    ...sight,
    daemon,
    dispatcher,
    wanted,
    nowMs: startMs + second * 1000,
  });
}

export function conditionOf(status: ClariveDaemonStatus, type: ConditionType): Condition {
  const condition = status.conditions?.find((each) => each.type === type);
  if (!condition) throw new Error(`There is no condition ${type}`);
  return condition;
}

/** In one line: reason of Ready, and the conditions that are not False, for example `Starting Reconciling`. */
export function verdict(status: ClariveDaemonStatus): string {
  const set = (['Ready', 'Reconciling', 'Stalled', 'Active'] as const).flatMap((type) => {
    const value = conditionOf(status, type).status;
    return value === 'False' ? [] : [value === 'True' ? type : `${type}=${value}`];
  });
  return [conditionOf(status, 'Ready').reason, ...set].join(' ');
}

export function messageOf(status: ClariveDaemonStatus): string {
  return conditionOf(status, 'Ready').message;
}
