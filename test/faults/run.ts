/**
 * `npm run test:faults`: the operator on a real API server, while processes are killed, networks fail and servers refuse. The last line is
 * `N passed, N failed`.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { formatLeftovers, installCrds, startCluster, type Cluster } from '../../e2e/cluster/index.ts';
import { lastLines } from '../../e2e/host/run.ts';
import {
  answersLost,
  apiServerRestarts,
  conflicts,
  connectionsReset,
  madeAnew,
  tooManyRequests,
  watchExpired,
  watchSilent,
} from './disturbances.ts';
import { killPoints } from './kill-points.ts';
import { auditLeases } from './lease-oracle.ts';
import { Stage } from './stage.ts';
import { twoReplicas } from './two-replicas.ts';

type Scenario = (stage: Stage) => Promise<void>;

const scenarios = {
  'api-server-restarts': apiServerRestarts,
  'kill-points': killPoints,
  'two-replicas': twoReplicas,
  'watch-expired': watchExpired,
  'connections-reset': connectionsReset,
  'answers-lost': answersLost,
  'too-many-requests': tooManyRequests,
  conflicts,
  'made-anew': madeAnew,
  'watch-silent': watchSilent,
} satisfies Record<string, Scenario>;

/** Takes two minutes in which next to nothing happens: it runs beside the others. */
const besideOthers = new Set<string>(['watch-silent']);
/** It takes the API server from the others: it runs before them. */
const alone = new Set<string>(['api-server-restarts']);

const usage = `Usage: npm run test:faults -- [options] [word ...]

Runs the operator on an API server of its own while processes are killed, networks fail and servers refuse, and checks that everything
is right in the end. With words, only the scenarios whose name contains one of them:

${Object.keys(scenarios)
  .map((name) => `  ${name}`)
  .join('\n')}

  --help  show this text

Environment: SEED repeats a randomised scenario; KUBERNETES_MINOR chooses 1.35, 1.36 or 1.37 (default).`;

class Results {
  passed = 0;
  failed = 0;

  async add(cluster: Cluster, name: string, scenario: Scenario): Promise<void> {
    const startedAtMs = performance.now();
    const say = (line: string) => console.log(`${name}: ${line}`);
    let log = '';
    try {
      await Stage.play(cluster, say, async (stage) => {
        log = stage.log;
        await scenario(stage);
      });
      this.passed++;
      say(`passed, ${((performance.now() - startedAtMs) / 1000).toFixed(1)} s`);
    } catch (error) {
      this.failed++;
      say(`FAILED: ${error instanceof Error ? error.message : String(error)}`);
      const text = await readFile(log, 'utf8').catch(() => '');
      console.error(`--- the operator's log, its last 30 lines\n${lastLines(text, 30)}`);
    }
  }
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { help: { type: 'boolean' } },
  });
  if (values.help) {
    console.log(usage);
    return 0;
  }
  const chosen = Object.entries(scenarios).filter(
    ([name]) => positionals.length === 0 || positionals.some((word) => name.includes(word)),
  );
  if (chosen.length === 0) throw new Error(`No scenario has "${positionals.join('" or "')}" in its name`);

  const folder = await mkdtemp(join(tmpdir(), 'clarive-operator-faults-'));
  const apiServerFlags = [await auditLeases(join(folder, 'audit-policy.json'))];
  const cluster = await startCluster({ auditLog: true, apiServerFlags, progress });
  const results = new Results();
  try {
    await installCrds(cluster);
    await runAll(cluster, chosen, results);
  } finally {
    progress(`left behind: ${formatLeftovers(await cluster.stop())}`);
    await rm(folder, { recursive: true });
  }
  console.log(`${results.passed} passed, ${results.failed} failed`);
  return results.failed > 0 ? 1 : 0;
}

async function runAll(cluster: Cluster, chosen: [string, Scenario][], results: Results): Promise<void> {
  const run = ([name, scenario]: [string, Scenario]) => results.add(cluster, name, scenario);
  for (const one of chosen.filter(([name]) => alone.has(name))) await run(one);
  const beside = chosen.filter(([name]) => besideOthers.has(name)).map(run);
  for (const one of chosen.filter(([name]) => !alone.has(name) && !besideOthers.has(name))) await run(one);
  await Promise.all(beside);
}

function progress(line: string): void {
  console.error(line);
}

process.exitCode = await main();
