/** What users do all the time, and a record of what must come of it. */
import { setTimeout as delay } from 'node:timers/promises';
import { KubeError, type KubeClient } from '../support/kube-client.ts';
import { seededRandom } from '../support/random.ts';
import { clariveDaemons, deployments } from '../support/resources.ts';
import { daemonOf, type Expectations, type Wanted } from './end-state.ts';

export interface ChangesOptions {
  seed?: number;
  /** Whether daemons and their children are deleted, too. On by default. */
  deletes?: boolean;
}

/** Changes a few daemons again and again: switches, edits, deletes and makes them anew, takes their child away. */
export class Changes {
  /** What is to be expected after the changes so far. */
  readonly expected = new Map<string, Wanted>();
  count = 0;
  readonly #kube: KubeClient;
  readonly #random: () => number;
  readonly #names: string[];

  readonly #deletes: boolean;

  constructor(kube: KubeClient, daemons: number, { seed = 1, deletes = true }: ChangesOptions = {}) {
    this.#kube = kube;
    this.#random = seededRandom(seed);
    this.#deletes = deletes;
    this.#names = Array.from({ length: daemons }, (_, index) => `daemon-${index + 1}`);
  }

  async create(): Promise<Expectations> {
    for (const name of this.#names) await this.#make(name, { replicas: 1, mark: 'first' });
    return this.expected;
  }

  /** Makes changes until the signal aborts, about thirty a second. Of an error, whoever awaits it learns. */
  until(signal: AbortSignal): Promise<void> {
    const changing = this.#keepOn(signal);
    changing.catch(() => undefined);
    return changing;
  }

  /** Makes this many changes, one after the other. */
  async make(count: number): Promise<void> {
    for (let made = 0; made < count; made++) await this.next();
  }

  async next(): Promise<void> {
    const name = this.#names[Math.floor(this.#random() * this.#names.length)] ?? '';
    const present = this.expected.get(name);
    const chance = this.#random() * (this.#deletes ? 1 : 0.7);
    this.count++;
    if (!present) return this.#make(name, { replicas: 1, mark: `made-${this.count}` });
    if (chance < 0.4) return this.#switch(name, present);
    if (chance < 0.7) return this.#edit(name, present);
    if (chance < 0.8) return this.#remove(name);
    if (chance < 0.9) return this.#renew(name, present);
    return this.#takeChild(name);
  }

  async #keepOn(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.next();
      await delay(20 + this.#random() * 20);
    }
  }

  /** Deletes a daemon and creates it at once under the same name. */
  async #renew(name: string, { replicas }: Wanted): Promise<void> {
    await this.#remove(name);
    await this.#make(name, { replicas, mark: `anew-${this.count}` });
  }

  async #make(name: string, wanted: Wanted): Promise<void> {
    await this.#kube.create(clariveDaemons, daemonOf(name, wanted));
    this.expected.set(name, wanted);
  }

  async #switch(name: string, present: Wanted): Promise<void> {
    const replicas = present.replicas === 1 ? 0 : 1;
    await this.#kube.scale(clariveDaemons, name, replicas);
    this.expected.set(name, { ...present, replicas });
  }

  async #edit(name: string, present: Wanted): Promise<void> {
    const mark = `edit-${this.count}`;
    await this.#kube.patch(clariveDaemons, name, { spec: { args: ['--mark', mark] } });
    this.expected.set(name, { ...present, mark });
  }

  async #remove(name: string): Promise<void> {
    await this.#kube.delete(clariveDaemons, name);
    this.expected.delete(name);
  }

  async #takeChild(name: string): Promise<void> {
    try {
      await this.#kube.delete(deployments, name);
    } catch (error) {
      // There is none yet, or no more.
      if (!(error instanceof KubeError) || error.code !== 404) throw error;
    }
  }
}
