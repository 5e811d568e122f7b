/** The table: what each figure is called and what is asked of it. */
import type { Figures } from './lab.ts';
import type { OperatorName } from './operators.ts';
import { median } from './statistics.ts';

export interface Row {
  label: string;
  metric: string;
  decimals: number;
  /** What is asked of our figure, in words; none: it is there for comparison. */
  target?: string;
  /** Whether one round meets the target; `go` is the other operator's figure of that round. */
  isMet?: (ours: number, go: number) => boolean;
}

export type Verdict = 'met' | 'not met' | `within noise: met in ${number} of ${number}` | '';

/** The rows of what was measured. The first of the numbers of daemons is the one that more of them are compared with. */
export function rows(counts: readonly number[], figures: Figures): Row[] {
  const [smallCount = NaN] = counts;
  return [...counts.flatMap((count) => rowsAt(count, smallCount, figures)), ...disruptionRows()].filter(
    ({ metric }) => figures.of(metric, 'ours').length + figures.of(metric, 'Go').length > 0,
  );
}

function rowsAt(count: number, smallCount: number, figures: Figures): Row[] {
  const isLarge = count > smallCount;
  const stormAtSmall = median(figures.of(`storm.p99@${smallCount}`, 'ours'));
  const mostMemory = isLarge ? 128 : 100;
  const stormP99: Pick<Row, 'target' | 'isMet'> = isLarge
    ? { target: `≤ 1.2 × ours at ${smallCount}`, isMet: (ours) => ours <= 1.2 * stormAtSmall }
    : { target: '≤ 0.3 × Go', isMet: (ours, go) => ours <= 0.3 * go };
  const row = (
    label: string,
    metric: string,
    decimals: number,
    rest: Pick<Row, 'target' | 'isMet'> = {},
  ) => ({
    label: `${label}, ${count} CRs`,
    metric: `${metric}@${count}`,
    decimals,
    ...rest,
  });
  return [
    row('create: share of the write ceiling', 'create.share', 2, {
      target: '≥ 0.90, > Go',
      isMet: (ours, go) => ours >= 0.9 && ours > go,
    }),
    row('create: CRs/s', 'create.perSecond', 0),
    row('create: operator CPU a CR, ms', 'create.operatorCpuMs', 2, atMostGo),
    row('create: API server CPU a CR, ms', 'create.apiServerCpuMs', 2),
    row('create: writes a CR', 'create.writes', 2, atMost(3)),
    row('scale → child at rest, p50 ms', 'scale.p50', 1, atMostGo),
    row('scale → child at rest, p95 ms', 'scale.p95', 1),
    row('scale → child at rest, p99 ms', 'scale.p99', 1, {
      target: '≤ 0.8 × Go',
      isMet: (ours, go) => ours <= 0.8 * go,
    }),
    row('scale: writes a start or stop', 'scale.writes', 2, atMost(3)),
    row('scale → child in a storm, p50 ms', 'storm.p50', 1),
    row('scale → child in a storm, p95 ms', 'storm.p95', 1),
    row('scale → child in a storm, p99 ms', 'storm.p99', 1, stormP99),
    row('status of a new CR in a storm, p50 ms', 'storm.newStatus', 1, atMostGo),
    row('Events a change in a storm', 'storm.events', 2, atMost(1)),
    row('memory before, MB', 'memory.before', 0),
    row('memory after create, MB', 'memory.after', 0, {
      target: isLarge ? `≤ ${mostMemory}, ≤ 0.5 × Go` : `≤ ${mostMemory}`,
      isMet: (ours, go) => ours <= mostMemory && (!isLarge || ours <= 0.5 * go),
    }),
    row('memory at most, MB', 'memory.peak', 0),
    row('memory after restart, MB', 'memory.restarted', 0),
    row('idle: requests a minute', 'idle.requests', 0, atMost(35)),
    row('idle: writes but the lease', 'idle.writes', 0, atMost(0)),
    row('restart: ready, s', 'restart.ready', 2, atMost(3)),
    row('restart: change served after ready, ms', 'restart.served', 0, atMost(100)),
    row('restart: change served after start, s', 'restart.total', 2),
    row("restart: writes beyond the change's own", 'restart.writes', 0, atMost(0)),
    row('API server away: repaired after ready, s', 'away.repaired', 2, atMost(1)),
    row('shutdown idle, s', 'shutdown.idle', 2, atMost(1)),
  ];
}

function disruptionRows(): Row[] {
  const row = (label: string, metric: string, decimals: number, most: number) => ({
    label,
    metric,
    decimals,
    ...atMost(most),
  });
  return [
    row('memory: growth by foreign objects, MB', 'foreign.growth', 1, 3),
    row('shutdown under load, s', 'shutdown.load', 2, 10),
    row('shutdown under load: writes done twice', 'shutdown.extraWrites', 0, 0),
    row('hand-over after SIGTERM, s', 'handOver.graceful', 2, 2),
    row('hand-over after SIGTERM: child writes done twice', 'handOver.gracefulDoubles', 0, 0),
    row('hand-over after SIGKILL, s', 'handOver.crash', 2, 17),
    row('hand-over after SIGKILL: child writes done twice', 'handOver.crashDoubles', 0, 0),
  ];
}

const atMostGo: Pick<Row, 'target' | 'isMet'> = { target: '≤ Go', isMet: (ours, go) => ours <= go };

function atMost(limit: number): Pick<Row, 'target' | 'isMet'> {
  return { target: limit === 0 ? '0' : `≤ ${limit}`, isMet: (ours) => ours <= limit };
}

/** Each round is judged by itself, because the machine's speed changes from one to the next. */
export function verdict({ metric, isMet }: Row, figures: Figures): Verdict {
  const ours = figures.of(metric, 'ours');
  if (!isMet || ours.length === 0) return '';
  const go = figures.of(metric, 'Go');
  const met = ours.filter((value, round) => isMet(value, go[round] ?? median(go))).length;
  if (met === ours.length) return 'met';
  return met === 0 ? 'not met' : `within noise: met in ${met} of ${ours.length}`;
}

/** `4.6 (4.1..5.2)`: median, least and most. */
export function cell({ metric, decimals }: Row, operator: OperatorName, figures: Figures): string {
  const values = figures.of(metric, operator);
  if (values.length === 0) return '–';
  const middle = median(values).toFixed(decimals);
  if (values.length === 1) return middle;
  return `${middle} (${Math.min(...values).toFixed(decimals)}..${Math.max(...values).toFixed(decimals)})`;
}
