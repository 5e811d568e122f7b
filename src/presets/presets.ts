/** What the operator knows about Clarive's services, as data: one row each. docs/daemons.md is made of it. */
import type { ClariveDispatcher } from '../api/clarive-dispatcher.ts';

/** A directory below /opt/clarive that a daemon may share with others; the volume behind it has the same name. */
export type Directory = 'jobs' | 'logs' | 'repo' | 'tmp';

/** For a daemon that starts work in processes of their own: a stop signals the daemon alone and lets that work end. */
export interface Drain {
  signal: 'TERM' | 'USR1';
  /** How long the work may take to end. */
  seconds: number;
}

export interface Preset {
  /** What the daemon does, in a few words for a user. */
  description: string;
  /** What Clarive's manual calls it, where the registry knows no such key. */
  alias?: string;
  /** Clarive's manual has it among the daemons that run in any typical installation. */
  standard?: true;
  /** What a user should know before running it as a daemon. */
  caution?: string;
  /** Seconds between the request to end and the kill; a drain may need more. */
  graceSeconds: number;
  drain?: Drain;
  /** One of it is all that an installation has use for. */
  singleton: boolean;
  /** Two processes damage each other's work, so they may not overlap: of the service, or of the service and one id. */
  exclusive: 'none' | 'service' | 'id';
  directories: readonly Directory[];
  /** Those of them that must outlive the pod, or be the same for all: with an empty directory data is lost or missed. */
  durable: readonly Directory[];
}

/**
 * Any start may take this long: Clarive retries MongoDB for five minutes before it gives up, and loading the application
 * takes its time too.
 */
export const startUpSeconds = 600;

/** Between the end of the drain time, when all that is left is asked to end, and the kill. */
export const afterDrainSeconds = 30;

const allDirectories: readonly Directory[] = ['jobs', 'logs', 'repo', 'tmp'];

/** By registry key, the standard daemons first. */
export const presets: Readonly<Record<string, Preset>> = {
  'service.daemon.email': {
    description: 'Sends notifications by mail, with attachments from its directories',
    standard: true,
    graceSeconds: 75, // the SMTP time-out is 60 s
    singleton: true,
    exclusive: 'none',
    directories: ['jobs', 'tmp'], // which it only reads
    durable: [],
  },
  'service.event.daemon': {
    description: 'Runs the rules of queued events',
    standard: true,
    graceSeconds: 45, // one event may take 30 s
    singleton: true,
    exclusive: 'none',
    directories: allDirectories,
    durable: ['jobs', 'repo'],
  },
  'service.job.daemon': {
    description: 'Starts jobs and watches over them',
    standard: true,
    graceSeconds: 60,
    drain: { signal: 'USR1', seconds: 3600 }, // it finishes its round, and its jobs go on
    singleton: false,
    exclusive: 'id', // a second one of an id takes the jobs of the first for dead
    directories: allDirectories,
    durable: ['jobs', 'repo'],
  },
  'service.purge.daemon': {
    description: 'Deletes old jobs, logs, messages and events',
    standard: true,
    graceSeconds: 30,
    singleton: true,
    exclusive: 'none',
    directories: ['jobs', 'logs', 'tmp'],
    durable: ['jobs', 'logs', 'tmp'], // what it is to delete is in there
  },
  'service.root_cause_analysis.daemon': {
    description: 'Looks for the root causes of failed jobs',
    standard: true,
    graceSeconds: 30,
    singleton: true,
    exclusive: 'none',
    directories: [],
    durable: [],
  },
  'service.scheduler': {
    description: 'Runs scheduled tasks',
    alias: 'service.schedule daemon',
    standard: true,
    graceSeconds: 60,
    drain: { signal: 'TERM', seconds: 600 }, // a task that is cut short is run again at its next time
    singleton: true,
    exclusive: 'service', // two reset each other's tasks
    directories: allDirectories,
    durable: ['jobs', 'repo'],
  },
  'service.sem.daemon': {
    description: 'Keeps semaphores in order',
    standard: true,
    graceSeconds: 30,
    singleton: true,
    exclusive: 'none',
    directories: [],
    durable: [],
  },
  'service.approval.daemon': {
    description: 'Watches over approvals, in some older installations',
    graceSeconds: 30,
    singleton: true,
    exclusive: 'none',
    directories: [],
    durable: [],
  },
  'service.dispatcher': {
    description: "Clarive's own Dispatcher",
    caution: 'It starts the daemons of its own list beside those of this operator: leave it stopped',
    graceSeconds: 60,
    singleton: true,
    exclusive: 'service', // a second one of an id refuses to start
    directories: allDirectories,
    durable: ['jobs', 'repo'],
  },
  'service.topic.inactivity_daemon': {
    description: 'Is to watch over inactive topics',
    caution: 'In the known versions of Clarive it does nothing and ends at once, so it never becomes active',
    graceSeconds: 30,
    singleton: true,
    exclusive: 'none',
    directories: [],
    durable: [],
  },
};

/** For any other service of the registry, such as those that a plugin brings: nothing is known of its needs. */
export const unknownService: Preset = {
  description: 'A service that the operator does not know, such as one of a plugin',
  graceSeconds: 60,
  singleton: false,
  exclusive: 'none',
  directories: allDirectories,
  durable: ['jobs', 'repo'],
};

/** The row of a canonical registry key. */
export function presetOf(service: string): Preset {
  return presets[service] ?? unknownService;
}

/** The registry key of a service. Clarive's manual calls the scheduler by a name that the registry does not know. */
export function canonicalService(service: string): string {
  return keysByAlias.get(service) ?? service;
}

const keysByAlias = new Map(
  Object.entries(presets).flatMap(([service, { alias }]) => (alias ? [[alias, service]] : [])),
);

/** What the dispatcher has for the daemons of one service, which is given in its canonical form. */
export function entryFor(service: string, dispatcher: ClariveDispatcher | undefined) {
  return dispatcher?.spec.services?.find((entry) => canonicalService(entry.service) === service);
}
