import { isDeepStrictEqual } from 'node:util';
import type { ClariveDaemon, ClariveDaemonSpec } from '../api/clarive-daemon.ts';
import { formatContents, type Contents, type Reference, type ReferenceKind } from '../api/contents.ts';
import type { Deployment } from '../api/kubernetes.ts';
import { contentsAnnotation } from '../api/labels.ts';
import {
  desiredDeployment,
  wantedReplicas,
  type Desired,
  type Rendered,
  type Unrenderable,
} from '../desired/deployment.ts';
import { referencesOf } from '../desired/references.ts';
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
  references: readonly Reference[];
}

/** What is written on a child besides what is desired of it. */
export interface Marks {
  /** The child's own annotation, as `kubectl rollout restart` may have set it: the later of it and the daemon's is kept. */
  restartedAt?: string | undefined;
  /** What its pod is started with; nothing is written of none. */
  contents?: Contents;
}

const noReferences: readonly Reference[] = [];

/**
 * Knows for each daemon what should exist for it, without making it anew: of a daemon at rest only the digest, of those that are
 * being worked on the whole Deployment. Start and stop change neither.
 */
export class Renderings {
  readonly #defaults: DaemonDefaults;
  readonly #followed: ReadonlySet<ReferenceKind>;
  /** By the daemon's uid. */
  readonly #known = new Map<string, Known>();
  /** By daemon and digest; the oldest first. */
  readonly #deployments = new Map<string, Deployment>();

  /** @param followed what a daemon is restarted for when it changes */
  constructor(defaults: DaemonDefaults, followed: readonly ReferenceKind[] = []) {
    this.#defaults = defaults;
    this.#followed = new Set(followed);
  }

  /** As `desiredDeployment`, with the marks on the Deployment. */
  of(daemon: ClariveDaemon, dispatcher: Dispatching, { restartedAt, contents = {} }: Marks = {}): Desired {
    const { summary } = this.#know(daemon, dispatcher);
    if ('invalid' in summary) return summary;
    const deploymentOf = () => this.#deployment(daemon, dispatcher, summary.digest);
    return {
      ...summary,
      get deployment() {
        const { metadata, spec, ...rest } = deploymentOf();
        const template = keepRestart(spec.template, restartedAt);
        const replicas = wantedReplicas(daemon, dispatcher);
        return { ...rest, metadata: withContents(metadata, contents), spec: { ...spec, replicas, template } };
      },
    };
  }

  /** The ConfigMaps and Secrets of the kinds that are followed, if the daemon's pod names any. */
  references(daemon: ClariveDaemon, dispatcher: Dispatching): readonly Reference[] {
    return this.#know(daemon, dispatcher).references;
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
    const rendered = isSame ? before : this.#render(daemon, dispatcher);
    const { summary, references } = rendered;
    const after = { generation, spec, dispatcher, summary, references };
    this.#known.set(uid, after);
    return after;
  }

  #render(daemon: ClariveDaemon, dispatcher: Dispatching): Pick<Known, 'summary' | 'references'> {
    const desired = desiredDeployment(daemon, this.#defaults, { dispatcher });
    if ('invalid' in desired) return { summary: desired, references: noReferences };
    const { deployment, ...summary } = desired;
    this.#remember(nameOf(daemon, summary.digest), deployment);
    return { summary, references: this.#referencesOf(deployment) };
  }

  #referencesOf({ spec }: Deployment): readonly Reference[] {
    return this.#followed.size === 0 ? noReferences : referencesOf(spec.template, this.#followed);
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

function withContents(metadata: Deployment['metadata'], contents: Contents): Deployment['metadata'] {
  if (Object.keys(contents).length === 0) return metadata;
  const annotations = { ...metadata.annotations, [contentsAnnotation]: formatContents(contents) };
  return { ...metadata, annotations };
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
