/** One operator, and a network or an API server that misbehaves while daemons are changed. */
import { setTimeout as delay } from 'node:timers/promises';
import { seeds, seededRandom } from '../support/random.ts';
import { clariveDaemons, deployments } from '../support/resources.ts';
import { until } from '../support/until.ts';
import { Changes } from './changes.ts';
import { daemonOf, differencesNow, untilChildrenRight, untilRight, type Wanted } from './end-state.ts';
import { isWatch, isWrite, type Fault, type ProxiedRequest, type Refusal } from './fault-proxy.ts';
import type { Stage } from './stage.ts';

/** The API server stops under changes, once in good order and once by SIGKILL; changes go on as soon as it is back. */
export async function apiServerRestarts(stage: Stage): Promise<void> {
  const { cluster, kube } = stage;
  await stage.start();
  // After a restart, Kubernetes' own garbage collector may take minutes to remove the pods of what was deleted.
  const changes = new Changes(kube, 10, { deletes: false });
  await untilRight(kube, await changes.create());
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    await changes.make(20); // The operator is still busy with them when the API server goes.
    await cluster.stopApiServer(signal);
    kube.close();
    await cluster.startApiServer();
    const readyAtMs = performance.now();
    await changes.make(20);
    await untilChildrenRight(kube, changes.expected, 60_000);
    const childrenMs = sinceMs(readyAtMs);
    await untilRight(kube, changes.expected);
    stage.say(
      `${signal}: 20 changes before and after; after the API server was ready, the Deployments were right in ${childrenMs} ms, ` +
        `their pods in ${sinceMs(readyAtMs)} ms`,
    );
  }
}

/** Watches break off, what happens meanwhile is missed, and the versions at which they resume are gone. */
export async function watchExpired(stage: Stage): Promise<void> {
  const { kube } = stage;
  const { proxy } = await stage.start();
  const changes = new Changes(kube, 10);
  await untilRight(kube, await changes.create());
  let refused = 0;
  for (let round = 1; round <= 5; round++) {
    const isGone = (request: ProxiedRequest) => isWatch(request) && request.path.includes('resourceVersion=');
    proxy.fault = { onRequest: (request) => (isWatch(request) ? 'reset' : undefined) };
    proxy.resetConnections();
    await changes.make(20);
    const opened = proxy.watches;
    proxy.fault = {
      onRequest: (request) => {
        if (!isGone(request)) return undefined;
        refused++;
        return { code: 410, reason: 'Expired' };
      },
    };
    await untilRight(kube, changes.expected);
    if (proxy.watches === opened) throw new Error('No watch was opened anew');
    proxy.fault = {};
  }
  stage.say(`5 rounds, ${changes.count} changes while no watch was open, ${refused} times 410`);
  if (refused < 5) throw new Error('The watches did not resume where they had been');
}

/** Any connection breaks at any time, for ten seconds. */
export async function connectionsReset(stage: Stage): Promise<void> {
  const { kube } = stage;
  const { proxy } = await stage.start();
  const [seed = 0] = seeds(1);
  const random = seededRandom(seed);
  const changes = new Changes(kube, 10, { seed });
  await untilRight(kube, await changes.create());
  const pressure = new AbortController();
  const changing = changes.until(pressure.signal);
  const endMs = performance.now() + 10_000;
  let resets = 0;
  while (performance.now() < endMs) {
    resets += proxy.resetConnections(() => random() < 0.5);
    await delay(20 + random() * 200);
  }
  pressure.abort();
  await changing;
  const endedAtMs = performance.now();
  await untilRight(kube, changes.expected);
  stage.say(
    `${resets} connections reset under ${changes.count} changes (SEED=${seed}), right ${sinceMs(endedAtMs)} ms later`,
  );
}

/** The first attempt of each write is refused as a conflict. */
export async function conflicts(stage: Stage): Promise<void> {
  const { kube } = stage;
  const { proxy } = await stage.start();
  const first = new FirstAttempts({ code: 409, reason: 'Conflict' });
  proxy.fault = first.fault;
  const changes = new Changes(kube, 10);
  await untilRight(kube, await changes.create());
  await changes.make(100);
  await untilRight(kube, changes.expected);
  stage.say(`${changes.count} changes, ${first.refusals} times 409`);
  if (first.refusals < 20) throw new Error('Hardly any write was refused');
}

/** The first attempt of each write is refused with a time to wait, while news of the same daemons keeps coming. */
export async function tooManyRequests(stage: Stage): Promise<void> {
  const { kube } = stage;
  const { proxy } = await stage.start();
  const first = new FirstAttempts({ code: 429, reason: 'TooManyRequests', retryAfterSeconds: 1 });
  proxy.fault = first.fault;
  const changes = new Changes(kube, 10);
  await untilRight(kube, await changes.create());
  await changes.make(30);
  await untilRight(kube, changes.expected);
  const { retries } = first;
  const soonestMs = Math.round(Math.min(...retries.map(({ afterMs }) => afterMs)));
  stage.say(
    `${changes.count} changes, ${first.refusals} times 429, the soonest of ${retries.length} retries after ${soonestMs} ms`,
  );
  if (retries.length < 20) throw new Error('Hardly any write was refused and tried again');
  const early = retries.filter(({ afterMs }) => afterMs < 1000);
  if (early.length > 0) throw new Error(`Retry-After was not waited for: ${JSON.stringify(early)}`);
}

