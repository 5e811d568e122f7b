/**
 * `npm run matrix`: the operator in pods of its own image, installed from its own charts, on a real Kubernetes. The last line is
 * `N passed, N failed`.
 */
import { globSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { run as runTests } from 'node:test';
import { spec } from 'node:test/reporters';
import { parseArgs } from 'node:util';
import { chartTools } from '../../charts/tools.ts';
import { Tally, type TestEvent } from '../../test/support/tally.ts';
import { formatLeftovers, startCluster } from '../cluster/index.ts';
import { lastLines, run } from '../host/run.ts';
import { standInImage, type Image } from '../images/index.ts';
import { buildOperatorImage, hostArchitecture, type BuiltImage } from '../images/operator/build.ts';
import { olderRelease, type OlderRelease } from './older-release.ts';

const usage = `Usage: npm run matrix -- [options] [word ...]

Runs the tests of all files e2e/chart/suite/*.test.ts whose name contains one of the words, then the whole suite of "npm run e2e" with
the operator that the chart installs; with words, the suite only if one of them is "suite". It builds the operator's image and boots a
Kubernetes with a node (Linux, as root), once for each version.

  --kubernetes MINORS   versions, separated by commas: 1.35,1.37 by default
  --help                show this text`;

const root = join(import.meta.dirname, '../..');
const minors = '1.35,1.37';
/** One test; it may install a release several times. */
const testTimeoutMs = 600_000;

async function main(): Promise<number> {
  const { values, positionals: words } = parseArgs({
    allowPositionals: true,
    options: { kubernetes: { type: 'string', default: minors }, help: { type: 'boolean' } },
  });
  if (values.help) {
    console.log(usage);
    return 0;
  }
  const files = globSync('suite/*.test.ts', { cwd: import.meta.dirname })
    .filter((file) => words.length === 0 || words.some((word) => basename(file).includes(word)))
    .toSorted()
    .map((file) => join(import.meta.dirname, file));
  const withSuite = words.length === 0 || words.includes('suite');
  if (files.length === 0 && !withSuite)
    throw new Error(`No file of e2e/chart/suite has "${words.join('" or "')}" in its name`);

  await chartTools(progress);
  const tally = new Tally();
  const folder = await mkdtemp(join(tmpdir(), 'clarive-matrix-'));
  try {
    const images = files.length > 0 ? await imagesFor(folder) : undefined;
    for (const minor of values.kubernetes.split(',')) {
      if (images) await runFiles(files, images, minor, tally);
      if (withSuite) await runSuite(minor, tally);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  console.log(tally.summary());
  return tally.failed > 0 ? 1 : 0;
}

interface Images {
  standIn: Image;
  operator: BuiltImage;
  older: OlderRelease;
}

async function imagesFor(folder: string): Promise<Images> {
  const archive = join(folder, 'operator.tar');
  return {
    standIn: await standInImage(progress),
    operator: await buildOperatorImage({ architecture: hostArchitecture, archive }, progress),
    older: await olderRelease(folder, progress),
  };
}

async function runFiles(files: string[], images: Images, minor: string, tally: Tally): Promise<void> {
  const { standIn, operator, older } = images;
  const archives = [standIn, operator, older.image].map(({ archive }) => archive);
  const cluster = await startCluster({
    kubernetes: minor,
    nodes: 1,
    images: archives,
    auditLog: true,
    progress,
  });
  try {
    const env = {
      ...process.env,
      ...cluster.env,
      CLUSTER: cluster.name,
      KUBECTL: cluster.kubectl,
      AUDIT_LOG: cluster.auditLog ?? '',
      DEFAULT_IMAGE: standIn.ref,
      OPERATOR_IMAGE: operator.ref,
      OPERATOR_IMAGE_BYTES: String(operator.size - operator.baseSize),
      OLDER_IMAGE: older.image.ref,
      OLDER_CHARTS: older.charts,
    };
    const events = eventsOf(files, env, tally);
    await pipeline(Readable.from(events), new spec(), process.stdout, { end: false });
  } finally {
    progress(`left behind: ${formatLeftovers(await cluster.stop())}`);
  }
}

async function* eventsOf(files: string[], env: NodeJS.ProcessEnv, tally: Tally): AsyncGenerator<TestEvent> {
  const execArgv = [`--test-timeout=${testTimeoutMs}`];
  yield* tally.count(runTests({ files, env, execArgv, concurrency: 1 }));
  yield tally.rootSummary();
}

/** `npm run e2e` with the operator of the chart. */
async function runSuite(minor: string, tally: Tally): Promise<void> {
  progress(`The suite of "npm run e2e" on Kubernetes ${minor}, with the operator of the chart`);
  const output = await run(process.execPath, ['e2e/run.ts', '--chart'], {
    cwd: root,
    env: { KUBERNETES_MINOR: minor },
    exitCodes: [0, 1],
    onOutput: (text) => void process.stdout.write(text),
  });
  const [, passed, failed] = /^(\d+) passed, (\d+) failed$/.exec(lastLines(output, 1)) ?? [];
  if (passed === undefined)
    return tally.fail('The suite has ended early', new Error(`on Kubernetes ${minor}`));
  tally.passed += Number(passed);
  tally.failed += Number(failed);
}

function progress(line: string): void {
  console.error(line);
}

process.exitCode = await main();
