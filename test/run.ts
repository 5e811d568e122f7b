/**
 * `npm test`: unit tests, and integration tests on a real API server that is started for this run and stopped after it.
 * The last line is `N passed, N failed`.
 */
import { globSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { basename, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { run, type TestsStream } from 'node:test';
import { spec } from 'node:test/reporters';
import { parseArgs } from 'node:util';
import { type Cluster, existingCluster, installCrds, startCluster } from '../e2e/cluster/index.ts';
import { Tally, type TestEvent } from './support/tally.ts';

const usage = `Usage: npm test -- [options] [word ...]

Runs the tests of all files whose path contains one of the words; of all files without a word.
Those in *.integration.test.ts get a real API server: one is started for them, unless a context is named.

  --unit            only tests that need no API server
  --context NAME    use the cluster of this context of your kubeconfig; the CRDs are installed there
  --help            show this text

Environment: KUBEBUILDER_ASSETS names a folder with kube-apiserver and etcd to use instead of building them.
SEED repeats a randomised test.`;

/** One test or suite. */
const testTimeoutMs = 120_000;
/** Without a sign of life for so long, a test file does not end: something that it started still runs. */
const silenceMs = 2 * testTimeoutMs;
const logTailLines = 40;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { unit: { type: 'boolean' }, context: { type: 'string' }, help: { type: 'boolean' } },
  });
  if (values.help) {
    console.log(usage);
    return 0;
  }
  const { unit, integration } = testFiles(positionals);
  if (values.unit) integration.length = 0;
  if (unit.length + integration.length === 0) {
    console.error(`No test file has "${positionals.join('" or "')}" in its path`);
    return 1;
  }

  const interrupt = new AbortController();
  abortOnSignal(interrupt);
  const starting = integration.length > 0 ? controlPlane(values.context) : undefined;
  const tally = new Tally();
  try {
    const events = testEvents(unit, integration, starting, tally, interrupt);
    await pipeline(Readable.from(events), new spec(), process.stdout, { end: false });
  } finally {
    const cluster = await starting?.catch(() => undefined);
    if (cluster && tally.failedFiles.some(isIntegration)) await printLogTails(cluster);
    await cluster?.stop();
  }
  console.log(tally.summary());
  return tally.failed > 0 || interrupt.signal.aborted ? 1 : 0;
}

function testFiles(words: string[]): { unit: string[]; integration: string[] } {
  const root = join(import.meta.dirname, '..');
  const files = globSync('{test,bench,e2e/{cluster,host,images}}/**/*.test.ts', { cwd: root })
    .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
    .toSorted()
    .map((file) => join(root, file));
  return {
    unit: files.filter((file) => !isIntegration(file)),
    integration: files.filter((file) => isIntegration(file)),
  };
}

function isIntegration(file: string): boolean {
  return file.endsWith('.integration.test.ts');
}

/** Both kinds of tests run at once, the integration tests as soon as the control plane is ready; they are shown in turn. */
async function* testEvents(
  unit: string[],
  integration: string[],
  starting: Promise<Cluster> | undefined,
  tally: Tally,
  interrupt: AbortController,
): AsyncGenerator<TestEvent> {
  const common = {
    signal: interrupt.signal,
    concurrency: availableParallelism(),
    execArgv: [`--test-timeout=${testTimeoutMs}`],
  };
  const integrationRun = starting?.then(({ env }) =>
    run({ ...common, files: integration, env: { ...process.env, ...env } }),
  );
  // A failed start is told when the integration tests are due.
  integrationRun?.catch(() => {});
  if (unit.length > 0) yield* tally.count(watched(run({ ...common, files: unit }), interrupt));
  try {
    if (integrationRun) yield* tally.count(watched(await integrationRun, interrupt));
  } catch (error) {
    tally.fail('Cannot start the control plane', error);
  }
  yield tally.rootSummary();
}

async function controlPlane(context: string | undefined): Promise<Cluster> {
  const cluster = context
    ? await existingCluster(context)
    : await startCluster({ progress: (line) => console.error(line) });
  try {
    await installCrds(cluster);
  } catch (error) {
    await cluster.stop();
    throw error;
  }
  return cluster;
}

async function printLogTails({ logs }: Cluster): Promise<void> {
  for (const file of await readdir(logs)) {
    const lines = (await readFile(join(logs, file), 'utf8')).trimEnd().split('\n');
    console.error(`\n--- ${basename(file)}, the last ${Math.min(lines.length, logTailLines)} lines`);
    console.error(lines.slice(-logTailLines).join('\n'));
  }
}

/** Ends the run if its events fail to come, so that a file that does not end is a failure. */
async function* watched(events: TestsStream, interrupt: AbortController): AsyncGenerator<TestEvent> {
  const timer = setTimeout(() => {
    console.error(
      `Stopping: a test file does not end; no test has reported anything for ${silenceMs / 1000} s`,
    );
    interrupt.abort();
  }, silenceMs);
  for await (const event of events as AsyncIterable<TestEvent>) {
    timer.refresh();
    yield event;
  }
  clearTimeout(timer);
}

/** Ctrl-C ends the tests and then the cluster; a second one ends this process at once. */
function abortOnSignal(interrupt: AbortController): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      console.error('Stopping');
      interrupt.abort();
    });
  }
}

process.exitCode = await main();
