/**
 * `npm run e2e`: the operator on a real Kubernetes with real pods. The last line is `N passed, N failed`.
 */
import { globSync, rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { run as runTests } from 'node:test';
import { spec } from 'node:test/reporters';
import { parseArgs } from 'node:util';
import { chartTools } from '../charts/tools.ts';
import { KubeClient } from '../test/support/kube-client.ts';
import { Tally, type TestEvent } from '../test/support/tally.ts';
import { InstalledOperator } from './chart/installed-operator.ts';
import {
  existingCluster,
  formatLeftovers,
  installCrds,
  startCluster,
  type Cluster,
} from './cluster/index.ts';
import { lastLines, run } from './host/run.ts';
import { standInImage, type Image } from './images/index.ts';
import { buildOperatorImage, hostArchitecture } from './images/operator/build.ts';
import { OperatorProcess } from './operator-process.ts';
import { Recorder } from './recorder.ts';
import { ownOperatorLabel } from './suite/own-operator.ts';

const usage = `Usage: npm run e2e -- [options] [word ...]

Runs the tests of all files e2e/suite/*.test.ts whose name contains one of the words; of all files without a word. It boots a
Kubernetes of its own with a node (Linux, as root), and the operator beside it.

  --context NAME   use the cluster of this context of your kubeconfig, with --image; the CRD is installed there
  --image REF      an image with a shell that this cluster can pull: the stand-in daemon runs in it as a script
  --chart          the operator runs in pods of its image, installed from its chart, instead of beside the cluster
  --record         writes test/gitops/recorded: daemons and dispatchers as they stood, one for each reason that was told
  --help           show this text

Environment: KUBERNETES_MINOR chooses 1.35, 1.36 or 1.37 (default).`;

const root = join(import.meta.dirname, '..');
/** One test; it may wait for pods that crash with back-off. */
const testTimeoutMs = 240_000;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      context: { type: 'string' },
      image: { type: 'string' },
      chart: { type: 'boolean', default: false },
      record: { type: 'boolean', default: false },
      help: { type: 'boolean' },
    },
  });
  if (values.help) {
    console.log(usage);
    return 0;
  }
  const files = globSync('e2e/suite/*.test.ts', { cwd: root })
    .filter((file) => positionals.length === 0 || positionals.some((word) => file.includes(word)))
    .toSorted()
    .map((file) => join(root, file));
  if (files.length === 0)
    throw new Error(`No file of e2e/suite has "${positionals.join('" or "')}" in its name`);

  const tally = new Tally();
  const { cluster, image } = await prepare(values);
  let operator: RunningOperator | undefined;
  let recording: Recording | undefined;
  try {
    operator = await startOperator(cluster, image, values.chart);
    if (values.record) recording = await record(cluster);
    const env = { ...cluster.env, ...environment(cluster, image), OPERATOR_PID: String(operator.pid) };
    const reported = pipeline(Readable.from(events(files, env, tally)), new spec(), process.stdout, {
      end: false,
    });
    await Promise.race([reported, operator.ended]);
    if (tally.failed > 0) await printState(cluster, operator);
  } finally {
    await recording?.stop();
    await operator
      ?.stop()
      .catch((error: unknown) => tally.fail('The operator has not ended in good order:', error));
    progress(`left behind: ${formatLeftovers(await cluster.stop())}`);
  }
  console.log(tally.summary());
  return tally.failed > 0 ? 1 : 0;
}

/** An operator, wherever it runs. */
interface RunningOperator {
  /** Of its process, as this machine numbers it; with several replicas, of the leader's. */
  pid: number;
  /** Rejects when it ends by itself. */
  ended: Promise<never>;
  stop: () => Promise<unknown>;
  readLog: () => Promise<string>;
}

interface Where {
  context?: string | undefined;
  image?: string | undefined;
  chart: boolean;
}

