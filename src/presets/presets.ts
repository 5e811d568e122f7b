/** What the operator knows about each of Clarive's daemons, as data: one row per service. */

/** A directory below /opt/clarive that a daemon may share with others; the volume behind it has the same name. */
export type Directory = 'jobs' | 'logs' | 'repo' | 'tmp';

export interface Preset {
  /** What the daemon does, in a few words for a user. */
  description: string;
  /** Seconds between the request to end and the kill. */
  graceSeconds: number;
  directories: readonly Directory[];
}

const allDirectories: readonly Directory[] = ['jobs', 'logs', 'repo', 'tmp'];

/** The daemons that run in any typical Clarive installation, by registry key. */
export const presets: Readonly<Record<string, Preset>> = {
  'service.daemon.email': {
    description: 'Sends notifications by mail',
    graceSeconds: 75, // the SMTP time-out is 60 s
    directories: ['jobs', 'tmp'], // attachments
  },
  'service.event.daemon': {
    description: 'Runs the rules of queued events',
    graceSeconds: 45, // one event may take 30 s
    directories: allDirectories,
  },
  'service.job.daemon': {
    description: 'Starts jobs and watches over them',
    graceSeconds: 60,
    directories: allDirectories,
  },
  'service.purge.daemon': {
    description: 'Deletes old jobs, logs, messages and events',
    graceSeconds: 30,
    directories: ['jobs', 'logs', 'tmp'],
  },
  'service.root_cause_analysis.daemon': {
    description: 'Looks for the root causes of failed jobs',
    graceSeconds: 30,
    directories: [],
  },
  'service.scheduler': {
    description: 'Runs scheduled tasks',
    graceSeconds: 60,
    directories: allDirectories,
  },
  'service.sem.daemon': {
    description: 'Keeps semaphores in order',
    graceSeconds: 30,
    directories: [],
  },
};

/** For any other service of the registry, such as those that a plugin brings: nothing is known of its needs. */
const unknownService: Preset = {
  description: 'A service without preset',
  graceSeconds: 60,
  directories: allDirectories,
};

/** The row of a canonical registry key. */
export function presetOf(service: string): Preset {
  return presets[service] ?? unknownService;
}

/** The registry key of a service. Clarive's manual calls the scheduler by a name that the registry does not know. */
export function canonicalService(service: string): string {
  return service === 'service.schedule daemon' ? 'service.scheduler' : service;
}
