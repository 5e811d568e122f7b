import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ApiError } from '../../src/kube/api-error.ts';
import { LeaseElector } from '../../src/kube/lease-elector.ts';
import type { ApiRequest } from '../../src/kube/transport.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { LeaseServer } from './lease-server.ts';

/** A candidate; what happens to it stands in `log`. */
class Candidate {
  readonly elector: LeaseElector;
  readonly log: string[] = [];
  readonly errors: string[] = [];
  readonly #stopping = new AbortController();
  /** What a request meets on its way to the server. */
  onTheWay: (request: ApiRequest) => Promise<void> = async () => undefined;
  ended: Promise<void> = Promise.resolve();
  lost: AbortSignal | undefined;
  /** Ends the work of the leader although nothing asked for it. */
  quit: (error?: Error) => void = () => undefined;

  constructor(identity: string, server: LeaseServer, clock: VirtualClock) {
    this.elector = new LeaseElector({
      transport: {
        request: async <T>(request: ApiRequest) => {
          await this.onTheWay(request);
          return server.handle(request) as T;
        },
      },
      clock,
      random: () => 0.5,
      namespace: 'system',
      name: 'operator',
      identity,
      onError: (error, retryInMs) => this.errors.push(`${(error as Error).message} (${retryInMs})`),
    });
    this.elector.observe(server.lease);
    server.watchers.add((lease) => this.elector.observe(lease));
  }

  start(): void {
    this.ended = this.elector.run(this.#stopping.signal, (lost) => this.#lead(lost));
    this.ended.catch(() => undefined);
  }

  stop(): void {
    this.#stopping.abort();
  }

  async #lead(lost: AbortSignal): Promise<void> {
    this.lost = lost;
    this.log.push('leads');
    await new Promise<void>((resolve, reject) => {
      this.quit = (error) => (error ? reject(error) : resolve());
      lost.addEventListener('abort', () => resolve());
      this.#stopping.signal.addEventListener('abort', () => resolve());
    });
    this.log.push(lost.aborted ? `lost: ${(lost.reason as Error).message}` : 'done');
  }
}

function scene(...identities: string[]) {
  const clock = new VirtualClock();
  const server = new LeaseServer();
  const candidates = identities.map((identity) => new Candidate(identity, server, clock));
  return { clock, server, candidates: candidates as [Candidate, Candidate] };
}

/** The first leads, the second waits. */
async function ledByFirst() {
  const { clock, server, candidates } = scene('a', 'b');
  const [a, b] = candidates;
  a.start();
  await clock.settle();
  b.start();
  await clock.settle();
  assert.ok(a.elector.leads);
  assert.ok(!b.elector.leads);
  return { clock, server, a, b };
}

const unreachable = () => Promise.reject(new Error('unreachable'));

/** The answer gets lost, what was asked is done. */
function answerLost(server: LeaseServer) {
  return async (request: ApiRequest) => {
    server.handle(request);
    throw new Error('no answer');
  };
}

