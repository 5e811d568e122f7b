/** The users of the benchmark: they create daemons, start and stop them, and clean up. */
import { setTimeout as delay } from 'node:timers/promises';
import { apiVersion, type ClariveDaemon, type ClariveDaemonStatus, kind } from '../src/api/clarive-daemon.ts';
import { desiredDeployment } from '../src/desired/deployment.ts';
import type { DaemonDefaults } from '../src/desired/settings.ts';
import type { KubeClient } from '../test/support/kube-client.ts';
import { clariveDaemons, deployments, namespaces } from '../test/support/resources.ts';
import type { Observer } from './observer.ts';

/** What both operators are started with. */
export const defaults = {
  image: 'registry.example.com/clarive:7.0.12',
  images: {},
  environment: 'clarive',
  runAsUser: 1001,
} satisfies DaemonDefaults;

/** Requests of the driver that run at once. */
const lanes = 32;

const namespace = 'bench';

export class Driver {
  readonly kube: KubeClient;
  readonly #random: () => number;

  private constructor(kube: KubeClient, random: () => number) {
    this.kube = kube;
    this.#random = random;
  }

  /** Makes the namespace in which all takes place. `random` is from 0 up to, but not including, 1. */
  static async connect(kube: KubeClient, random: () => number): Promise<Driver> {
    await kube.create(namespaces, { metadata: { name: namespace } });
    return new Driver(kube.in(namespace), random);
  }

  /** False while the definition of ClariveDaemon is new. */
  async areDaemonsServed(): Promise<boolean> {
    const { code } = await this.kube.send({ method: 'GET', path: this.kube.path(clariveDaemons) });
    return code === 200;
  }

  /** Returns when the API server has taken all of them. */
  async create(names: readonly string[]): Promise<void> {
    await concurrently(names, lanes, async (name) => {
      await this.kube.create(clariveDaemons, newDaemon(name));
    });
  }

  /** Makes daemons, children and statuses as an operator that costs nothing would: the ceiling of what can be reached. */
  async createWithoutOperator(names: readonly string[]): Promise<void> {
    await concurrently(names, lanes, async (name) => {
      const daemon = await this.kube.create(clariveDaemons, newDaemon(name));
      const desired = desiredDeployment(daemon, defaults);
      if ('invalid' in desired) throw new Error(desired.invalid);
      await this.kube.create<object>(deployments, desired.deployment);
      await this.kube.patch(clariveDaemons, name, { status: statusOf(daemon) }, { subresource: 'status' });
    });
  }

  /** `kubectl scale`. */
  async scale(name: string, replicas: number): Promise<void> {
    await this.kube.scale(clariveDaemons, name, replicas);
  }

  /** Deletes a daemon and its child. */
  async remove(name: string): Promise<void> {
    await this.kube.delete(clariveDaemons, name);
    await this.kube.delete(deployments, name);
  }

  /** Starts what is stopped and stops what runs. Returns the new number of replicas. */
  async toggle(name: string, observer: Observer): Promise<number> {
    const replicas = observer.replicasOf(name) === 0 ? 1 : 0;
    await this.scale(name, replicas);
    return replicas;
  }

  /**
   * Calls `act` at random moments, `perSecond` times a second on average, and does not wait for one before the next. Returns
   * when the last has ended.
   */
  async storm(seconds: number, perSecond: number, act: (index: number) => Promise<unknown>): Promise<void> {
    const running: Promise<unknown>[] = [];
    const failures: unknown[] = [];
    const startedAtMs = performance.now();
    let dueAtMs = startedAtMs;
    for (let index = 0; dueAtMs < startedAtMs + seconds * 1000; index++) {
      await delay(Math.max(0, dueAtMs - performance.now()));
      running.push(act(index).catch((error: unknown) => failures.push(error)));
      dueAtMs += (-Math.log(1 - this.#random()) / perSecond) * 1000;
    }
    await Promise.all(running);
    if (failures.length > 0) throw new Error('A request of the storm failed', { cause: failures[0] });
  }

  /** The names in random order. */
  shuffled(names: readonly string[]): string[] {
    const keyed = names.map((name) => ({ name, key: this.#random() }));
    return keyed.toSorted((a, b) => a.key - b.key).map(({ name }) => name);
  }

  /** A pause of `ms` on average, so that nothing beats in time with anything. */
  async pause(ms: number): Promise<void> {
    await delay(ms * 2 * this.#random());
  }

  /** Deletes the daemons and then their children, and returns when nothing is left. No operator may be running. */
  async clean(observer: Observer): Promise<void> {
    await concurrently(observer.daemonNames(), lanes, (name) => this.kube.delete(clariveDaemons, name));
    await concurrently(observer.childNames(), lanes, (name) => this.kube.delete(deployments, name));
    await observer.until('everything to be gone', () => observer.isEmpty, 60_000);
  }
}

export function daemonNames(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `daemon-${String(index).padStart(5, '0')}`);
}

/** Runs `work` for each item, `limit` at once. */
export async function concurrently<T>(
  items: readonly T[],
  limit: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const queue = items.values();
  const lane = async () => {
    for (const item of queue) await work(item);
  };
  await Promise.all(Array.from({ length: limit }, lane));
}

/** A daemon as its user writes it, of the service of which there may be many. With lasting volumes nobody has to be warned. */
function newDaemon(name: string): ClariveDaemon {
  return {
    apiVersion,
    kind,
    metadata: { name },
    spec: {
      service: 'service.job.daemon',
      replicas: 1,
      config: { frequency: 10, wait_for_killed: 10, mode: 'detach', unified_log: 0, job_host_affinity: 1 },
      template: {
        spec: {
          volumes: ['jobs', 'repo'].map((volume) => ({
            name: volume,
            persistentVolumeClaim: { claimName: volume },
          })),
        },
      },
    },
  };
}

/** About what an operator would write. */
function statusOf({ metadata, spec }: ClariveDaemon): ClariveDaemonStatus {
  const { generation = 0 } = metadata;
  const lastTransitionTime = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
  const condition = (type: string, status: 'True' | 'False') => ({
    type,
    status,
    observedGeneration: generation,
    lastTransitionTime,
    reason: 'Starting',
    message: 'Waiting until the daemon is ready',
  });
  return {
    observedGeneration: generation,
    replicas: 0,
    readyReplicas: 0,
    selector: `app.kubernetes.io/name=clarive-daemon,app.kubernetes.io/instance=${metadata.name}`,
    service: spec.service,
    image: defaults.image,
    conditions: [
      condition('Ready', 'False'),
      condition('Reconciling', 'True'),
      condition('Stalled', 'False'),
      condition('Active', 'False'),
    ],
  };
}
