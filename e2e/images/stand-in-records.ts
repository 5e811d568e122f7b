/** One line of what the stand-in daemon records about itself. */
export interface StandInRecord {
  /**
   * `start` and `stop` enclose the life of a daemon. A daemon that is killed together with its wrapper leaves no
   * `stop`: its last `alive`, at most a second old, is then what is known about its end.
   */
  event: 'start' | 'ready' | 'stop' | 'alive' | 'signal' | 'job-start' | 'job-end' | 'job-terminated';
  /** Names one life of one daemon; its jobs carry it too. */
  life: string;
  /** Seconds since the machine was booted: the same clock for all pods of a machine. */
  sinceBoot: number;
  /** All but `alive` have these: service key, `--id`, host name, process id in the pod and UTC time. */
  service?: string;
  id?: string;
  pod?: string;
  pid?: number;
  at?: string;
  /** Of `start`: the arguments, the settings in force and the text of the config file. */
  argv?: string[];
  frequency?: string;
  iterations?: string;
  config?: string | null;
  /** Of `stop`: the exit code of the daemon. */
  code?: number;
  /** Of `signal`: its name. */
  name?: string;
  /** Of `job-start`, `job-end`, which is its own doing, and `job-terminated`, which is TERM's: the name of the job. */
  job?: string;
}

/**
 * Reads the stand-in's records, given as the text of any number of files of its record folder one after another, and
 * sorts them by time. A last line that is not written to its end is left out.
 */
export function parseStandInRecords(text: string): StandInRecord[] {
  const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
  const records = lines.filter((line) => line !== '').map((line) => JSON.parse(line) as StandInRecord);
  return records.toSorted((one, other) => one.sinceBoot - other.sinceBoot);
}

/** One daemon from its start to its end, with the jobs that it has started; in seconds since boot. */
export interface Life {
  life: string;
  pod: string;
  from: number;
  /** The last that is known: a daemon that is killed may have lived on for a second. */
  to: number;
}

/** The lives that the records tell of, by their start. */
export function livesOf(records: readonly StandInRecord[]): Life[] {
  const lives = Map.groupBy(records, ({ life }) => life);
  const spans = [...lives].map(([life, told]) => {
    const times = told.map(({ sinceBoot }) => sinceBoot);
    const pod = told.find((record) => record.pod !== undefined)?.pod ?? '';
    return { life, pod, from: Math.min(...times), to: Math.max(...times) };
  });
  return spans.toSorted((one, other) => one.from - other.from);
}

/** Each two lives in different pods that were going on at the same time. */
export function overlapsOf(lives: readonly Life[]): [Life, Life][] {
  return lives.flatMap((one, index) =>
    lives
      .slice(index + 1)
      .filter((other) => other.pod !== one.pod && other.from <= one.to && one.from <= other.to)
      .map((other): [Life, Life] => [one, other]),
  );
}
