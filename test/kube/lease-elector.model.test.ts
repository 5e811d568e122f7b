import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LeaseElector } from '../../src/kube/lease-elector.ts';
import type { ApiRequest } from '../../src/kube/transport.ts';
import { seededRandom, seeds } from '../support/random.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { LeaseServer } from './lease-server.ts';

const requestTimeoutMs = 5000;
const calmMs = 40_000;
const restartAfterDeleteMs = 20_000;
/** A Lease that is deleted before everybody has seen it protects nobody. */
const betweenDeletesMs = 90_000;

test('two operators never lead at once, and one leads again soon after the last failure', async (t) => {
  for (const seed of seeds(40)) {
    const terms = await new Model(seed).run(300_000);
    assert.ok(terms > 0, `SEED=${seed}: nobody ever led`);
  }
  t.diagnostic('SEED=<number> repeats one');
});

/** Three operators, one API server, and a network that delays, loses and cuts; some operators stop and start, some freeze. */
class Model {
  readonly #seed: number;
  readonly #random: () => number;
  readonly #clock = new VirtualClock();
  readonly #server = new LeaseServer();
  readonly #processes = new Map<string, Process>();
  readonly #story: string[] = [];
  #deletedAtMs = 0;
  #isCalm = false;
  #terms = 0;
  #failure: unknown;

  constructor(seed: number) {
    this.#seed = seed;
    this.#random = seededRandom(seed);
  }

