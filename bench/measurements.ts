/** What is measured while everything works. Each function leaves all daemons settled. */
import { setTimeout as delay } from 'node:timers/promises';
import { isCountedWrite, isEventWrite, tally } from '../test/support/audit-log.ts';
import { apiServerPid, type Lab, record, type Visit } from './lab.ts';
import { cpuMs, memoryMb } from './processes.ts';
import type { Change } from './observer.ts';
import { quantile } from './statistics.ts';

/** How many changes at rest give the quantiles. */
const changesAtRest = 300;
const stormSeconds = 10;
const stormPerSecond = 100;
/** Daemons that are created during a storm. */
const newPerSecond = 2;
const idleSeconds = 60;
const quantiles = { p50: 0.5, p95: 0.95, p99: 0.99 };

/** CRs a second that the driver alone brings into being, with the same onlooker; leaves nothing. */
export async function ceiling(
  { driver, progress }: Lab,
  { observer, names }: Pick<Visit, 'observer' | 'names'>,
) {
  const startedAtMs = performance.now();
  await driver.createWithoutOperator(names);
  await observer.settled(names.length, 60_000);
  const perSecond = perSecondSince(startedAtMs, names.length);
  observer.takeChanges();
  await driver.clean(observer);
  progress(`  ceiling: ${perSecond.toFixed(0)} CRs/s`);
  return perSecond;
}

/** From the first request of the driver until every daemon has child and status. */
export async function create(lab: Lab, visit: Visit, ceilingPerSecond: number): Promise<void> {
  const { audit, driver, progress } = lab;
  const { observer, operator, names } = visit;
  const before = await memoryMb(visit.process.pid);
  const apiServer = await apiServerPid();
  const mark = await audit.mark();
  const cpuBeforeMs = [await cpuMs(visit.process.pid), await cpuMs(apiServer)] as const;
  const startedAtMs = performance.now();
  await driver.create(names);
  const acceptedPerSecond = perSecondSince(startedAtMs, names.length);
  await observer.settled(names.length, 30_000 + names.length * 50);
  const perSecond = perSecondSince(startedAtMs, names.length);
  const operatorCpuMs = ((await cpuMs(visit.process.pid)) - cpuBeforeMs[0]) / names.length;
  const apiServerCpuMs = ((await cpuMs(apiServer)) - cpuBeforeMs[1]) / names.length;
  const after = await memoryMb(visit.process.pid);
  const requests = await audit.since(mark, operator.userAgent);
  const changes = observer.takeChanges();
  record(lab, visit, {
    'create.share': perSecond / ceilingPerSecond,
    'create.perSecond': perSecond,
    'create.writes': requests.filter(isCountedWrite).length / names.length,
    'create.operatorCpuMs': operatorCpuMs,
    'create.apiServerCpuMs': apiServerCpuMs,
    'memory.before': before.nowMb,
    'memory.after': after.nowMb,
  });
  const delays = `child p50 ${childMs(changes, 0.5)}, status p50 ${statusMs(changes, 0.5)}`;
  progress(
    `  create: ${perSecond.toFixed(0)} CRs/s (accepted ${acceptedPerSecond.toFixed(0)}/s), ${delays} ms after the CR; ` +
      `CPU a CR ${operatorCpuMs.toFixed(2)} ms, API server ${apiServerCpuMs.toFixed(2)} ms; ${tally(requests)}`,
  );
}

/** Starts and stops one daemon after the other; each waits until the last change was served. */
export async function scaleAtRest(lab: Lab, visit: Visit): Promise<void> {
  const { audit, driver, progress } = lab;
  const { observer, operator } = visit;
  const mark = await audit.mark();
  const sequence = repeated(driver.shuffled(visit.names), changesAtRest);
  for (const name of sequence) {
    const replicas = await driver.toggle(name, observer);
    await observer.until(`the child of "${name}"`, () => observer.isServed(name, replicas), 30_000);
    await driver.pause(10);
  }
  await observer.settled(visit.names.length, 60_000);
  const requests = await audit.since(mark, operator.userAgent);
  const changes = observer.takeChanges();
  recordDelays(lab, visit, 'scale', changes);
  record(lab, visit, { 'scale.writes': requests.filter(isCountedWrite).length / changes.length });
  progress(`  at rest: ${summary(changes)}; ${tally(requests)}`);
}

