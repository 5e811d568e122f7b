/**
 * The whole truth: what becomes of a daemon for each combination of its switch, its dispatcher, `paused`, its deletion, another daemon
 * of its service and what was there before, and what it says of that. The table is test/reconcile/truth.txt, to be read by people; after a change that is
 * meant: UPDATE_GOLDEN=1 node --test test/reconcile/truth.test.ts
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { aDaemon, aDispatcher } from '../support/builders.ts';
import { at, exit, exited, type RawPodOptions } from '../status/observed-builders.ts';
import { desiredDeployment } from '../../src/desired/deployment.ts';
import { dispatcherOf } from '../../src/desired/settings.ts';
import { defaults, type FakeCluster } from './fake-cluster.ts';
import { Scene } from './scene.ts';

const golden = new URL('./truth.txt', import.meta.url);

const dispatchers = ['none', 'at 1', 'at 0', 'missing'] as const;
const pasts = ['new', 'running', 'crashed', 'stopped', 'draining', 'lost'] as const;

/** What another daemon of this service does, which was created earlier: nothing, or it runs, or its pod ends. */
const rivals = ['-', 'runs', 'ends'] as const;

interface Case {
  rival: (typeof rivals)[number];
  before: (typeof pasts)[number];
  replicas: 0 | 1;
  dispatcher: (typeof dispatchers)[number];
  paused: boolean;
  deleted: boolean;
}

interface Result extends Case {
  /** Replicas of the Deployment before and after the visit; undefined: there is none. */
  child: [before: number | undefined, after: number | undefined];
  writes: string[];
  verdict: string;
  message: string;
}

const cases: Case[] = rivals.flatMap((rival) =>
  pasts.flatMap((before) =>
    dispatchers.flatMap((dispatcher) =>
      ([1, 0] as const).flatMap((replicas) =>
        [false, true].flatMap((paused) =>
          [false, true].map((deleted) => ({ rival, before, replicas, dispatcher, paused, deleted })),
        ),
      ),
    ),
  ),
);

const crashedPod: RawPodOptions = { container: exited(exit(1, at(1), at(3))) };

/** On a node that no longer reports. */
const lostPod: RawPodOptions = { ready: false, containersReady: true };

/** Brings about what was before, then everything else at once, and looks at what one visit makes of it. */
async function result(given: Case): Promise<Result> {
  const { rival, before, replicas, dispatcher, paused, deleted } = given;
  const scene = new Scene();
  const { cluster } = scene;
  const attached = dispatcher === 'none' ? {} : { dispatcherRef: { name: 'main' } };
  const main = cluster.putDispatcher(aDispatcher());
  const own = { metadata: { creationTimestamp: at(0) }, replicas: before === 'stopped' ? 0 : 1 };
  const key = cluster.putDaemon(aDaemon({ ...attached, ...own }));
  if (before !== 'new') await scene.settle(key);
  if (before === 'crashed') cluster.editPod(key, crashedPod);
  if (before === 'lost') cluster.editPod(key, lostPod);
  if (before === 'draining') {
    cluster.editDaemon(key, { replicas: 0 });
    await scene.visit(key);
    cluster.runControllers(key);
  }

  if (rival !== '-') await putRival(cluster, attached, rival);

  cluster.writes = [];
  const replicasBefore = cluster.child(key)?.replicas;
  cluster.editDaemon(key, { replicas, paused });
  if (deleted) cluster.beginDeletion(key, ['foregroundDeletion']);
  if (dispatcher === 'at 0') cluster.editDispatcher(main, { replicas: 0 });
  if (dispatcher === 'missing') cluster.dispatchers.clear();
  const writes = await scene.visitUntilWritten(key);
  return {
    ...given,
    child: [replicasBefore, cluster.child(key)?.replicas],
    writes: writes.filter((write) => !write.startsWith('status')),
    verdict: scene.verdict(key),
    message: scene.message(key),
  };
}

async function putRival(cluster: FakeCluster, attached: object, does: 'runs' | 'ends'): Promise<void> {
  const metadata = { name: 'alpha', creationTimestamp: at(-60) };
  const key = cluster.putDaemon(aDaemon({ ...attached, metadata }));
  const daemon = cluster.daemon(key);
  assert.ok(daemon);
  const dispatcher = dispatcherOf(daemon, (name) => cluster.dispatcher(name));
  const desired = desiredDeployment(daemon, defaults, { dispatcher });
  assert.ok('deployment' in desired);
  await cluster.createChild(desired);
  cluster.runControllers(key);
  cluster.runKubelet(key);
  const child = cluster.child(key);
  if (does === 'runs' || !child) return;
  cluster.editDaemon(key, { replicas: 0 });
  await cluster.scaleChild(child, 0);
  cluster.runControllers(key);
}