  /** Returns how many terms there were. */
  async run(forMs: number): Promise<number> {
    for (const slot of ['a', 'b', 'c']) this.#start(slot);
    for (let atMs = 0; atMs < forMs; atMs += 500) {
      this.#somethingHappens();
      await this.#clock.advance(500);
      this.#check();
    }
    this.#isCalm = true;
    for (const process of this.#processes.values()) process.cutUntilMs = 0;
    await this.#clock.advance(restartAfterDeleteMs);
    this.#restartStopped();
    await this.#clock.advance(calmMs);
    this.#check();
    const leaders = [...this.#processes.values()].filter(({ elector }) => elector.leads);
    assert.equal(leaders.length, 1, this.#tell('nobody leads although nothing fails'));
    for (const process of this.#processes.values()) process.stopping.abort();
    await this.#clock.advance(calmMs);
    assert.equal(this.#clock.timers, 0, this.#tell('timers are left'));
    return this.#terms;
  }

  /** Who starts without having seen the Lease can't know of a leader whose Lease was deleted: so none starts just after. */
  #restartStopped(): void {
    if (this.#clock.monotonic() - this.#deletedAtMs < restartAfterDeleteMs) return;
    for (const [slot, { stopping }] of this.#processes) {
      if (stopping.signal.aborted) this.#start(slot);
    }
  }

  #somethingHappens(): void {
    if (this.#random() < 0.1) this.#restartStopped();
    const slot = this.#pick(['a', 'b', 'c']);
    const process = this.#processes.get(slot)!;
    const nowMs = this.#clock.monotonic();
    const choice = this.#random();
    if (choice < 0.02) {
      process.cutUntilMs = nowMs + this.#random() * 40_000;
      this.#note(`${process.identity} is cut off until ${Math.round(process.cutUntilMs)}`);
    } else if (choice < 0.03) {
      this.#note(`${process.identity} is asked to stop`);
      process.stopping.abort();
    } else if (choice < 0.034 && this.#server.lease && nowMs - this.#deletedAtMs > betweenDeletesMs) {
      this.#note('the Lease is deleted');
      this.#deletedAtMs = nowMs;
      this.#server.delete();
    }
  }

  #start(slot: string): void {
    const process = new Process(`${slot}${Math.floor(this.#random() * 1e6)}`);
    const last = this.#processes.get(slot);
    this.#processes.set(slot, process);
    process.elector = new LeaseElector({
      transport: { request: <T>(request: ApiRequest) => this.#send(process, request) as Promise<T> },
      clock: this.#clock,
      random: this.#random,
      namespace: 'system',
      name: 'operator',
      identity: process.identity,
      onError: () => undefined,
    });
    if (last) this.#others.add(last);
    process.elector.observe(this.#server.lease);
    this.#server.watchers.add((lease) => void this.#deliver(process, () => process.elector.observe(lease)));
    process.elector
      .run(process.stopping.signal, (lost) => this.#lead(process, lost))
      .catch((error: unknown) => (this.#failure ??= error));
  }

  /** Processes that were asked to stop and may still be at it. */
  readonly #others = new Set<Process>();

  async #lead(process: Process, lost: AbortSignal): Promise<void> {
    this.#terms += 1;
    this.#note(`${process.identity} leads`);
    this.#check();
    await new Promise<void>((resolve) => {
      lost.addEventListener('abort', () => resolve());
      process.stopping.signal.addEventListener('abort', () => resolve());
    });
    this.#note(`${process.identity} ends ${lost.aborted ? 'because it lost the lease' : 'by itself'}`);
    await this.#wait(this.#random() * 3000);
  }

  #check(): void {
    assert.ifError(this.#failure);
    const leaders = [...this.#processes.values(), ...this.#others].filter(({ elector }) => elector.leads);
    assert.ok(
      leaders.length <= 1,
      this.#tell(`${leaders.map(({ identity }) => identity).join(' and ')} lead at once`),
    );
  }

  async #send(process: Process, request: ApiRequest): Promise<unknown> {
    const lateMs = this.#isCalm ? 5 : this.#delayMs();
    const backMs = this.#isCalm ? 5 : this.#delayMs();
    const isLost = this.#isCutOff(process) || (!this.#isCalm && this.#random() < 0.05);
    const deadline = this.#wait(requestTimeoutMs).then(() => {
      throw new Error('No answer');
    });
    const exchange = async () => {
      await this.#wait(lateMs);
      if (isLost) return new Promise(() => undefined);
      const answered = this.#handle(request);
      await this.#wait(backMs);
      if (this.#isCutOff(process)) return new Promise(() => undefined);
      if (answered.error !== undefined) throw answered.error as Error;
      return answered.answer;
    };
    return Promise.race([deadline, exchange()]);
  }

  #handle(request: ApiRequest): { answer?: unknown; error?: unknown } {
    try {
      return { answer: this.#server.handle(request) };
    } catch (error) {
      return { error };
    }
  }

  /** The watch keeps its order, is late, and catches up after a cut. */
  async #deliver(process: Process, news: () => void): Promise<void> {
    const last = process.delivered;
    process.delivered = (async () => {
      await this.#wait(this.#isCalm ? 5 : this.#delayMs());
      await last;
      while (this.#isCutOff(process)) await this.#wait(process.cutUntilMs - this.#clock.monotonic() + 1);
      news();
    })();
    await process.delivered;
  }

  #isCutOff({ cutUntilMs }: Process): boolean {
    return this.#clock.monotonic() < cutUntilMs;
  }

  /** Mostly some milliseconds, now and then some seconds. */
  #delayMs(): number {
    return this.#random() < 0.9 ? this.#random() * 50 : this.#random() * 7000;
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#clock.setTimeout(resolve, ms));
  }

  #pick<Item>(items: Item[]): Item {
    return items[Math.floor(this.#random() * items.length)]!;
  }

  #note(what: string): void {
    this.#story.push(`${Math.round(this.#clock.monotonic())} ms: ${what}`);
  }

  #tell(what: string): string {
    return `SEED=${this.#seed}: ${what}\n${this.#story.slice(-15).join('\n')}`;
  }
}

class Process {
  readonly identity: string;
  readonly stopping = new AbortController();
  elector!: LeaseElector;
  cutUntilMs = 0;
  delivered: Promise<void> = Promise.resolve();

  constructor(identity: string) {
    this.identity = identity;
  }
}