describe('a candidate', () => {
  test('makes the Lease if there is none, and leads', async () => {
    const { clock, server, candidates } = scene('a');
    candidates[0].start();
    await clock.settle();
    assert.deepEqual(candidates[0].log, ['leads']);
    assert.deepEqual(server.lease?.spec, {
      holderIdentity: 'a',
      leaseDurationSeconds: 15,
      renewTime: '2026-01-01T00:00:00.000000Z',
      acquireTime: '2026-01-01T00:00:00.000000Z',
      leaseTransitions: 0,
    });
  });

  test('leaves a held Lease alone, sends nothing, and takes over 15 s after its last change', async () => {
    const { clock, server, a, b } = await ledByFirst();
    await clock.advance(3000);
    a.onTheWay = unreachable;
    const requests = server.log.length;
    await clock.advance(13_999);
    assert.equal(server.log.length, requests);
    await clock.advance(1);
    assert.deepEqual(b.log, ['leads']);
    assert.equal(server.lease?.spec.leaseTransitions, 1);
    assert.equal(server.lease?.spec.acquireTime, '2026-01-01T00:00:17.000000Z');
  });

  test('waits as long as the holder has said', async () => {
    const { clock, server, candidates } = scene('a');
    server.write({ holderIdentity: 'x', leaseDurationSeconds: 60 });
    candidates[0].start();
    await clock.advance(59_999);
    assert.deepEqual(candidates[0].log, []);
    await clock.advance(1);
    assert.deepEqual(candidates[0].log, ['leads']);
  });

  test('never trusts the times in the Lease: the clocks of two nodes may differ', async () => {
    const { clock, server, candidates } = scene('a');
    server.write({ holderIdentity: 'x', leaseDurationSeconds: 15, renewTime: '2001-01-01T00:00:00.000000Z' });
    candidates[0].start();
    await clock.advance(14_999);
    assert.deepEqual(candidates[0].log, []);
  });

  test('takes over within milliseconds when the leader gives the lease up', async () => {
    const { clock, a, b } = await ledByFirst();
    await clock.advance(5000);
    a.stop();
    await clock.settle();
    assert.deepEqual(a.log, ['leads', 'done']);
    assert.deepEqual(b.log, ['leads']);
    await a.ended;
  });

  test('of two, one gets the lease that is given up', async () => {
    const { clock, server, candidates } = scene('a', 'b');
    server.write({ holderIdentity: 'x', leaseDurationSeconds: 15 });
    for (const candidate of candidates) candidate.start();
    server.write({ holderIdentity: '', leaseDurationSeconds: 1 });
    await clock.advance(3000);
    assert.equal(candidates.filter(({ elector }) => elector.leads).length, 1);
    assert.deepEqual(
      candidates.flatMap(({ errors }) => errors),
      [],
      'a lost race is no error',
    );
  });

  test('takes the Lease that names itself at once: the answer to its own write was lost', async () => {
    const { clock, server, candidates } = scene('a');
    const [a] = candidates;
    a.onTheWay = answerLost(server);
    a.start();
    await clock.settle();
    assert.deepEqual(a.log, []);
    assert.equal(server.holder, 'a');
    a.onTheWay = async () => undefined;
    await clock.advance(3000);
    assert.deepEqual(a.log, ['leads']);
    assert.equal(server.lease?.spec.leaseTransitions, 0);
  });

  test('learns of a Lease that its watch has not shown', async () => {
    const { clock, server, candidates } = scene('a');
    server.watchers.clear();
    server.write({ holderIdentity: 'x', leaseDurationSeconds: 15 });
    candidates[0].start();
    await clock.advance(14_999);
    assert.deepEqual(candidates[0].log, []);
    assert.deepEqual(server.log, ['POST 409', 'GET 200']);
    await clock.advance(5000);
    assert.deepEqual(candidates[0].log, ['leads']);
  });

  test('says why it cannot write the Lease, and tries again about each two seconds', async () => {
    const { clock, candidates } = scene('a');
    const [a] = candidates;
    a.onTheWay = unreachable;
    a.start();
    await clock.advance(10_000);
    assert.ok(a.errors.length >= 5 && a.errors.length <= 9, `${a.errors.length} tries`);
    assert.equal(a.errors[0], 'unreachable (1400)');
  });

  test('says that its namespace is missing', async () => {
    const { clock, candidates, server } = scene('a');
    const [a] = candidates;
    a.onTheWay = async (request) => void server.handle({ ...request, path: '/missing' });
    a.start();
    await clock.settle();
    assert.deepEqual(a.errors, ['NotFound (1400)']);
  });

  test('stops at once while it waits', async () => {
    const { clock, b } = await ledByFirst();
    b.stop();
    await b.ended;
    assert.deepEqual(b.log, []);
    assert.ok(clock.timers <= 2, 'only the leader has timers');
  });

  test('that is stopped while it takes the lease gives it up again and never leads', async () => {
    const { clock, server, candidates } = scene('a');
    const [a] = candidates;
    let arrive: () => void = () => undefined;
    a.onTheWay = () => new Promise((resolve) => (arrive = resolve));
    a.start();
    await clock.settle();
    a.stop();
    a.onTheWay = async () => undefined;
    arrive();
    await a.ended;
    assert.deepEqual(a.log, []);
    assert.equal(server.holder, '');
    assert.equal(clock.timers, 0);
  });
});

