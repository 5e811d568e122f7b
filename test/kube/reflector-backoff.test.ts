import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import type { IncomingMessage } from 'node:http';
import { test } from 'node:test';
import { ApiError } from '../../src/kube/api-error.ts';
import { Reflector } from '../../src/kube/reflector.ts';
import { Store } from '../../src/kube/store.ts';
import { seededRandom, seeds } from '../support/random.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { endOfList, type Kept, project } from './watch-events.ts';

/** `attempt` counts from 1. */
type Answer = (attempt: number, clock: VirtualClock) => IncomingMessage | Error;

/** Runs a reflector for a time; returns when it asked, in milliseconds since the start, and the waits that it told. */
async function follow(forMs: number, answer: Answer, random = () => 0.5) {
  const clock = new VirtualClock();
  const askedAtMs: number[] = [];
  const waitsMs: number[] = [];
  const stopping = new AbortController();
  const unused = () => Promise.reject(new Error('No list is expected'));
  const reflector = new Reflector<Kept>({
    transport: {
      request: unused,
      stream: async () => {
        const given = answer(askedAtMs.push(clock.monotonic()), clock);
        if (given instanceof Error) throw given;
        return given;
      },
    },
    path: '/api/v1/pods',
    store: new Store<Kept>(() => undefined),
    project,
    clock,
    random,
    onError: (_, retryInMs) => waitsMs.push(retryInMs),
  });
  const ended = reflector.run(stopping.signal);
  await clock.advance(forMs);
  stopping.abort();
  await ended;
  assert.equal(clock.timers, 0);
  return { askedAtMs, waitsMs, synced: reflector.synced };
}

function stream(...events: object[]): IncomingMessage {
  return Readable.from(events.map((event) => Buffer.from(`${JSON.stringify(event)}\n`))) as IncomingMessage;
}

/** A watch that stays open until it is destroyed. */
function openStream(...events: object[]): IncomingMessage {
  const watch = new Readable({ read: () => undefined });
  for (const event of events) watch.push(Buffer.from(`${JSON.stringify(event)}\n`));
  return watch as IncomingMessage;
}

const refused = new Error('connect ECONNREFUSED');

test('an unreachable server is asked about twice a second, so that its return is seen at once', async () => {
  const { askedAtMs, waitsMs } = await follow(60_000, () => refused);
  assert.deepEqual(waitsMs.slice(0, 5), [200, 400, 500, 500, 500]);
  assert.ok(askedAtMs.length > 110 && askedAtMs.length < 125, `${askedAtMs.length} tries in a minute`);
});

test('a server that answers 5xx while it starts is asked as often as an unreachable one', async () => {
  const { waitsMs } = await follow(5000, (attempt) => (attempt < 4 ? refused : new ApiError(503, '')));
  assert.deepEqual(waitsMs.slice(0, 6), [200, 400, 500, 500, 500, 500]);
});

test('a resource that is not installed is asked for within a second or two, and gently after that', async () => {
  const { askedAtMs, waitsMs } = await follow(60_000, () => new ApiError(404, ''));
  assert.deepEqual(askedAtMs.slice(0, 4), [0, 200, 600, 1400]);
  assert.deepEqual(waitsMs.slice(3, 6), [1600, 2000, 2000]);
  assert.ok(askedAtMs.length <= 34, `${askedAtMs.length} tries in a minute`);
});

test('a server that refuses is left in peace, up to half a minute', async () => {
  const { waitsMs } = await follow(300_000, () => new ApiError(403, ''));
  assert.deepEqual(waitsMs.slice(0, 3), [200, 400, 800]);
  assert.equal(waitsMs.at(-1), 30_000);
});

test('a server that was away and refuses at first is asked again soon', async () => {
  const answer = (attempt: number) => (attempt < 20 ? refused : new ApiError(403, ''));
  const { waitsMs } = await follow(20_000, answer);
  assert.deepEqual(waitsMs.slice(19, 22), [200, 400, 800]);
});

test('a server that says how long to wait is obeyed, within reason', async () => {
  const slowDown = (seconds: string) => new ApiError(429, '', { retryAfter: seconds });
  assert.deepEqual((await follow(10_000, () => slowDown('7'))).askedAtMs, [0, 7000]);
  assert.deepEqual((await follow(70_000, () => slowDown('86400'))).askedAtMs, [0, 60_000]);
});

test('a server that fills its caches and asks for a second each time is asked again within two', async () => {
  const { askedAtMs, waitsMs } = await follow(60_000, () => new ApiError(429, '', { retryAfter: '1' }));
  assert.deepEqual(waitsMs.slice(0, 5), [1000, 1000, 1000, 1600, 2000]);
  assert.ok(askedAtMs.length <= 34, `${askedAtMs.length} tries in a minute`);
});

test('a watch that the server ends at once is not opened again at once', async () => {
  const { askedAtMs } = await follow(5000, () => stream(endOfList(1)));
  assert.deepEqual(askedAtMs.slice(0, 4), [0, 200, 600, 1100]);
});

test('a line that nobody can read does not make it spin', async () => {
  const garbage = () => Readable.from([Buffer.from('<html>\n</html>\n')]) as IncomingMessage;
  const { askedAtMs } = await follow(5000, garbage);
  assert.ok(askedAtMs.length < 15, `${askedAtMs.length} tries in 5 s`);
});

test('after two healthy minutes the first delay counts again', async () => {
  const answer: Answer = (attempt, clock) => {
    if (attempt !== 4) return refused;
    const watch = openStream(endOfList(1));
    for (const atMs of [60_000, 120_000]) clock.setTimeout(() => void watch.push(Buffer.from('\n')), atMs);
    clock.setTimeout(() => void watch.destroy(refused), 180_000);
    return watch;
  };
  const { waitsMs } = await follow(190_000, answer);
  assert.deepEqual(waitsMs.slice(0, 5), [200, 400, 500, 200, 400]);
});

test('many operators do not come back in step: each wait is spread by half', async () => {
  for (const seed of seeds(20)) {
    const { waitsMs } = await follow(5000, () => refused, seededRandom(seed));
    assert.ok(new Set(waitsMs).size > 3, `SEED=${seed}`);
    for (const waitMs of waitsMs) assert.ok(waitMs >= 100 && waitMs <= 750, `SEED=${seed}: ${waitMs}`);
  }
});
