/** What becomes of a daemon and how soon its status tells it. */
import assert from 'node:assert/strict';
import { quantile } from '../../bench/statistics.ts';
import type { ClariveDaemon } from '../../src/api/clarive-daemon.ts';
import type { Reason } from '../../src/api/conditions.ts';
import type { KubeClient } from '../../test/support/kube-client.ts';
import { kstatusOf, type Kstatus } from '../../test/gitops/kstatus.ts';
import { clariveDaemons } from '../../test/support/resources.ts';
import { daemonIs } from './causes.ts';
import { condition, patience } from './daemons.ts';
import { isAbout, type Matches, type Seen, type Witness } from './witness.ts';

interface Transition {
  reason: Reason;
  /** As its status told it. */
  daemon: ClariveDaemon;
  /** From the change that makes it true, as the API server tells it, to the status that says so. */
  delayMs: number;
}

const targetP99Ms = 1000;

/** All transitions of a run, and those of them that are shown. */
export class Transitions {
  readonly #all: Transition[] = [];
  readonly #shown = new Set<Transition>();

  add(transition: Transition, isShown: boolean): void {
    this.#all.push(transition);
    if (isShown) this.#shown.add(transition);
  }

  get delaysMs(): number[] {
    return this.#all.map(({ delayMs }) => delayMs);
  }

  get reasons(): ReadonlySet<string> {
    return new Set(this.#all.map(({ reason }) => reason));
  }

  /** Throws if kstatus made anything else of a daemon than its reason means. */
  async judge(): Promise<void> {
    for (const [{ reason, daemon }, verdict] of await this.#judged()) {
      const { name, deletionTimestamp } = daemon.metadata;
      assert.equal(
        verdict,
        deletionTimestamp ? 'Terminating' : kstatusOfReason[reason],
        `"${name}" is ${reason}`,
      );
    }
  }

  /** A table, and below it how fast all transitions were told. */
  async report(): Promise<string> {
    const shown = (await this.#judged()).filter(([transition]) => this.#shown.has(transition));
    const rows = shown.map(([{ reason, daemon, delayMs }, verdict]) =>
      [
        reason.padEnd(20),
        verdict.padEnd(11),
        `${Math.round(delayMs)} ms`.padStart(8),
        ` ${condition(daemon, 'Ready')?.message ?? ''}`,
      ].join(' '),
    );
    const [p50, p99, most] = [0.5, 0.99, 1].map((q) => Math.round(quantile(this.delaysMs, q)));
    const verdict = (p99 ?? Infinity) <= targetP99Ms ? 'met' : 'NOT MET';
    return [
      `${'reason'.padEnd(20)} ${'kstatus'.padEnd(11)} ${'delay'.padStart(8)}  message`,
      ...rows,
      `${this.#all.length} transitions told after p50 ${p50} ms, p99 ${p99} ms, at most ${most} ms`,
      `target: p99 at most ${targetP99Ms} ms: ${verdict}`,
    ].join('\n');
  }

  async #judged(): Promise<[Transition, Kstatus][]> {
    const verdicts = await kstatusOf(this.#all.map(({ daemon }) => daemon));
    return verdicts.map((verdict, index) => [this.#all[index] as Transition, verdict]);
  }
}

/** What kstatus makes of each reason, but for a daemon that is being deleted. */
const kstatusOfReason: Record<Reason, Kstatus> = {
  Running: 'Current',
  Stopped: 'Current',
  DispatcherStopped: 'Current',
  Starting: 'InProgress',
  Stopping: 'InProgress',
  WaitingForOldPod: 'InProgress',
  WaitingForTurn: 'InProgress',
  RolloutPaused: 'InProgress',
  NodeUnreachable: 'InProgress',
  Unschedulable: 'InProgress',
  QuotaExceeded: 'InProgress',
  MissingReference: 'InProgress',
  Paused: 'InProgress',
  CrashLooping: 'Failed',
  ImagePullFailed: 'Failed',
  ContainerConfigError: 'Failed',
  InvalidSpec: 'Failed',
  Conflict: 'Failed',
  AdmissionRejected: 'Failed',
};

/** The daemons of one namespace, under observation. */
export class Stage {
  readonly kube: KubeClient;
  readonly #witness: Witness;
  readonly #transitions: Transitions;
  #since = 0;

  constructor(kube: KubeClient, witness: Witness, transitions: Transitions) {
    this.kube = kube;
    this.#witness = witness;
    this.#transitions = transitions;
  }

  /** Makes a change; what `becomes` asks for comes after it. */
  async change(action: (kube: KubeClient) => Promise<unknown>): Promise<void> {
    this.#since = this.#witness.mark();
    await action(this.kube);
  }

  /** Waits until the status says so of the daemon's newest spec, and notes how long after the cause that was. */
  becomes(name: string, reason: Reason, cause: Matches, isShown = true): Promise<ClariveDaemon> {
    return this.tells(name, reason, says(reason), cause, isShown);
  }

  /** Like `becomes`, for a status that says more than its reason. */
  async tells(
    name: string,
    reason: Reason,
    status: Matches,
    cause: Matches,
    isShown = true,
  ): Promise<ClariveDaemon> {
    const describe = `"${name}" to be ${reason}`;
    const told = await this.#first(name, status, describe);
    const known = await this.#first(name, cause, `the cause of ${describe}`);
    const daemon = told.object as ClariveDaemon;
    const delayMs = Math.max(0, told.atMs - known.atMs);
    this.#transitions.add({ reason, daemon, delayMs }, isShown);
    return daemon;
  }

  /** Notes it only if the status has said so on the way to what it says now. */
  async hasBeen(name: string, reason: Reason, cause: Matches): Promise<void> {
    const hasSaid = (seen: Seen) => this.#isAbout(seen, name) && says(reason)(seen);
    if (this.#witness.find(this.#since, hasSaid)) await this.becomes(name, reason, cause, false);
  }

  #first(name: string, matches: Matches, describe: string): Promise<Seen> {
    const isMet = (seen: Seen) => this.#isAbout(seen, name) && matches(seen);
    return this.#witness
      .first(this.#since, isMet, describe, patience.timeoutMs)
      .catch(async (error: Error) => {
        const found = await this.kube.find(clariveDaemons, name);
        throw new Error(`${error.message}; it is: ${JSON.stringify(found?.status)}`);
      });
  }

  #isAbout(seen: Seen, name: string): boolean {
    return isAbout(seen, this.kube.namespace, name);
  }
}

function says(reason: Reason): Matches {
  return daemonIs(
    (daemon) =>
      condition(daemon, 'Ready')?.reason === reason &&
      daemon.status?.observedGeneration === daemon.metadata.generation,
  );
}
