/** The operator is killed right after each of its writes, and the next one must bring about what an undisturbed one does. */
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { clariveDaemons, deployments } from '../support/resources.ts';
import { untilGone } from '../support/until.ts';
import { daemonOf, untilRight, type Expectations, type Wanted } from './end-state.ts';
import { isWrite, type Fault, type ProxiedRequest } from './fault-proxy.ts';
import type { Replica, Stage } from './stage.ts';

interface Operation {
  name: string;
  /** What is there before it; undefined: nothing. */
  before?: Wanted;
  /** What shall be there after it. */
  after?: Wanted;
  run: (stage: Stage, daemon: string) => Promise<unknown>;
}

const running: Wanted = { replicas: 1, mark: 'first' };
const stopped: Wanted = { ...running, replicas: 0 };
const edited: Wanted = { ...running, mark: 'second' };

const operations: Operation[] = [
  {
    name: 'create',
    after: running,
    run: ({ kube }, daemon) => kube.create(clariveDaemons, daemonOf(daemon, running)),
  },
  {
    name: 'start',
    before: stopped,
    after: running,
    run: ({ kube }, daemon) => kube.scale(clariveDaemons, daemon, 1),
  },
  {
    name: 'stop',
    before: running,
    after: stopped,
    run: ({ kube }, daemon) => kube.scale(clariveDaemons, daemon, 0),
  },
  {
    name: 'edit',
    before: running,
    after: edited,
    run: ({ kube }, daemon) =>
      kube.patch(clariveDaemons, daemon, { spec: { args: ['--mark', edited.mark] } }),
  },
  {
    // The daemon stays until its Deployment is gone, so that there is something for the operator to tell.
    name: 'delete',
    before: running,
    run: ({ kube }, daemon) => kube.delete(clariveDaemons, daemon, { propagationPolicy: 'Foreground' }),
  },
];

/** Nothing more is written after this long without a write. */
const quietMs = 1500;
/** For the operator to begin its next step with an answer that it has got. */
const afterAnswerMs = 50;
const killTimeoutMs = 6000;

interface Outcome {
  wasReached: boolean;
  /** Absent: it converged. */
  failure?: Error;
}

/** Kills before each operation and after every write of it, before and after its answer is there. Prints `kill points: k/k converged`. */
export async function killPoints(stage: Stage): Promise<void> {
  const everything = new Map<string, Wanted>();
  let replica = await stage.start({ elects: false });
  const outcomes: Outcome[] = [];
  for (const operation of operations) {
    const reference = await learn(stage, replica, operation, everything);
    stage.say(`${operation.name}: ${reference.writes.length} writes: ${reference.writes.join(', ')}`);
    for (const withAnswer of [false, true]) {
      for (let write = withAnswer ? 1 : 0; write <= reference.writes.length; write++) {
        const point = { operation, write, withAnswer };
        const result = await killAt(stage, replica, point, reference.end, everything);
        replica = result.replica;
        outcomes.push(result.outcome);
        const { wasReached, failure } = result.outcome;
        const where = `${operation.name} ${write}, ${withAnswer ? 'with' : 'without'} its answer`;
        if (!wasReached) stage.say(`${where}: this time there were fewer writes`);
        if (failure) stage.say(`${where}: ${failure.message}`);
      }
    }
  }
  const reached = outcomes.filter(({ wasReached }) => wasReached);
  const converged = reached.filter(({ failure }) => !failure);
  stage.say(`kill points: ${converged.length}/${reached.length} converged`);
  const failed = outcomes.filter(({ failure }) => failure);
  if (failed.length > 0) throw new Error(`${failed.length} times the end state was another`);
  if (reached.length * 2 < outcomes.length) throw new Error('Most kill points were never reached');
}

interface Reference {
  /** Each write as verb and resource. */
  writes: string[];
  end: unknown;
}

/** An undisturbed run: what is written, and what is there in the end. */
async function learn(
  stage: Stage,
  { proxy }: Replica,
  operation: Operation,
  everything: Map<string, Wanted>,
): Promise<Reference> {
  const daemon = `${operation.name}-reference`;
  await prepare(stage, operation, daemon, everything);
  const writes: string[] = [];
  let lastAtMs = performance.now();
  proxy.fault = {
    onDelivered: (request, code) => {
      if (!isCommittedWrite(request, code, daemon)) return;
      writes.push(wordsOf(request));
      lastAtMs = performance.now();
    },
  };
  await carryOut(stage, operation, daemon, everything);
  while (performance.now() - lastAtMs < quietMs) await delay(quietMs - (performance.now() - lastAtMs));
  proxy.fault = {};
  return { writes, end: await endState(stage, daemon) };
}

