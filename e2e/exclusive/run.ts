/**
 * `npm run test:exclusive`: a scheduler on two nodes, to which everything happens that can happen. Its lives, which it records itself, may
 * never overlap; without the gate they do. The last line is `N passed, N failed`.
 */
import { parseArgs } from 'node:util';
import { randomInt } from 'node:crypto';
import { KubeClient } from '../../test/support/kube-client.ts';
import { seededRandom } from '../../test/support/random.ts';
import { namespaces } from '../../test/support/resources.ts';
import { formatLeftovers, installCrds, startCluster, type Cluster } from '../cluster/index.ts';
import { waitFor } from '../host/wait-for.ts';
import { standInImage } from '../images/index.ts';
import { OperatorProcess } from '../operator-process.ts';
import { describeOverlaps, Game } from './game.ts';

const usage = `Usage: npm run test:exclusive -- [options]

Performs random operations on a scheduler of a Kubernetes with two nodes (Linux, as root): stop, start, edit, delete its pod, delete
it and create it anew, kill the operator. For a part of them the node on which the scheduler runs is cut off. Then the same without
the gate, to show that lives can overlap.

  --operations N  how many operations with the gate (100)
  --seed N        repeats the operations of another run
  --help          show this text

Environment: KUBERNETES_MINOR chooses 1.35, 1.36 or 1.37 (default).`;

/** Long enough for most operations to come to their end, which the next one would disturb. */
const longestPauseMs = 5000;
/** How soon a node that is silent is told of as lost. */
const nodeLostAfterSeconds = 6;
/** How many operations happen while a node is cut off. */
const cutOffOperations = 10;
/** How many operations without the gate are to show an overlap at the latest. */
const ungatedOperations = 40;

interface Stage {
  cluster: Cluster;
  kube: KubeClient;
  image: string;
  random: () => number;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { operations: { type: 'string' }, seed: { type: 'string' }, help: { type: 'boolean' } },
  });
  if (values.help) {
    console.log(usage);
    return 0;
  }
  const count = Number(values.operations ?? 100);
  const seed = Number(values.seed ?? randomInt(2 ** 32));
  say(`seed ${seed}`);

  const { ref: image, archive } = await standInImage(progress);
  const cluster = await startCluster({ nodes: 2, images: [archive], nodeLostAfterSeconds, progress });
  let failed = 0;
  try {
    await installCrds(cluster);
    const kube = await KubeClient.connect(cluster.kubeconfig);
    const stage = { cluster, kube, image, random: seededRandom(seed) };
    failed += await play('gated', stage, (game) => playGated(game, stage, count));
    failed += await play('ungated', stage, playUngated);
    kube.close();
  } finally {
    progress(`left behind: ${formatLeftovers(await cluster.stop())}`);
  }
  console.log(`${2 - failed} passed, ${failed} failed`);
  return failed > 0 ? 1 : 0;
}

/** Plays in a namespace of its own, beside an operator; returns 1 if it fails. */
async function play(name: string, stage: Stage, body: (game: Game) => Promise<void>): Promise<number> {
  const { cluster, image, random } = stage;
  const kube = stage.kube.in(name);
  await kube.create(namespaces, { metadata: { name } });
  let operator = await OperatorProcess.startFor(cluster, image);
  const replaceOperator = async () => {
    await operator.kill();
    operator = await OperatorProcess.startFor(cluster, image);
  };
  try {
    const sayWhere = (line: string) => say(`${name}: ${line}`);
    await Game.play({ kube, random, say: sayWhere, longestPauseMs, replaceOperator }, body);
    say(`${name}: passed`);
    return 0;
  } catch (error) {
    say(`${name}: FAILED: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  } finally {
    await operator.stop();
    await kube.delete(namespaces, name);
  }
}

async function playGated(game: Game, { cluster, random }: Stage, count: number): Promise<void> {
  const before = Math.floor(random() * (count - cutOffOperations));
  await game.perform(before);
  await game.untilRunning();
  await cutOff(game, cluster, () => game.perform(cutOffOperations));
  await game.perform(count - cutOffOperations - before);
  await game.untilRunning();
  const { lives, overlaps } = await game.result();
  say(`gated: ${lives.length} lives, ${overlaps.length} overlaps`);
  if (overlaps.length > 0) throw new Error(describeOverlaps(overlaps).join('\n'));
  if (lives.length < count / 10) throw new Error(`Only ${lives.length} lives: nothing was tried`);
}

/** While the node of the running pod says nothing; ends when the pod is given up, and the new one waits. */
async function cutOff(game: Game, cluster: Cluster, body: () => Promise<void>): Promise<void> {
  const running = (await game.pods()).find(({ status }) => status?.phase === 'Running');
  const node = Number(running?.spec?.nodeName?.split('-').at(-1));
  say(`gated: node ${node} is cut off`);
  await cluster.freezeKubelet(node);
  try {
    const isGivenUp = async () =>
      (await game.pods()).some(
        ({ metadata }) => metadata?.uid === running?.metadata?.uid && metadata?.deletionTimestamp,
      );
    await waitFor(isGivenUp, { what: 'the pod to be given up', timeoutMs: 60_000 });
    await game.untilReason('WaitingForOldPod');
    const { lives } = await game.result();
    await body();
    const after = (await game.result()).lives;
    say(`gated: the node is back; ${after.length - lives.length} lives while it was cut off`);
    if (after.length > lives.length) throw new Error('A new life began while the old one may have gone on');
  } finally {
    await cluster.thawKubelet(node);
  }
}

async function playUngated(game: Game): Promise<void> {
  const ending = new AbortController();
  const lifting = game.withoutGate(ending.signal);
  for (let round = 0; (await game.result()).overlaps.length === 0 && round < ungatedOperations; round++)
    await game.perform(1);
  ending.abort();
  await lifting;
  const { lives, overlaps } = await game.result();
  say(`ungated: ${lives.length} lives, ${overlaps.length} overlaps`);
  if (overlaps.length === 0) throw new Error('No lives overlapped, so the test can not fail');
}

function say(line: string): void {
  console.log(line);
}

function progress(line: string): void {
  console.error(line);
}

process.exitCode = await main();
