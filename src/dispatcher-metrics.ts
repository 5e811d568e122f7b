/** The series of single dispatchers. How their daemons are is taken from their status, so that no scrape counts it anew. */
import type { ClariveDaemon } from './api/clarive-daemon.ts';
import type { ClariveDispatcher, DaemonCounts } from './api/clarive-dispatcher.ts';
import { keyOf, type ObjectKey } from './api/object-key.ts';
import {
  condition,
  conditionValue,
  objectMetrics,
  transitionSeconds,
  type Family,
} from './object-metrics.ts';

/** A dispatcher, and how many of its daemons shall run. */
interface Measured extends ClariveDispatcher {
  wanted: number;
}

const families: readonly Family<Measured>[] = [
  {
    name: 'clarive_dispatcher_info',
    type: 'gauge',
    help: 'What the dispatcher gives to its daemons; always 1.',
    valueOf: () => 1,
    labelsOf: ({ spec }) => ({ image: spec.image ?? '', environment: spec.environment ?? '' }),
  },
  {
    name: 'clarive_dispatcher_desired_replicas',
    type: 'gauge',
    help: '1 if each daemon follows its own switch, 0 if all shall be stopped.',
    valueOf: ({ spec }) => spec.replicas ?? 1,
  },
  {
    name: 'clarive_dispatcher_ready',
    type: 'gauge',
    help: '1 if all daemons are as they shall be, running or stopped, else 0.',
    valueOf: (dispatcher) => conditionValue(dispatcher, 'Ready'),
  },
  {
    name: 'clarive_dispatcher_stalled',
    type: 'gauge',
    help: '1 if daemons need help from somebody, else 0.',
    valueOf: (dispatcher) => conditionValue(dispatcher, 'Stalled'),
  },
  {
    name: 'clarive_dispatcher_state',
    type: 'gauge',
    help: 'The state of the dispatcher, as the reason of its condition Ready; always 1.',
    valueOf: (dispatcher) => (condition(dispatcher, 'Ready') ? 1 : undefined),
    labelsOf: (dispatcher) => ({ reason: condition(dispatcher, 'Ready')?.reason ?? '' }),
  },
  {
    name: 'clarive_dispatcher_last_transition_timestamp_seconds',
    type: 'gauge',
    help: 'When the dispatcher last became ready or stopped being ready, in seconds since 1970.',
    valueOf: (dispatcher) => transitionSeconds(dispatcher, 'Ready'),
  },
  countOf('attached', 'Daemons that name this dispatcher.'),
  {
    name: 'clarive_dispatcher_daemons_wanted',
    type: 'gauge',
    help: "Daemons that shall run, by their own switch and the dispatcher's.",
    valueOf: ({ wanted }) => wanted,
  },
  countOf('active', 'Daemons that are running and ready.'),
  countOf('stopped', 'Daemons that are stopped as they shall be.'),
  countOf('waiting', 'Daemons that wait for their turn to take over new settings.'),
  countOf('stalled', 'Daemons that need help from somebody.'),
];

function countOf(which: keyof DaemonCounts, help: string): Family<Measured> {
  return {
    name: `clarive_dispatcher_daemons_${which}`,
    type: 'gauge',
    help,
    valueOf: ({ status }) => status?.daemons?.[which],
  };
}

/** The text in pieces: see `objectMetrics`. */
export function dispatcherMetrics(
  dispatchers: readonly ClariveDispatcher[],
  daemons: readonly ClariveDaemon[],
): AsyncGenerator<string> {
  const switchedOn = dispatchers.length > 0 ? switchedOnBy(daemons) : new Map<ObjectKey, number>();
  const measured = dispatchers.map((dispatcher) => ({
    ...dispatcher,
    wanted: dispatcher.spec.replicas === 0 ? 0 : (switchedOn.get(keyOf(dispatcher)) ?? 0),
  }));
  return objectMetrics(families, measured);
}

/** How many daemons of each dispatcher shall run by their own switch. Ten thousand take a few milliseconds. */
function switchedOnBy(daemons: readonly ClariveDaemon[]): Map<ObjectKey, number> {
  const counts = new Map<ObjectKey, number>();
  for (const { metadata, spec } of daemons) {
    if (spec.replicas === 0 || !spec.dispatcherRef) continue;
    const key = keyOf({ metadata: { ...metadata, name: spec.dispatcherRef.name } });
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}
