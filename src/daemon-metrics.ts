/** The series of single daemons. */
import type { ClariveDaemon } from './api/clarive-daemon.ts';
import {
  condition,
  conditionValue,
  objectMetrics,
  transitionSeconds,
  type Family,
} from './object-metrics.ts';

const families: readonly Family<ClariveDaemon>[] = [
  {
    name: 'clarive_daemon_info',
    type: 'gauge',
    help: 'What the daemon runs; always 1.',
    valueOf: () => 1,
    labelsOf: ({ spec, status }) => ({
      service: status?.service ?? spec.service,
      image: status?.image ?? spec.image ?? '',
      dispatcher: spec.dispatcherRef?.name ?? '',
    }),
  },
  {
    name: 'clarive_daemon_desired_replicas',
    type: 'gauge',
    help: "The daemon's own switch: 1 if it shall run, 0 if it shall be stopped.",
    valueOf: ({ spec }) => spec.replicas ?? 1,
  },
  {
    name: 'clarive_daemon_paused',
    type: 'gauge',
    help: '1 if the operator shall leave the Deployment alone, else 0.',
    valueOf: ({ spec }) => Number(spec.paused ?? false),
  },
  {
    name: 'clarive_daemon_ready',
    type: 'gauge',
    help: '1 if the daemon is as its spec wants it, running or stopped, else 0.',
    valueOf: (daemon) => conditionValue(daemon, 'Ready'),
  },
  {
    name: 'clarive_daemon_active',
    type: 'gauge',
    help: '1 if the daemon is running and ready, 0 if not; absent while nobody knows.',
    valueOf: (daemon) => conditionValue(daemon, 'Active'),
  },
  {
    name: 'clarive_daemon_stalled',
    type: 'gauge',
    help: '1 if the daemon needs help from somebody, else 0.',
    valueOf: (daemon) => conditionValue(daemon, 'Stalled'),
  },
  {
    name: 'clarive_daemon_state',
    type: 'gauge',
    help: 'The state of the daemon, as the reason of its condition Ready; always 1.',
    valueOf: (daemon) => (condition(daemon, 'Ready') ? 1 : undefined),
    labelsOf: (daemon) => ({ reason: condition(daemon, 'Ready')?.reason ?? '' }),
  },
  {
    name: 'clarive_daemon_last_transition_timestamp_seconds',
    type: 'gauge',
    help: 'When the daemon last became ready or stopped being ready, in seconds since 1970.',
    valueOf: (daemon) => transitionSeconds(daemon, 'Ready'),
  },
  {
    name: 'clarive_daemon_restarts_total',
    type: 'counter',
    help: "How often the daemon's container was started again in its present pod, after crashes and clean exits alike.",
    valueOf: ({ status }) => status && (status.pod?.restarts ?? 0),
  },
  {
    name: 'clarive_daemon_crashes',
    type: 'gauge',
    help: 'Failed exits in a row, each within ten minutes of its start.',
    valueOf: ({ status }) => status && (status.pod?.crashes ?? 0),
  },
];

/** The text in pieces: see `objectMetrics`. */
export function daemonMetrics(daemons: readonly ClariveDaemon[]): AsyncGenerator<string> {
  return objectMetrics(families, daemons);
}