const results = await Promise.all(cases.map(result));

function rowOf({
  rival,
  before,
  replicas,
  dispatcher,
  paused,
  deleted,
  child,
  verdict,
  message,
}: Result): string {
  const marks = `${paused ? 'paused' : '-'} ${deleted ? 'deleted' : '-'}`;
  const [from, to] = child.map((count) => count ?? 'none');
  const facts = [rival, before, `${replicas}`, dispatcher, marks, `${from} → ${to}`, verdict].map(
    (text, index) => text.padEnd([6, 9, 9, 11, 15, 12, 43][index] ?? 0),
  );
  return [...facts, message].join('');
}

test('the table is as it was agreed', () => {
  const head =
    'RIVAL BEFORE   REPLICAS DISPATCHER PAUSED DELETED CHILD      STATE, CONDITIONS NOT False                MESSAGE';
  const text = `${[head, ...results.map(rowOf)].join('\n')}\n`;
  if (process.env['UPDATE_GOLDEN']) writeFileSync(golden, text);
  assert.equal(text, readFileSync(golden, 'utf8'));
});

const rules: [what: string, applies: (result: Result) => boolean, holds: (result: Result) => boolean][] = [
  [
    'a daemon that is being deleted is not written to',
    ({ deleted }) => deleted,
    ({ writes }) => writes.length === 0,
  ],
  ['a paused daemon is not written to', ({ paused }) => paused, ({ writes }) => writes.length === 0],
  [
    "a stop, be it its own or its dispatcher's, is carried out, whatever else is wrong",
    ({ replicas, dispatcher, paused, deleted }) =>
      (replicas === 0 || dispatcher === 'at 0') && !paused && !deleted,
    ({ child: [, after] }) => (after ?? 0) === 0,
  ],
  [
    'without its dispatcher nothing is done but a stop',
    ({ dispatcher }) => dispatcher === 'missing',
    ({ writes }) => writes.every((write) => write.endsWith(' to 0')),
  ],
  [
    'without its dispatcher, or on its way out, it is not stopped for another one',
    ({ dispatcher, replicas, deleted }) => replicas === 1 && (dispatcher === 'missing' || deleted),
    ({ child: [from, after] }) => after === from,
  ],
  [
    'a daemon that may run is started',
    ({ rival, before, replicas, dispatcher, paused, deleted }) =>
      rival === '-' &&
      before !== 'draining' &&
      replicas === 1 &&
      ['none', 'at 1'].includes(dispatcher) &&
      !paused &&
      !deleted,
    ({ child: [, after] }) => after === 1,
  ],
  [
    'next to a running daemon of its service, which was earlier, none runs or is started',
    ({ rival, replicas, dispatcher, paused, deleted }) =>
      rival === 'runs' && replicas === 1 && ['none', 'at 1'].includes(dispatcher) && !paused && !deleted,
    ({ child: [, after], verdict }) => (after ?? 0) === 0 && verdict.startsWith('Conflict'),
  ],
  [
    'while the other one ends, none is started, and one that runs goes on',
    ({ rival, replicas, dispatcher, paused, deleted }) =>
      rival === 'ends' && replicas === 1 && ['none', 'at 1'].includes(dispatcher) && !paused && !deleted,
    ({ child: [from, after] }) => (after ?? 0) === (from ?? 0),
  ],
  [
    'Stopped and DispatcherStopped are said only when no pod is left, and are Ready',
    ({ verdict }) => /^(Dispatcher)?Stopped/.test(verdict),
    ({ verdict, before }) => verdict.endsWith('Stopped Ready') && (before === 'new' || before === 'stopped'),
  ],
  [
    "DispatcherStopped is said only if the daemon's own switch is on",
    ({ verdict }) => verdict.startsWith('DispatcherStopped'),
    ({ replicas, dispatcher }) => replicas === 1 && dispatcher === 'at 0',
  ],
  [
    'what is said is a sentence that begins with a capital and has no period',
    () => true,
    ({ message }) => /^[A-Z].{10,}[^.]$/.test(message),
  ],
];

for (const [what, applies, holds] of rules)
  test(what, () => {
    const concerned = results.filter(applies);
    assert.ok(concerned.length > 0);
    assert.deepEqual(concerned.filter((each) => !holds(each)).map(rowOf), []);
  });
