/** Computes the whole status of a dispatcher from what its daemons report. */
import type { ClariveDaemon } from '../api/clarive-daemon.ts';
import type { ClariveDispatcher, ClariveDispatcherStatus } from '../api/clarive-dispatcher.ts';
import {
  dispatcherReasonTable,
  type Condition,
  type ConditionStatus,
  type DispatcherReason,
} from '../api/conditions.ts';
import { dispatcherLabel, nameLabel, nameLabelValue } from '../api/labels.ts';
import { canonicalService } from '../presets/presets.ts';
import { isReported, isUpToDate, reported, waitsForTurn } from './reported.ts';
import { clean, toTime } from './words.ts';

/** `daemons` are all that name the dispatcher, in any order. */
export function dispatcherStatus(
  dispatcher: ClariveDispatcher,
  daemons: readonly ClariveDaemon[],
  nowMs: number,
): ClariveDispatcherStatus {
  const { name, generation = 0 } = dispatcher.metadata;
  const counts = {
    attached: daemons.length,
    active: countOf(daemons, (daemon) => isReported(daemon, 'Active')),
    stopped: countOf(daemons, isStopped),
    waiting: countOf(daemons, waitsForTurn),
    stalled: countOf(daemons, (daemon) => isReported(daemon, 'Stalled')),
  };
  const { reason, message } = judge(dispatcher, daemons);
  const { ready, progress } = dispatcherReasonTable[reason];
  const condition = (type: string, status: ConditionStatus): Condition => {
    const before = dispatcher.status?.conditions?.find((each) => each.type === type);
    const lastTransitionTime = before?.status === status ? before.lastTransitionTime : toTime(nowMs);
    return {
      type,
      status,
      reason,
      message: clean(message),
      observedGeneration: generation,
      lastTransitionTime,
    };
  };
  return {
    observedGeneration: generation,
    replicas: daemons.some(({ status }) => status?.replicas) ? 1 : 0,
    selector: `${nameLabel}=${nameLabelValue},${dispatcherLabel}=${name}`,
    active: `${counts.active}/${counts.attached}`,
    daemons: counts,
    conditions: [
      condition('Ready', ready),
      condition('Reconciling', progress === 'reconciling' ? 'True' : 'False'),
      condition('Stalled', progress === 'stalled' ? 'True' : 'False'),
    ],
  };
}

interface Judgement {
  reason: DispatcherReason;
  message: string;
}

/** The first that applies wins. A report about earlier specs says nothing about the present ones. */
function judge(dispatcher: ClariveDispatcher, daemons: readonly ClariveDaemon[]): Judgement {
  const isCurrent = (daemon: ClariveDaemon) => isUpToDate(daemon, dispatcher);
  const stalled = daemons.filter((daemon) => isCurrent(daemon) && isReported(daemon, 'Stalled'));
  const unready = daemons.filter((daemon) => !isCurrent(daemon) || !isReported(daemon, 'Ready'));
  const moving = unready.filter((daemon) => !isCurrent(daemon) || isReported(daemon, 'Reconciling'));
  const waiting = daemons.filter(waitsForTurn);
  const isStopping = dispatcher.spec.replicas === 0;

  if (stalled.length > 0) return { reason: 'DaemonsStalled', message: stalledMessage(stalled, waiting) };
  if (isStopping && moving.length > 0)
    return { reason: 'Stopping', message: `Not stopped yet: ${list(moving)}` };
  if (waiting.length > 0)
    return {
      reason: 'RollingOut',
      message: `The daemons take over the new settings one after the other; waiting: ${list(waiting)}`,
    };
  if (moving.length > 0) return { reason: 'Progressing', message: `Not ready yet: ${list(moving)}` };
  if (unready.length > 0)
    return { reason: 'DaemonsPaused', message: `Left alone while spec.paused is true: ${list(unready)}` };
  if (isStopping)
    return { reason: 'Stopped', message: 'Stopped, with all attached daemons: spec.replicas is 0' };
  if (daemons.length === 0)
    return { reason: 'NoDaemons', message: 'No ClariveDaemon names this dispatcher in spec.dispatcherRef' };
  const stopped = countOf(daemons, isStopped);
  const counts = `The daemons are as they shall be: ${daemons.length - stopped} running, ${stopped} stopped`;
  return { reason: 'Running', message: counts + unusedSettings(dispatcher, daemons) };
}

/** A service that no daemon has may be a mistyped one. */
function unusedSettings(
  { spec: { services = [] } }: ClariveDispatcher,
  daemons: readonly ClariveDaemon[],
): string {
  const attached = new Set(daemons.map((daemon) => canonicalService(daemon.spec.service)));
  const unused = services
    .map(({ service }) => service)
    .filter((service) => !attached.has(canonicalService(service)));
  if (unused.length === 0) return '';
  return `; spec.services has settings for ${unused.map((service) => `"${service}"`).join(', ')}, which none of them runs`;
}

function stalledMessage(stalled: readonly ClariveDaemon[], waiting: readonly ClariveDaemon[]): string {
  const [first, ...rest] = byName(stalled);
  const { reason = '', message = '' } = (first && reported(first, 'Ready')) ?? {};
  const others = rest.length > 0 ? `; also ${list(rest)}` : '';
  const held = waiting.length > 0 ? `; waiting for their turn: ${list(waiting)}` : '';
  return `${first?.metadata.name} is ${reason}${others}${held}; ${first?.metadata.name}: ${message}`;
}

const mostNamed = 10;

function list(daemons: readonly ClariveDaemon[]): string {
  const names = byName(daemons)
    .slice(0, mostNamed)
    .map(({ metadata }) => metadata.name);
  const more = daemons.length - names.length;
  return names.join(', ') + (more > 0 ? ` and ${more} more` : '');
}

function byName(daemons: readonly ClariveDaemon[]): ClariveDaemon[] {
  return daemons.toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
}

/** Ready though it does not run: a stop that is meant. */
function isStopped(daemon: ClariveDaemon): boolean {
  const ready = reported(daemon, 'Ready');
  return ready?.reason === 'Stopped' || ready?.reason === 'DispatcherStopped';
}

function countOf(daemons: readonly ClariveDaemon[], is: (daemon: ClariveDaemon) => boolean): number {
  return daemons.filter(is).length;
}
