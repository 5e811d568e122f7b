/**
 * The series of single daemons. Their text is written when it is asked for, straight from the daemons: between scrapes they
 * cost nothing, and they vanish with their daemon.
 */
import { setImmediate } from 'node:timers/promises';
import type { ClariveDaemon } from './api/clarive-daemon.ts';
import type { ConditionType } from './api/conditions.ts';

interface Family {
  name: string;
  type: 'gauge' | 'counter';
  help: string;
  /** Undefined: nothing is known yet, so the daemon has no such series. */
  valueOf: (daemon: ClariveDaemon) => number | undefined;
  /** In addition to `namespace` and `name`. */
  labelsOf?: (daemon: ClariveDaemon) => Record<string, string>;
}

const families: readonly Family[] = [
  {
    name: 'clarive_daemon_info',
    type: 'gauge',
    help: 'What the daemon runs; always 1.',
    valueOf: () => 1,
    labelsOf: ({ spec, status }) => ({
      service: status?.service ?? spec.service,
      image: status?.image ?? spec.image ?? '',
    }),
  },
  {
    name: 'clarive_daemon_desired_replicas',
    type: 'gauge',
    help: '1 if the daemon shall run, 0 if it shall be stopped.',
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
    valueOf: (daemon) => secondsOf(condition(daemon, 'Ready')?.lastTransitionTime),
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

/** So many lines take well below a millisecond. */
const linesAtOnce = 500;

/** The text in pieces. Between two of them the event loop has its turn; the daemons are those of the beginning. */
export async function* daemonMetrics(daemons: Iterable<ClariveDaemon>): AsyncGenerator<string> {
  const all = [...daemons];
  for (const family of families) {
    yield `# HELP ${family.name} ${family.help}\n# TYPE ${family.name} ${family.type}\n`;
    for (let start = 0; start < all.length; start += linesAtOnce) {
      await setImmediate();
      yield all
        .slice(start, start + linesAtOnce)
        .map((daemon) => lineOf(family, daemon))
        .join('');
    }
  }
}

function lineOf({ name, valueOf, labelsOf }: Family, daemon: ClariveDaemon): string {
  const value = valueOf(daemon);
  if (value === undefined) return '';
  const { namespace = '', name: daemonName } = daemon.metadata;
  let labels = `namespace="${namespace}",name="${daemonName}"`;
  for (const [label, text] of Object.entries(labelsOf?.(daemon) ?? {}))
    labels += `,${label}="${escaped(text)}"`;
  return `${name}{${labels}} ${value}\n`;
}

/** Names of objects need none of this. */
function escaped(text: string): string {
  return text.replace(/[\\"\n]/g, (character) => (character === '\n' ? '\\n' : `\\${character}`));
}

function condition({ status }: ClariveDaemon, type: ConditionType) {
  return status?.conditions?.find((candidate) => candidate.type === type);
}

function conditionValue(daemon: ClariveDaemon, type: ConditionType): number | undefined {
  const status = condition(daemon, type)?.status;
  if (status === undefined || status === 'Unknown') return undefined;
  return status === 'True' ? 1 : 0;
}

function secondsOf(time: string | undefined): number | undefined {
  return time === undefined ? undefined : Date.parse(time) / 1000;
}
