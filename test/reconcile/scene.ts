import type { ClariveDaemon } from '../../src/api/clarive-daemon.ts';
import type { ReferenceKind } from '../../src/api/contents.ts';
import type { ObjectKey } from '../../src/api/object-key.ts';
import { Gatekeeper } from '../../src/reconcile/gatekeeper.ts';
import { reconcileDispatcher } from '../../src/reconcile/reconcile-dispatcher.ts';
import { reconcile, type Visit } from '../../src/reconcile/reconcile.ts';
import { Renderings } from '../../src/reconcile/renderings.ts';
import { StatusSchedule } from '../../src/reconcile/status-schedule.ts';
import { Surveys } from '../../src/reconcile/survey.ts';
import { messageOf, verdict } from '../status/look.ts';
import { at, startMs } from '../status/observed-builders.ts';
import { defaults, FakeCluster } from './fake-cluster.ts';

/** The operator's story on a cluster in memory, with a clock that a test moves. */
export class Scene {
  readonly cluster = new FakeCluster();
  nowMs = startMs;
  #schedule = new StatusSchedule(() => this.nowMs);
  #dispatcherSchedule = new StatusSchedule(() => this.nowMs);
  #followed: readonly ReferenceKind[];
  #renderings: Renderings;
  #surveys = new Surveys();
  #gatekeeper = this.#aGatekeeper();

  constructor(followed: readonly ReferenceKind[] = ['ConfigMap', 'Secret']) {
    this.#followed = followed;
    this.#renderings = new Renderings(defaults, followed);
    this.cluster.now = () => at(Math.floor((this.nowMs - startMs) / 1000));
  }

  /** One visit, as the queue would have it made, with those that it asks for at once. */
  async visit(key: ObjectKey): Promise<Visit> {
    const next = await reconcile(key, {
      cluster: this.cluster,
      statusSchedule: this.#schedule,
      renderings: this.#renderings,
      surveys: this.#surveys,
      gatekeeper: this.#gatekeeper,
      now: () => this.nowMs,
    });
    return next.requeueAfterMs === 0 ? this.visit(key) : next;
  }

  /** One visit to a dispatcher; returns the daemons that it had visited. */
  async visitDispatcher(key: ObjectKey): Promise<ObjectKey[]> {
    const enqueued: ObjectKey[] = [];
    await reconcileDispatcher(key, {
      cluster: this.cluster,
      statusSchedule: this.#dispatcherSchedule,
      now: () => this.nowMs,
      enqueue: (daemon) => enqueued.push(daemon),
    });
    return enqueued;
  }

  /** Visits until nothing is held back, and returns what was written. */
  async visitUntilWritten(key: ObjectKey): Promise<string[]> {
    this.cluster.writes = [];
    await this.visit(key);
    this.nowMs += 250;
    await this.visit(key);
    return this.cluster.writes;
  }

  /** Lets steps happen at their times, with a visit after each and whenever the operator asked for one. */
  async play(
    key: ObjectKey,
    steps: readonly (readonly [afterMs: number, step: () => void])[],
  ): Promise<void> {
    let dueMs = await this.#visitAt(key, this.nowMs);
    let stepMs = this.nowMs;
    for (const [afterMs, step] of steps) {
      stepMs += afterMs;
      while (dueMs <= stepMs) dueMs = await this.#visitAt(key, dueMs);
      step();
      dueMs = await this.#visitAt(key, stepMs);
    }
    while (dueMs <= stepMs + 1000) dueMs = await this.#visitAt(key, dueMs);
  }

  async #visitAt(key: ObjectKey, timeMs: number): Promise<number> {
    this.nowMs = timeMs;
    const { requeueAfterMs = Infinity } = await this.visit(key);
    return timeMs + requeueAfterMs;
  }

  /** Lets Kubernetes and the operator act until neither has anything to do. */
  async settle(key: ObjectKey): Promise<void> {
    const { cluster } = this;
    for (let round = 0; round < 50; round++) {
      const before = cluster.writes.length;
      await this.visit(key);
      this.nowMs += 300;
      await this.visit(key);
      const acted = [cluster.collectGarbage(key), cluster.runControllers(key), cluster.runKubelet(key)];
      if (!acted.includes(true) && cluster.writes.length === before) return;
    }
    throw new Error(`It does not come to rest: ${cluster.writes.slice(-10).join(', ')}`);
  }

  /** A daemon that runs, or is stopped, with nothing left to do. */
  async settled(daemon?: ClariveDaemon): Promise<ObjectKey> {
    const key = this.cluster.putDaemon(daemon);
    await this.settle(key);
    this.cluster.writes = [];
    this.cluster.events = [];
    return key;
  }

  /** A new process of the operator, perhaps with other switches: it remembers nothing. */
  restartOperator(followed = this.#followed): void {
    this.#followed = followed;
    this.#dispatcherSchedule = new StatusSchedule(() => this.nowMs);
    this.#schedule = new StatusSchedule(() => this.nowMs);
    this.#renderings = new Renderings(defaults, this.#followed);
    this.#surveys = new Surveys();
    this.#gatekeeper = this.#aGatekeeper();
  }

  #aGatekeeper(): Gatekeeper {
    return new Gatekeeper({ cluster: this.cluster, monotonic: () => this.nowMs });
  }

  verdict(key: ObjectKey): string {
    return verdict(this.cluster.daemon(key)?.status ?? {});
  }

  message(key: ObjectKey): string {
    return messageOf(this.cluster.daemon(key)?.status ?? {});
  }
}
