/**
 * `npm run bench`: our operator and one on controller-runtime by turns on one API server, held against what is asked of ours.
 */
import { mkdtemp } from 'node:fs/promises';
import { globSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Cluster, startCluster } from '../e2e/cluster/index.ts';
import { run } from '../e2e/host/run.ts';
import { waitFor } from '../e2e/host/wait-for.ts';
import { KubeClient } from '../test/support/kube-client.ts';
import { seededRandom } from '../test/support/random.ts';
import { AuditLog } from '../test/support/audit-log.ts';
import { apiServerAway, handOver, restart, stopIdle, stopUnderLoad } from './disruptions.ts';
import { daemonNames, Driver } from './driver.ts';
import { amongForeignObjects } from './foreign.ts';
import { Figures, type Lab, probe, startOperator, tidyUp, type Visit } from './lab.ts';
import { ceiling, create, idle, scaleAtRest, storm } from './measurements.ts';
import { Observer } from './observer.ts';
import { nodeFlags } from '../e2e/images/operator/node-flags.ts';
import { goOperator, type Operator, ourOperator, ourSources } from './operators.ts';
import { monotonicUs, profileReport, type Span } from './profile.ts';
import { report } from './report.ts';
import { rows } from './rows.ts';

const sections = ['scale', 'storm', 'idle', 'restart', 'away', 'foreign', 'shutdown', 'hand-over'] as const;
type Section = (typeof sections)[number];

const usage = `Usage: npm run bench -- [options]

Measures our operator and one on controller-runtime by turns on an API server of its own, and prints a table. The figures of a machine
that is busy with other things say nothing.

  --quick           with 1,000 daemons only (about 10 minutes); without: 10,000 too, hand-over and shutdown (about 40 minutes)
  --only SECTION    one of ${sections.join(', ')}; may be repeated. Creating is always measured
  --daemons NUMBER  instead of 1,000 and 10,000; may be repeated
  --rounds NUMBER   instead of 3, for the first number of daemons; with more of them there is one round
  --profile         instead: a CPU profile of our operator while daemons are created and in a storm
  --help            show this text

The exit code is 0 if everything could be measured, whatever the figures are.`;

const root = join(import.meta.dirname, '..');

interface Options {
  isQuick: boolean;
  selected: ReadonlySet<Section>;
  /** Numbers of daemons. */
  counts: number[];
  rounds: number;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true },
      daemons: { type: 'string', multiple: true },
      rounds: { type: 'string', default: '3' },
      profile: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(usage);
    return 0;
  }
  const options: Options = {
    isQuick: values.quick,
    selected: new Set(values.only ? values.only.map(requireSection) : sections),
    counts: (values.daemons ?? (values.quick ? ['1000'] : ['1000', '10000'])).map((text) =>
      requireNumber('daemons', text),
    ),
    rounds: requireNumber('rounds', values.rounds),
  };
  progress(`Load of the machine: ${loadavg()[0]?.toFixed(2)}; Node with ${nodeFlags().join(' ')}`);
  const cluster = await startCluster({ auditLog: true, controllers: false, progress });
  try {
    const lab = await setUp(cluster);
    return await (values.profile ? profile(lab, options) : compare(lab, options));
  } finally {
    await cluster.stop();
  }
}

async function setUp(cluster: Cluster): Promise<Lab> {
  const files = globSync('crds/*.yaml', { cwd: root }).flatMap((file) => ['-f', file]);
  await run(cluster.kubectl, ['apply', '--server-side', ...files], { env: cluster.env, cwd: root });
  const driver = await Driver.connect(await KubeClient.connect(cluster.kubeconfig), seededRandom(1));
  const areServed = () => driver.areDaemonsServed();
  await waitFor(areServed, { what: 'the API server to serve ClariveDaemons', timeoutMs: 30_000 });
  const audit = new AuditLog(cluster.auditLog ?? '');
  const logs = await mkdtemp(join(tmpdir(), 'clarive-operator-bench-'));
  progress(`The logs of the operators are in ${logs}`);
  return { cluster, driver, audit, figures: new Figures(), started: [], logs, progress };
}