describe('a leader', () => {
  test('renews about each two seconds, with one request', async () => {
    const { clock, server, a } = await ledByFirst();
    server.log.length = 0;
    await clock.advance(60_000);
    assert.equal(server.log.length, 30);
    assert.deepEqual(new Set(server.log), new Set(['PUT 200']));
    assert.ok(a.elector.leads);
    assert.equal(server.lease?.spec.acquireTime, '2026-01-01T00:00:00.000000Z');
    assert.equal(server.lease?.spec.renewTime, '2026-01-01T00:01:00.000000Z');
  });

  test('that is cut off stops 10 s after its last success, before another can take over', async () => {
    const { clock, a, b } = await ledByFirst();
    await clock.advance(3000);
    a.onTheWay = unreachable;
    await clock.advance(8999);
    assert.deepEqual(a.log, ['leads']);
    await clock.advance(1);
    assert.deepEqual(a.log, ['leads', 'lost: The lease could not be renewed for 10000 ms']);
    assert.ok(!a.elector.leads);
    assert.deepEqual(b.log, []);
    await clock.advance(5000);
    assert.deepEqual(b.log, ['leads']);
  });

  test('counts its time from when it asked, because the server may have answered late', async () => {
    const { clock, candidates } = scene('a');
    const [a] = candidates;
    a.onTheWay = () => new Promise((resolve) => void clock.setTimeout(resolve, 4000));
    a.start();
    await clock.advance(4000);
    assert.ok(a.elector.leads);
    a.onTheWay = unreachable;
    await clock.advance(5999);
    assert.ok(a.elector.leads);
    await clock.advance(1);
    assert.ok(!a.elector.leads);
  });

  test('counts a renewal from when it asked', async () => {
    const { clock, a } = await ledByFirst();
    a.onTheWay = () => new Promise((resolve) => void clock.setTimeout(resolve, 4000));
    await clock.advance(6000);
    a.onTheWay = unreachable;
    await clock.advance(5999);
    assert.ok(a.elector.leads);
    await clock.advance(1);
    assert.ok(!a.elector.leads);
  });

  test('survives a short failure', async () => {
    const { clock, a, b } = await ledByFirst();
    a.onTheWay = unreachable;
    await clock.advance(7000);
    assert.deepEqual(a.errors, ['unreachable (2000)', 'unreachable (2000)', 'unreachable (2000)']);
    a.onTheWay = async () => undefined;
    await clock.advance(60_000);
    assert.deepEqual([a.log, b.log], [['leads'], []]);
  });

  test('whose renewal was done but not answered goes on', async () => {
    const { clock, server, a } = await ledByFirst();
    server.watchers.clear();
    a.onTheWay = answerLost(server);
    await clock.advance(2000);
    a.onTheWay = async () => undefined;
    server.log.length = 0;
    await clock.advance(2000);
    assert.deepEqual(server.log, ['PUT 409', 'GET 200', 'PUT 200']);
    assert.deepEqual(a.log, ['leads']);
  });

  test('stops at once when the watch shows that another has taken the lease', async () => {
    const { clock, server, a } = await ledByFirst();
    server.write({ holderIdentity: 'thief', leaseDurationSeconds: 15 });
    assert.ok(!a.elector.leads);
    await clock.settle();
    assert.deepEqual(a.log, ['leads', 'lost: "thief" has taken the lease']);
    assert.equal(server.holder, 'thief', 'what is not its own is not given up');
  });

  test('stops at once when its renewal shows that another has taken the lease', async () => {
    const { clock, server, a } = await ledByFirst();
    server.watchers.clear();
    server.write({ holderIdentity: 'thief', leaseDurationSeconds: 15 });
    await clock.advance(2000);
    assert.deepEqual(a.log, ['leads', 'lost: "thief" has taken the lease']);
    assert.equal(server.holder, 'thief');
  });

  test('makes a deleted Lease anew and goes on; the standby waits', async () => {
    const { clock, server, a, b } = await ledByFirst();
    await clock.advance(5000);
    server.delete();
    await clock.advance(1000);
    assert.equal(server.holder, 'a');
    await clock.advance(60_000);
    assert.deepEqual([a.log, b.log], [['leads'], []]);
  });

  test('that is gone, and its Lease deleted, is succeeded within 15 s', async () => {
    const { clock, server, a, b } = await ledByFirst();
    a.onTheWay = unreachable;
    server.delete();
    await clock.advance(14_999);
    assert.deepEqual(b.log, []);
    await clock.advance(1);
    assert.deepEqual(b.log, ['leads']);
  });

  test('is not confused by news that is older than its own renewal', async () => {
    const { clock, server, a } = await ledByFirst();
    const old = server.lease;
    await clock.advance(4000);
    server.log.length = 0;
    a.elector.observe(old);
    await clock.advance(2000);
    assert.deepEqual(server.log, ['PUT 200']);
  });

  test('that was stopped by the system for a while knows at once that it leads no more', async () => {
    const { clock, a } = await ledByFirst();
    const frozenUntilMs = clock.monotonic() + 10_000;
    clock.monotonic = () => frozenUntilMs;
    assert.ok(!a.lost?.aborted, 'its timers have not run yet');
    assert.ok(!a.elector.leads);
  });

  test('does not care about jumps of the wall clock', async () => {
    const { clock, a, b } = await ledByFirst();
    const now = clock.now.bind(clock);
    for (const jumpMs of [3_600_000, -3_600_000]) {
      clock.now = () => now() + jumpMs;
      await clock.advance(20_000);
      assert.deepEqual([a.log, b.log], [['leads'], []]);
    }
  });

  test('gives the lease up with its history, and leaves no timer', async () => {
    const { clock, server, candidates } = scene('a');
    const [a] = candidates;
    a.start();
    await clock.advance(5000);
    a.stop();
    await a.ended;
    assert.equal(server.holder, '');
    assert.equal(server.lease?.spec.leaseDurationSeconds, 1);
    assert.equal(server.lease?.spec.leaseTransitions, 0);
    assert.equal(clock.timers, 0);
  });

  test('gives the lease up although its version is not the newest', async () => {
    const { clock, server, a } = await ledByFirst();
    server.watchers.clear();
    server.write({ ...server.lease?.spec, renewTime: 'touched by somebody' });
    a.stop();
    await clock.settle();
    assert.equal(server.holder, '');
  });

  test('that cannot give the lease up says so and stops', async () => {
    const { clock, a } = await ledByFirst();
    a.onTheWay = unreachable;
    a.stop();
    await a.ended;
    await clock.settle();
    assert.deepEqual(a.errors, ['unreachable (0)']);
  });

  test('finishes a renewal before it gives the lease up', async () => {
    const { clock, server, a } = await ledByFirst();
    let arrive: () => void = () => undefined;
    a.onTheWay = () => new Promise((resolve) => (arrive = resolve));
    await clock.advance(2000);
    a.stop();
    await clock.settle();
    assert.equal(server.holder, 'a');
    a.onTheWay = async () => undefined;
    arrive();
    await a.ended;
    assert.equal(server.log.at(-2), 'PUT 200');
  });

  test('whose work fails gives the lease up, renews no more, and throws the error on', async () => {
    const { clock, server, candidates } = scene('a');
    const [a] = candidates;
    a.start();
    await clock.settle();
    a.quit(new Error('The work failed'));
    await assert.rejects(a.ended, /The work failed/);
    assert.equal(server.holder, '');
    assert.equal(clock.timers, 0);
  });

  test('that lost the lease stands for election again', async () => {
    const { clock, server, candidates } = scene('a');
    const [a] = candidates;
    a.start();
    await clock.settle();
    server.write({ holderIdentity: 'thief', leaseDurationSeconds: 15 });
    await clock.advance(15_000);
    assert.deepEqual(a.log, ['leads', 'lost: "thief" has taken the lease', 'leads']);
  });
});

test('leaves a server that has too much to do alone for as long as it asks', async () => {
  const { clock, server, candidates } = scene('a');
  const [a] = candidates;
  a.onTheWay = () => Promise.reject(new ApiError(429, '{}', { retryAfter: '5' }));
  a.start();
  await clock.settle();
  a.onTheWay = async () => undefined;
  await clock.advance(4999);
  assert.deepEqual(server.log, []);
  await clock.advance(1);
  assert.deepEqual(server.log, ['POST 200']);
});
