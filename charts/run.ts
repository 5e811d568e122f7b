/**
 * `npm run charts`: everything that is checked about the charts, with a real API server. The last line is `N passed, N failed`.
 */
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { run as runTests } from 'node:test';
import { spec } from 'node:test/reporters';
import { startCluster, type Cluster } from '../e2e/cluster/index.ts';
import { Tally, type TestEvent } from '../test/support/tally.ts';
import { chartTools } from './tools.ts';

const usage = `Usage: npm run charts -- [word ...]

Runs the tests of all files charts/suite/*.test.ts whose name contains one of the words; of all files without a word. The programs
that they use are built from Go modules, once, and an API server is started for them.

Environment: KUBERNETES_MINOR chooses 1.35, 1.36 or 1.37 (default). KUBE_LINTER names the program kube-linter.`;

const testTimeoutMs = 240_000;

async function main(words: string[]): Promise<number> {
  if (words.includes('--help')) {
    console.log(usage);
    return 0;
  }
  const files = globSync('suite/*.test.ts', { cwd: import.meta.dirname })
    .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
    .toSorted()
    .map((file) => join(import.meta.dirname, file));
  if (files.length === 0)
    throw new Error(`No file of charts/suite has "${words.join('" or "')}" in its name`);

  await chartTools(progress);
  const tally = new Tally();
  const cluster = await startCluster({ progress });
  try {
    await pipeline(Readable.from(events(files, cluster, tally)), new spec(), process.stdout, { end: false });
  } finally {
    await cluster.stop();
  }
  console.log(tally.summary());
  return tally.failed > 0 ? 1 : 0;
}

async function* events(files: string[], cluster: Cluster, tally: Tally): AsyncGenerator<TestEvent> {
  const env = { ...process.env, ...cluster.env, KUBECTL: cluster.kubectl };
  const execArgv = [`--test-timeout=${testTimeoutMs}`];
  yield* tally.count(runTests({ files, env, execArgv, concurrency: 2 }));
  yield tally.rootSummary();
}

function progress(line: string): void {
  console.error(line);
}

process.exitCode = await main(process.argv.slice(2));