async function prepare({ context, image, chart }: Where): Promise<{ cluster: Cluster; image: string }> {
  if ((context === undefined) !== (image === undefined))
    throw new Error('Cannot use --context without --image, nor --image without --context: give both or none');
  if (context !== undefined && chart)
    throw new Error('Cannot use --chart with --context: its image has to be loaded');
  if (context !== undefined && image !== undefined) {
    process.env['STAND_IN_SHELL_IMAGE'] = image;
    return { cluster: await existingCluster(context), image };
  }
  const first = await standInImage(progress);
  const next = await standInImage(progress, { STAND_IN_RELEASE: 'next' });
  const failing = await standInImage(progress, { STAND_IN_EXIT_CODE: '1' });
  Object.assign(process.env, { NEXT_IMAGE: next.ref, FAILING_IMAGE: failing.ref });
  const images = [first, next, failing, ...(chart ? [await operatorImage()] : [])];
  const archives = images.map(({ archive }) => archive);
  return {
    cluster: await startCluster({ nodes: 1, images: archives, auditLog: true, progress }),
    image: first.ref,
  };
}

async function operatorImage(): Promise<Image> {
  await chartTools(progress);
  const archive = join(await mkdtemp(join(tmpdir(), 'clarive-e2e-')), 'operator.tar');
  process.once('exit', () => rmSync(dirname(archive), { recursive: true, force: true }));
  const image = await buildOperatorImage({ architecture: hostArchitecture, archive }, progress);
  process.env['OPERATOR_IMAGE'] = image.ref;
  return image;
}

/** Told to leave alone the daemons of tests that start an operator of their own, to count what it writes. */
async function startOperator(
  cluster: Cluster,
  image: string,
  isInstalled: boolean,
): Promise<RunningOperator> {
  const selector = `!${ownOperatorLabel}`;
  if (isInstalled) {
    Object.assign(process.env, cluster.env, environment(cluster, image));
    return InstalledOperator.install(cluster, '--set', `selector=${selector}`);
  }
  await installCrds(cluster);
  if (cluster.auditLog) process.env['OWN_CRDS'] = 'true'; // this cluster is ours, and no chart has installed them
  return OperatorProcess.startFor(cluster, image, `--selector=${selector}`);
}

interface Recording {
  stop: () => Promise<void>;
}

/** Until it is stopped; tests with a cluster of their own learn from RECORD that they are to record too. */
async function record({ kubeconfig }: Cluster): Promise<Recording> {
  process.env['RECORD'] = 'yes';
  const kube = await KubeClient.connect(kubeconfig);
  const recorder = await Recorder.start(kube);
  return { stop: () => recorder.stop().finally(() => kube.close()) };
}

/** What tests find out about the stage. */
function environment(cluster: Cluster, image: string): Record<string, string> {
  return {
    CLUSTER: cluster.name,
    KUBECTL: cluster.kubectl,
    DEFAULT_IMAGE: image,
    ...(cluster.auditLog && { AUDIT_LOG: cluster.auditLog }),
  };
}

/** The files run one after the other: two cores carry one set of pods at a time. */
async function* events(
  files: string[],
  env: Record<string, string>,
  tally: Tally,
): AsyncGenerator<TestEvent> {
  const execArgv = [`--test-timeout=${testTimeoutMs}`];
  yield* tally.count(runTests({ files, env: { ...process.env, ...env }, execArgv, concurrency: 1 }));
  yield tally.rootSummary();
}

async function printState(cluster: Cluster, operator: RunningOperator): Promise<void> {
  const show = async (...args: string[]) => {
    console.error(`\n--- kubectl ${args.join(' ')}`);
    console.error(await run(cluster.kubectl, args, { env: cluster.env }));
  };
  await show('get', 'clarivedispatchers,clarivedaemons,deployments,replicasets,pods', '-A', '-o', 'wide');
  await show('get', 'clarivedaemons', '-A', '-o', 'yaml');
  await show('get', 'events', '-A', '--sort-by=.lastTimestamp');
  console.error(`\n--- the operator's log, its last 60 lines`);
  console.error(lastLines(await operator.readLog(), 60));
}

function progress(line: string): void {
  console.error(line);
}

process.exitCode = await main();
