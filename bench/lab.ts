/** Everything that a measurement works with, and where its figures go. */
import { join } from 'node:path';
import type { Cluster } from '../e2e/cluster/index.ts';
import type { AuditLog } from '../test/support/audit-log.ts';
import type { Driver } from './driver.ts';
import { Observer } from './observer.ts';
import { type Operator, type OperatorName, OperatorProcess } from './operators.ts';
import { descendant } from './processes.ts';

export interface Lab {
  cluster: Cluster;
  driver: Driver;
  audit: AuditLog;
  figures: Figures;
  /** Every operator that was started. */
  started: OperatorProcess[];
  /** Folder with the logs of the operators. */
  logs: string;
  progress: (line: string) => void;
}

/** One operator at work among a number of daemons. */
export interface Visit {
  operator: Operator;
  /** The running process; replaced when it is started anew. */
  process: OperatorProcess;
  /** Replaced when the API server was away. */
  observer: Observer;
  /** Names of the daemons that are to be created. */
  names: string[];
}

/** The figures of all rounds, by metric and operator. */
export class Figures {
  readonly #series = new Map<string, number[]>();

  add(metric: string, operator: OperatorName, value: number): void {
    const key = `${operator} ${metric}`;
    this.#series.set(key, [...this.of(metric, operator), value]);
  }

  /** In the order of the rounds. */
  of(metric: string, operator: OperatorName): readonly number[] {
    return this.#series.get(`${operator} ${metric}`) ?? [];
  }
}

/** Adds the figures of a visit under its operator and number of daemons. */
export function record({ figures }: Lab, { operator, names }: Visit, values: Record<string, number>): void {
  for (const [metric, value] of Object.entries(values)) {
    figures.add(`${metric}@${names.length}`, operator.name, value);
  }
}

export async function startOperator(lab: Lab, operator: Operator): Promise<OperatorProcess> {
  const log = join(lab.logs, `operator-${operator.name}.log`);
  const process = await OperatorProcess.start(operator, lab.cluster.env, log);
  lab.started.push(process);
  return process;
}

/** After a measurement, be it that it failed: no operator runs, and there is nothing in the namespace. */
export async function tidyUp({ driver, started }: Lab): Promise<void> {
  await Promise.all(started.splice(0).map((process) => process.kill()));
  const observer = await Observer.open(driver.kube);
  await driver.clean(observer);
  observer.close();
}

export function apiServerPid(): Promise<number> {
  return descendant(process.pid, 'kube-apiserver');
}

/** Has a daemon made, waits until it is served, and removes it: then the operator leads and every connection is open. */
export async function probe({ driver }: Lab, observer: Observer): Promise<void> {
  const size = observer.size;
  const name = `probe-${Math.round(performance.now())}`;
  await driver.create([name]);
  await observer.settled(size + 1, 60_000);
  await driver.remove(name);
  await observer.until(
    'the probe to be gone',
    () => observer.size === size && !observer.hasChild(name),
    10_000,
  );
  observer.takeChanges();
}
