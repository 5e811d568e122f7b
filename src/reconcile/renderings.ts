import { isDeepStrictEqual } from 'node:util';
import type { ClariveDaemon, ClariveDaemonSpec } from '../api/clarive-daemon.ts';
import type { Deployment } from '../api/kubernetes.ts';
import {
  desiredDeployment,
  wantedReplicas,
  type Desired,
  type Rendered,
  type Unrenderable,
} from '../desired/deployment.ts';
import { keepRestart } from '../desired/restart.ts';
import type { DaemonDefaults, Dispatching } from '../desired/settings.ts';

/** Enough for the daemons that are being worked on. */
const mostDeployments = 64;

interface Known {
  generation: number | undefined;
  spec: ClariveDaemonSpec;
  dispatcher: Dispatching;
  /** All of `Desired` that is small. */
  summary: Unrenderable | Omit<Rendered, 'deployment'>;
}

/**
 * Knows for each daemon what should exist for it, without making it anew: of a daemon at rest only the digest, of those that are
 * being worked on the whole Deployment. Start and stop change neither.
 */
export class Renderings {
  readonly #defaults: DaemonDefaults;
  /** By the daemon's uid. */
  readonly #known = new Map<string, Known>();
  /** By daemon and digest; the oldest first. */
  readonly #deployments = new Map<string, Deployment>();

  constructor(defaults: DaemonDefaults) {
    this.#defaults = defaults;
  }

  /**
   * As `desiredDeployment`. `childRestartedAt` is the child's own annotation, as `kubectl rollout restart` may have set it:
   * the later of it and the daemon's is kept.
   */
  of(daemon: ClariveDaemon, dispatcher: Dispatching, childRestartedAt?: string): Desired {
    const { summary } = this.#know(daemon, dispatcher);
    if ('invalid' in summary) return summary;
    const deploymentOf = () => this.#deployment(daemon, dispatcher, summary.digest);
    return {
      ...summary,
      get deployment() {
        const { spec, ...rest } = deploymentOf();
        const template = keepRestart(spec.template, childRestartedAt);
        return { ...rest, spec: { ...spec, replicas: wantedReplicas(daemon, dispatcher), template } };
      },
    };
  }

  /** To be told of a daemon that is gone. */
  forget(uid: string): void {
    this.#known.delete(uid);
  }

  #know(daemon: ClariveDaemon, dispatcher: Dispatching): Known {
    const { spec, metadata } = daemon;
    const { uid = '', generation } = metadata;
    const before = this.#known.get(uid);
    if (before && before.generation === generation && isSameGeneration(before.dispatcher, dispatcher))
      return before;
    const isSame =
      before && isSameButReplicas(before.spec, spec) && isSameInAll(before.dispatcher, dispatcher);
    const summary = isSame ? before.summary : this.#render(daemon, dispatcher);
    const after = { generation, spec, dispatcher, summary };
    this.#known.set(uid, after);
    return after;
  }

  #render(daemon: ClariveDaemon, dispatcher: Dispatching): Known['summary'] {
    const desired = desiredDeployment(daemon, this.#defaults, { dispatcher });
    if ('invalid' in desired) return desired;
    const { deployment, ...summary } = desired;
    this.#remember(nameOf(daemon, summary.digest), deployment);
    return summary;
  }

  #deployment(daemon: ClariveDaemon, dispatcher: Dispatching, digest: string): Deployment {
    const name = nameOf(daemon, digest);
    const known = this.#deployments.get(name);
    if (known) return known;
    const desired = desiredDeployment(daemon, this.#defaults, { dispatcher });
    if ('invalid' in desired) throw new Error(desired.invalid);
    return this.#remember(name, desired.deployment);
  }

  #remember(name: string, deployment: Deployment): Deployment {
    this.#deployments.set(name, deployment);
    if (this.#deployments.size <= mostDeployments) return deployment;
    for (const oldest of this.#deployments.keys()) {
      this.#deployments.delete(oldest);
      break;
    }
    return deployment;
  }
}

function nameOf(daemon: ClariveDaemon, digest: string): string {
  return `${daemon.metadata.uid} ${digest}`;
}

function isSameGeneration(before: Dispatching, now: Dispatching): boolean {
  if (typeof before !== 'object' || typeof now !== 'object') return before === now;
  const { uid, generation } = now.metadata;
  return before.metadata.uid === uid && before.metadata.generation === generation;
}

/** Another dispatcher of the same name and settings is as good as the first. */
function isSameInAll(before: Dispatching, now: Dispatching): boolean {
  if (typeof before !== 'object' || typeof now !== 'object') return before === now;
  return isSameButReplicas(before.spec, now.spec);
}

function isSameButReplicas(a: { replicas?: number }, b: { replicas?: number }): boolean {
  return isDeepStrictEqual({ ...a, replicas: 0 }, { ...b, replicas: 0 });
}