/** Starts and stops at random moments, whatever has become of those before, while now and then a new daemon comes. */
export async function storm(lab: Lab, visit: Visit): Promise<void> {
  const { audit, driver, progress } = lab;
  const { observer, operator, names } = visit;
  const mark = await audit.mark();
  const apiServer = await apiServerPid();
  const cpuBeforeMs = [await cpuMs(visit.process.pid), await cpuMs(apiServer)] as const;
  const sequence = repeated(driver.shuffled(names), stormSeconds * stormPerSecond * 2);
  const newcomers: string[] = [];
  await Promise.all([
    driver.storm(stormSeconds, stormPerSecond, (index) => driver.toggle(sequence[index] ?? '', observer)),
    driver.storm(stormSeconds, newPerSecond, async (index) => {
      newcomers.push(`newcomer-${index}`);
      await driver.create([`newcomer-${index}`]);
    }),
  ]);
  await observer.settled(names.length + newcomers.length, 120_000);
  const cores = ((await cpuMs(visit.process.pid)) - cpuBeforeMs[0]) / (stormSeconds * 1000);
  const apiServerCores = ((await cpuMs(apiServer)) - cpuBeforeMs[1]) / (stormSeconds * 1000);
  const requests = await audit.since(mark, operator.userAgent);
  const changes = observer.takeChanges();
  const created = changes.filter(({ kind }) => kind === 'create');
  const scaled = changes.filter(({ kind }) => kind === 'scale');
  recordDelays(lab, visit, 'storm', scaled);
  record(lab, visit, {
    'storm.newStatus': statusMs(created, 0.5),
    'storm.events': requests.filter(isEventWrite).length / scaled.length,
    'memory.peak': (await memoryMb(visit.process.pid)).peakMb,
  });
  progress(
    `  storm: ${summary(scaled)}; new CRs: ${summary(created)}; CPU ${cores.toFixed(2)} cores, API server ${apiServerCores.toFixed(2)}; ${tally(requests)}`,
  );
  for (const name of newcomers) await driver.remove(name);
  await observer.until('the newcomers to be gone', () => observer.size === names.length, 10_000);
}

/** What an operator asks the API server for when nothing happens. */
export async function idle(lab: Lab, visit: Visit): Promise<void> {
  const { audit, progress } = lab;
  const mark = await audit.mark();
  await delay(idleSeconds * 1000);
  const requests = await audit.since(mark, visit.operator.userAgent);
  record(lab, visit, {
    'idle.requests': (requests.length * 60) / idleSeconds,
    'idle.writes': requests.filter((request) => isCountedWrite(request) || isEventWrite(request)).length,
  });
  progress(`  idle for ${idleSeconds} s: ${tally(requests)}`);
}

function recordDelays(lab: Lab, visit: Visit, name: string, changes: Change[]): void {
  for (const [quantileName, q] of Object.entries(quantiles)) {
    record(lab, visit, { [`${name}.${quantileName}`]: childMs(changes, q) });
  }
}

function childMs(changes: readonly Change[], q: number): number {
  return rounded(
    quantile(
      changes.map((change) => change.childMs ?? Infinity),
      q,
    ),
  );
}

function statusMs(changes: readonly Change[], q: number): number {
  return rounded(
    quantile(
      changes.map((change) => change.statusMs ?? Infinity),
      q,
    ),
  );
}

/** `300 changes, child p50 4.1 p99 9.0, status p50 12.0 p99 260.3 ms`. */
function summary(changes: readonly Change[]): string {
  const child = `child p50 ${childMs(changes, 0.5)} p99 ${childMs(changes, 0.99)}`;
  const status = `status p50 ${statusMs(changes, 0.5)} p99 ${statusMs(changes, 0.99)}`;
  return `${changes.length} changes, ${child}, ${status} ms`;
}

function rounded(ms: number): number {
  return Math.round(ms * 10) / 10;
}

function repeated(names: readonly string[], count: number): string[] {
  return Array.from({ length: count }, (_, index) => names[index % names.length] ?? '');
}

function perSecondSince(startedAtMs: number, count: number): number {
  return (count * 1000) / (performance.now() - startedAtMs);
}