interface KillPoint {
  operation: Operation;
  /** Counted from 1; 0: it is killed before the operation, which it does not see happen. */
  write: number;
  withAnswer: boolean;
}

async function killAt(
  stage: Stage,
  victim: Replica,
  { operation, write, withAnswer }: KillPoint,
  reference: unknown,
  everything: Map<string, Wanted>,
): Promise<{ replica: Replica; outcome: Outcome }> {
  const daemon = `${operation.name}-${write}-${withAnswer ? 'answered' : 'unanswered'}`;
  await prepare(stage, operation, daemon, everything);
  const killed = Promise.withResolvers<true>();
  const kill = () => void victim.process.kill().then(() => killed.resolve(true), killed.reject);
  victim.proxy.fault = killingFault(write, daemon, withAnswer, kill);
  if (write === 0) kill();
  await operation.run(stage, daemon);
  const timeout = new AbortController();
  const late = delay(killTimeoutMs, false, { signal: timeout.signal }).catch(() => false);
  const wasReached = await Promise.race([killed.promise, late]);
  timeout.abort();
  await stage.end(victim);

  const replica = await stage.start({ elects: false });
  expect(operation, daemon, everything);
  try {
    await untilRight(stage.kube, everything);
    const end = await endState(stage, daemon);
    if (!isDeepStrictEqual(end, reference)) throw new Error(differs(end, reference));
    return { replica, outcome: { wasReached } };
  } catch (failure) {
    everything.delete(daemon); // The other points are judged by themselves.
    await removeFailed(stage, daemon);
    return { replica, outcome: { wasReached, failure: failure as Error } };
  }
}

/** Kills with the n-th write about a daemon; from then on nothing more gets through. */
function killingFault(write: number, daemon: string, withAnswer: boolean, kill: () => void): Fault {
  let count = 0;
  return {
    onRequest: () => (count >= write ? 'swallow' : undefined),
    onAnswer: (request, code) => {
      if (!isCommittedWrite(request, code, daemon) || ++count !== write || withAnswer) return undefined;
      kill();
      return 'withhold';
    },
    onDelivered: (request, code) => {
      if (!withAnswer || count !== write || !isCommittedWrite(request, code, daemon)) return;
      setTimeout(kill, afterAnswerMs);
    },
  };
}

async function prepare(
  stage: Stage,
  { before }: Operation,
  daemon: string,
  everything: Map<string, Wanted>,
): Promise<void> {
  if (!before) return;
  await stage.kube.create(clariveDaemons, daemonOf(daemon, before));
  everything.set(daemon, before);
  await untilRight(stage.kube, everything);
}

async function carryOut(
  stage: Stage,
  operation: Operation,
  daemon: string,
  everything: Map<string, Wanted>,
): Promise<void> {
  await operation.run(stage, daemon);
  expect(operation, daemon, everything);
  await untilRight(stage.kube, everything);
}

function expect({ after }: Operation, daemon: string, everything: Map<string, Wanted>): Expectations {
  if (after) everything.set(daemon, after);
  else everything.delete(daemon);
  return everything;
}

async function removeFailed({ kube }: Stage, daemon: string): Promise<void> {
  if (await kube.find(clariveDaemons, daemon)) await kube.delete(clariveDaemons, daemon);
  await untilGone(kube, deployments, daemon, { timeoutMs: 30_000 });
}

/** The child's spec and what the daemon says of itself, without what differs from object to object. */
async function endState({ kube }: Stage, daemon: string): Promise<unknown> {
  const [found, child] = [await kube.find(clariveDaemons, daemon), await kube.find(deployments, daemon)];
  const conditions = found?.status?.conditions?.map(({ type, status, reason }) => [type, status, reason]);
  const { metadata, spec } = child ?? {};
  const state = { replicas: found?.status?.replicas, conditions, labels: metadata?.labels, spec };
  return JSON.parse(JSON.stringify(state).replaceAll(daemon, 'DAEMON')) as unknown;
}

function differs(end: unknown, reference: unknown): string {
  return `the end state is ${JSON.stringify(end)}, but undisturbed it is ${JSON.stringify(reference)}`;
}

function isCommittedWrite(request: ProxiedRequest, code: number, daemon: string): boolean {
  const isAbout = `${request.path} ${request.body}`.includes(daemon);
  return isWrite(request) && code >= 200 && code < 300 && isAbout;
}

/** As in `PATCH clarivedaemons/status`. */
function wordsOf({ method, path }: ProxiedRequest): string {
  const [resource, , subresource] = path
    .replace(/\?.*/, '')
    .replace(/.*\/namespaces\/[^/]+\//, '')
    .split('/');
  return [method, [resource, subresource].filter(Boolean).join('/')].join(' ');
}