/** Answers are lost after the write was carried out, and requests before; nothing closes the connection. */
export async function answersLost(stage: Stage): Promise<void> {
  const { kube } = stage;
  const { proxy } = await stage.start();
  const expected = new Map<string, Wanted>();
  const lost = new Set<string>();
  const loses = (request: ProxiedRequest, name: string) => {
    const isFirst = isWrite(request) && request.body.includes(`"${name}"`) && !lost.has(name);
    if (isFirst) lost.add(name);
    return isFirst;
  };
  proxy.fault = {
    onRequest: (request) => (loses(request, 'request-lost') ? 'swallow' : undefined),
    onAnswer: (request) => (loses(request, 'answer-lost') ? 'withhold' : undefined),
  };
  const startedAtMs = performance.now();
  for (const name of ['request-lost', 'answer-lost', 'other']) {
    const wanted: Wanted = { replicas: 1, mark: name };
    await kube.create(clariveDaemons, daemonOf(name, wanted));
    expected.set(name, wanted);
  }
  await until(kube, deployments, 'other', () => true, { describe: 'the child of the other daemon' });
  const otherAfterMs = sinceMs(startedAtMs);
  await untilRight(kube, expected);
  stage.say(
    `${lost.size} writes lost; the other daemon served after ${otherAfterMs} ms, right after ${sinceMs(startedAtMs)} ms`,
  );
  if (lost.size !== 2) throw new Error('Not every write that should be lost was');
}

/** All watches go silent without being closed: the operator finds out after 100 s, and sees what it has missed. */
export async function watchSilent(stage: Stage): Promise<void> {
  const { kube } = stage;
  const { proxy } = await stage.start();
  const changes = new Changes(kube, 10);
  await untilRight(kube, await changes.create());
  const frozen = proxy.freezePresent(isWatch);
  const frozenAtMs = performance.now();
  await changes.make(40);
  const missed = await differencesNow(kube, changes.expected);
  await untilRight(kube, changes.expected, 150_000);
  stage.say(
    `${frozen} watches silent, ${missed.length} differences missed, right after ${sinceMs(frozenAtMs)} ms`,
  );
  if (frozen === 0 || missed.length === 0) throw new Error('No watch was silent');
}

/** A daemon is deleted and made anew under its name at once: twenty times with a look at the result, then twenty at a stretch. */
export async function madeAnew(stage: Stage): Promise<void> {
  const { kube } = stage;
  await stage.start();
  const name = 'daemon';
  const expected = new Map<string, Wanted>();
  let slowestMs = 0;
  const renew = async (round: number) => {
    const wanted: Wanted = { replicas: round % 3 === 0 ? 0 : 1, mark: `round-${round}` };
    const startedAtMs = performance.now();
    if (expected.has(name)) await kube.delete(clariveDaemons, name);
    await kube.create(clariveDaemons, daemonOf(name, wanted));
    slowestMs = Math.max(slowestMs, sinceMs(startedAtMs));
    expected.set(name, wanted);
  };
  for (let round = 0; round <= 20; round++) {
    await renew(round);
    await untilRight(kube, expected);
  }
  for (let round = 21; round <= 40; round++) await renew(round);
  await untilRight(kube, expected);
  stage.say(
    `40 times deleted and made anew, each within ${slowestMs} ms; right after 20 rounds and after a burst of 20`,
  );
  if (slowestMs > 1000) throw new Error('It took more than a second to make it anew');
}

/** Refuses the first attempt of each write and measures when the next one about the same object comes. */
class FirstAttempts {
  refusals = 0;
  readonly retries: { id: string; afterMs: number }[] = [];
  readonly fault: Fault;
  readonly #seenAtMs = new Map<string, number>();

  constructor(refusal: Refusal) {
    this.fault = { onRequest: (request) => (this.#isFirst(request) ? refusal : undefined) };
  }

  #isFirst(request: ProxiedRequest): boolean {
    if (!isWrite(request)) return false;
    const id = identityOf(request);
    const seenAtMs = this.#seenAtMs.get(id);
    if (seenAtMs === undefined) {
      this.#seenAtMs.set(id, performance.now());
      this.refusals++;
      return true;
    }
    this.#seenAtMs.delete(id); // The next one with these words is a new write.
    this.retries.push({ id, afterMs: performance.now() - seenAtMs });
    return false;
  }
}

/** A write that is tried again carries new times and versions, and may tell of more; but it is about the same incarnation. */
function identityOf({ method, path, body }: ProxiedRequest): string {
  const name = method === 'POST' ? (JSON.parse(body) as { metadata: { name: string } }).metadata.name : '';
  const [uid = ''] = /"uid":"[^"]*"/.exec(body) ?? [];
  return `${method} ${path} ${name} ${uid}`;
}

function sinceMs(startedAtMs: number): number {
  return Math.round(performance.now() - startedAtMs);
}
