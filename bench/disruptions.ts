/** What is measured when something stops: the operator, its leader, the API server. */
import { setTimeout as delay } from 'node:timers/promises';
import { deployments } from '../test/support/resources.ts';
import { isCountedWrite, tally } from '../test/support/audit-log.ts';
import { daemonNames } from './driver.ts';
import { type Lab, probe, record, startOperator, type Visit } from './lab.ts';
import { Observer } from './observer.ts';
import type { Operator } from './operators.ts';
import { memoryMb } from './processes.ts';

/** How long after its last change an operator may still write something that it should not. */
const quietMs = 1000;
const pollMs = 5;
/** Daemons that are changed when leader or operator are stopped under load. */
const loadSize = 200;

/** Stops the operator, changes a daemon, starts the operator. */
export async function restart(lab: Lab, visit: Visit): Promise<void> {
  const { audit, driver, progress } = lab;
  const { observer, operator, names } = visit;
  const [name = ''] = names;
  await stopIdle(lab, visit);
  const replicas = await driver.toggle(name, observer);
  const mark = await audit.mark();
  const startedAtMs = performance.now();
  const served = observer
    .until(`the child of "${name}"`, () => observer.isServed(name, replicas), 60_000)
    .then(() => performance.now() - startedAtMs);
  visit.process = await startOperator(lab, operator);
  const servedAfterMs = await served;
  await observer.settled(names.length, 10_000);
  await delay(quietMs);
  observer.takeChanges();
  const requests = await audit.since(mark, operator.userAgent);
  const { readyAfterMs } = visit.process;
  const changeWrites = 2;
  record(lab, visit, {
    'restart.ready': readyAfterMs / 1000,
    'restart.served': Math.max(0, servedAfterMs - readyAfterMs),
    'restart.total': servedAfterMs / 1000,
    'restart.writes': requests.filter(isCountedWrite).length - changeWrites,
    'memory.restarted': (await memoryMb(visit.process.pid)).nowMb,
  });
  progress(
    `  restart: ready after ${(readyAfterMs / 1000).toFixed(2)} s, change served after ${(servedAfterMs / 1000).toFixed(2)} s; ` +
      tally(requests),
  );
}

/** Stops the API server and starts it again; then one child is gone, and one daemon is changed. */
export async function apiServerAway(lab: Lab, visit: Visit): Promise<void> {
  const { cluster, driver, progress } = lab;
  const { kube } = driver;
  const [changed = '', deleted = ''] = visit.names;
  visit.observer.close();
  const stoppedAtMs = performance.now();
  await cluster.stopApiServer();
  await cluster.startApiServer();
  const readyAtMs = performance.now();
  const before = await kube.get(deployments, changed);
  const wanted = before.spec?.replicas === 0 ? 1 : 0;
  await Promise.all([driver.scale(changed, wanted), kube.delete(deployments, deleted)]);
  const isRepaired = async () => {
    const [first, second] = await Promise.all([
      kube.find(deployments, changed),
      kube.find(deployments, deleted),
    ]);
    return first?.spec?.replicas === wanted && second !== undefined;
  };
  while (!(await isRepaired())) {
    if (performance.now() - readyAtMs > 60_000) break;
    await delay(pollMs);
  }
  const repairedMs = performance.now() - readyAtMs;
  record(lab, visit, { 'away.repaired': repairedMs / 1000 });
  const awaySeconds = ((readyAtMs - stoppedAtMs) / 1000).toFixed(1);
  progress(`  API server away for ${awaySeconds} s: repaired ${repairedMs.toFixed(0)} ms after it was ready`);
  visit.observer = await Observer.open(kube);
}

/** Ends the operator while it has nothing to do. */
export async function stopIdle(lab: Lab, visit: Visit): Promise<void> {
  const { code, tookMs } = await visit.process.stop();
  record(lab, visit, { 'shutdown.idle': tookMs / 1000 });
  lab.progress(`  stopped in ${tookMs.toFixed(0)} ms with exit code ${code}`);
}

/** Ends the operator while daemons are created, and has a second process finish the work. */
export async function stopUnderLoad(lab: Lab, operator: Operator): Promise<void> {
  const { audit, driver, figures, progress } = lab;
  const observer = await Observer.open(driver.kube);
  const names = daemonNames(loadSize);
  const first = await startOperator(lab, operator);
  await probe(lab, observer);
  const mark = await audit.mark();
  const creating = driver.create(names);
  creating.catch(() => {}); // Whoever awaits it gets the error.
  await observer.until('half of the children', () => observer.childNames().length >= loadSize / 2, 30_000);
  const { code, tookMs } = await first.stop();
  await creating;
  const second = await startOperator(lab, operator);
  await observer.settled(loadSize, 60_000);
  await delay(quietMs);
  const requests = await audit.since(mark, operator.userAgent);
  figures.add('shutdown.load', operator.name, tookMs / 1000);
  figures.add('shutdown.extraWrites', operator.name, requests.filter(isCountedWrite).length - 2 * loadSize);
  progress(`  stopped under load in ${tookMs.toFixed(0)} ms with exit code ${code}; ${tally(requests)}`);
  await second.stop();
  await driver.clean(observer);
  observer.close();
}

/** Ends the leader of two processes, and measures until a change that comes right after is served by the other. */
export async function handOver(lab: Lab, operator: Operator): Promise<void> {
  for (const how of ['graceful', 'crash'] as const) {
    const { audit, driver, figures, progress } = lab;
    const observer = await Observer.open(driver.kube);
    const names = daemonNames(loadSize);
    const leader = await startOperator(lab, operator);
    await probe(lab, observer);
    const standby = await startOperator(lab, operator);
    await driver.create(names);
    await observer.settled(loadSize, 60_000);
    observer.takeChanges();
    const mark = await audit.mark();
    const startedAtMs = performance.now();
    await (how === 'graceful' ? leader.stop() : leader.kill());
    const [first = '', ...others] = names;
    const replicas = await driver.toggle(first, observer);
    const served = observer
      .until('the standby to serve', () => observer.isServed(first, replicas), 60_000)
      .then(() => (performance.now() - startedAtMs) / 1000);
    for (const name of others) await driver.toggle(name, observer);
    const seconds = await served;
    await observer.settled(loadSize, 60_000);
    await delay(quietMs);
    const requests = await audit.since(mark, operator.userAgent);
    const childWrites = requests.filter(
      (request) => isCountedWrite(request) && request.resource.startsWith('deployments'),
    );
    figures.add(`handOver.${how}`, operator.name, seconds);
    figures.add(`handOver.${how}Doubles`, operator.name, childWrites.length - loadSize);
    progress(`  ${how} hand-over: ${seconds.toFixed(2)} s; ${tally(requests)}`);
    await standby.stop();
    await driver.clean(observer);
    observer.close();
  }
}