/** Returns the exit code. */
async function compare(lab: Lab, { isQuick, selected, counts, rounds }: Options): Promise<number> {
  const operators = [await ourOperator(lab.logs), await goOperator(lab.logs, progress)];
  const [count = NaN, ...largerCounts] = counts;
  const failures: string[] = [];
  const attempt = async (what: string, work: () => Promise<void>) => {
    progress(what);
    try {
      await work();
    } catch (error) {
      failures.push(what);
      console.error(`Cannot measure this: ${what}\n`, error);
    }
    await tidyUp(lab);
  };
  const once: Section[] = ['idle', 'away'];
  await warmUp(lab);
  for (let round = 1; round <= rounds; round++) {
    const isLast = round === rounds;
    const here = new Set([...selected].filter((section) => isLast || !once.includes(section)));
    // Who comes first changes, so that neither always finds the warmer API server.
    for (const operator of round % 2 === 1 ? operators : operators.toReversed())
      await attempt(`Round ${round} of ${rounds}: ${operator.name}, ${count} CRs`, () =>
        visit(lab, operator, count, here),
      );
  }
  for (const operator of operators) {
    const { name } = operator;
    for (const larger of largerCounts)
      await attempt(`${name}, ${larger} CRs`, () => visit(lab, operator, larger, selected));
    if (!isQuick && selected.has('shutdown'))
      await attempt(`${name}: shutdown under load`, () => stopUnderLoad(lab, operator));
    if (!isQuick && selected.has('hand-over'))
      await attempt(`${name}: hand-over`, () => handOver(lab, operator));
  }
  if (!isQuick && selected.has('foreign'))
    await attempt('Memory among foreign objects', () => amongForeignObjects(lab, operators));
  console.log(report(rows(counts, lab.figures), lab.figures));
  if (failures.length > 0) console.log(`Not measured: ${failures.join('; ')}`);
  return failures.length > 0 ? 1 : 0;
}

/** The first requests of each kind are slow. */
async function warmUp({ driver }: Lab): Promise<void> {
  progress('Warming up');
  const observer = await Observer.open(driver.kube);
  await driver.createWithoutOperator(daemonNames(500));
  await observer.settled(500, 60_000);
  await driver.clean(observer);
  observer.close();
}

/** All that is measured with one operator among `count` daemons. */
async function visit(
  lab: Lab,
  operator: Operator,
  count: number,
  selected: ReadonlySet<Section>,
): Promise<void> {
  const names = daemonNames(count);
  const observer = await Observer.open(lab.driver.kube);
  const ceilingPerSecond = await ceiling(lab, { observer, names });
  const here: Visit = { operator, observer, names, process: await startOperator(lab, operator) };
  await probe(lab, observer);
  await create(lab, here, ceilingPerSecond);
  if (selected.has('scale')) await scaleAtRest(lab, here);
  if (selected.has('storm')) await storm(lab, here);
  if (selected.has('idle')) await idle(lab, here);
  if (selected.has('restart')) await restart(lab, here);
  if (selected.has('away')) await apiServerAway(lab, here);
  await stopIdle(lab, here);
  here.observer.close();
}

async function profile(lab: Lab, { counts: [count = NaN] }: Options): Promise<number> {
  const flags = ['--cpu-prof', `--cpu-prof-dir=${lab.logs}`, '--cpu-prof-interval=500'];
  const operator = ourSources(flags);
  const names = daemonNames(count);
  await warmUp(lab);
  const observer = await Observer.open(lab.driver.kube);
  const here: Visit = { operator, observer, names, process: await startOperator(lab, operator) };
  await probe(lab, observer);
  const spans: Span[] = [];
  const measured = async (name: string, work: () => Promise<void>) => {
    const fromUs = monotonicUs();
    await work();
    spans.push({ name, fromUs, toUs: monotonicUs() });
  };
  await measured(`Creating ${count} CRs`, () => create(lab, here, NaN));
  await measured('Storm', () => storm(lab, here));
  await here.process.stop();
  const [file = ''] = globSync('*.cpuprofile', { cwd: lab.logs });
  console.log(await profileReport(join(lab.logs, file), spans));
  progress(`The profile is ${join(lab.logs, file)}`);
  return 0;
}

function requireSection(text: string): Section {
  const section = sections.find((name) => name === text);
  if (!section) throw new Error(`Cannot measure "${text}": use one of ${sections.join(', ')}`);
  return section;
}

function requireNumber(flag: string, text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new Error(`--${flag} is "${text}": use a whole number from 1`);
  return Number(text);
}

function progress(line: string): void {
  console.error(line);
}

process.exitCode = await main();
