/** What should exist for one daemon: one Deployment. */
import type { ClariveDaemon } from '../api/clarive-daemon.ts';
import type { ClariveDispatcher } from '../api/clarive-dispatcher.ts';
import { appliedAnnotation, originAnnotation } from '../api/labels.ts';
import type { Deployment, PodTemplate } from '../api/kubernetes.ts';
import { formatOrigin, type Origin } from '../api/origin.ts';
import { startUpSeconds } from '../presets/presets.ts';
import { configFile, configMountProblem, configOverlay } from './config-file.ts';
import { digest } from './digest.ts';
import { inTermsOfSpec } from './field-of-spec.ts';
import { memoryProblem } from './memory.ts';
import { childLabels, ownerReference, selectorLabels } from './metadata.ts';
import { originOf } from './origin.ts';
import { overlayTemplate } from './overlay.ts';
import { podTemplate } from './pod-template.ts';
import { keepRestart } from './restart.ts';
import {
  nameDispatcher,
  settingsOf,
  type DaemonDefaults,
  type Dispatching,
  type Settings,
} from './settings.ts';

export interface Rendered {
  deployment: Deployment;
  /** The resolved image. */
  image: string;
  /** Of a daemon with a dispatcher. */
  origin?: Origin;
  /** Tells whether a child was made of the same daemon and defaults. Start, stop and `kubectl rollout restart` don't change it. */
  digest: string;
}

/** Why nothing can be made of a daemon: `invalid` says to the user which field is wrong, and the remedy. */
export interface Unrenderable {
  invalid: string;
  /** For the status; InvalidSpec by default. */
  reason?: 'MissingReference';
}

export type Desired = Rendered | Unrenderable;

/**
 * Start and stop: the switch is `spec.replicas`, and its dispatcher's goes before. A stored object always has a value, by the
 * schema's default. A dispatcher that is missing stops nothing.
 */
export function wantedReplicas(daemon: ClariveDaemon, dispatcher: Dispatching): number {
  const isStoppedWithAll = typeof dispatcher === 'object' && dispatcher.spec.replicas === 0;
  return isStoppedWithAll ? 0 : (daemon.spec.replicas ?? 1);
}

/** What there is besides the daemon itself. */
export interface Surroundings {
  dispatcher?: Dispatching;
  /** The child's own annotation, as `kubectl rollout restart` may have set it: the later of it and the daemon's is kept. */
  childRestartedAt?: string | undefined;
}

export function desiredDeployment(
  daemon: ClariveDaemon,
  defaults: DaemonDefaults,
  { dispatcher, childRestartedAt }: Surroundings = {},
): Desired {
  if (dispatcher === 'missing') return { invalid: missingDispatcher(daemon), reason: 'MissingReference' };
  const settings = settingsOf(daemon, dispatcher, defaults);
  const { image } = settings;
  if (!image) return { invalid: noImage(settings.service, dispatcher) };

  const template = configuredTemplate({ ...settings, image }, daemon, dispatcher);
  if ('invalid' in template) return template;

  const deployment = deploymentOf(daemon, settings.service, wantedReplicas(daemon, dispatcher), template);
  const problem = memoryProblem(template);
  if (problem !== undefined) return { invalid: inTermsOfSpec(problem, deployment, daemon, dispatcher) };

  const origin = dispatcher && originOf(daemon, dispatcher, defaults);
  return rendered(deployment, { image, ...(origin && { origin }) }, childRestartedAt);
}

function missingDispatcher({ spec }: ClariveDaemon): string {
  const name = nameDispatcher(spec.dispatcherRef?.name ?? '');
  return `Can't find ${name}, which spec.dispatcherRef names: create it or correct the name; until then the daemon is neither started nor changed`;
}

function noImage(service: string, dispatcher: ClariveDispatcher | undefined): string {
  const place = dispatcher
    ? `spec.image, here or of ${nameDispatcher(dispatcher.metadata.name)}`
    : 'spec.image';
  return `No image is known for "${service}": set ${place}, or a default image in the operator's configuration`;
}

function configuredTemplate(
  { config, spec, ...settings }: Settings & { image: string },
  daemon: ClariveDaemon,
  dispatcher: ClariveDispatcher | undefined,
): PodTemplate | { invalid: string } {
  const { environment, service } = settings;
  const labels = childLabels(daemon, service);
  const template = podTemplate({ ...daemon, spec }, { ...settings, labels });

  const file = configFile(config);
  if (!file) return template;
  if ('invalid' in file) return file;
  const problem =
    configMountProblem(daemon.spec.template, environment) ??
    (dispatcher &&
      configMountProblem(dispatcher.spec.template, environment, nameDispatcher(dispatcher.metadata.name)));
  return problem ? { invalid: problem } : overlayTemplate(template, configOverlay(file.text, environment));
}

function deploymentOf(
  daemon: ClariveDaemon,
  service: string,
  replicas: number,
  template: PodTemplate,
): Deployment {
  const { name, namespace } = daemon.metadata;
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name,
      ...(namespace && { namespace }),
      labels: childLabels(daemon, service),
      ownerReferences: [ownerReference(daemon)],
    },
    spec: {
      replicas,
      revisionHistoryLimit: 1, // a change is undone in the ClariveDaemon
      progressDeadlineSeconds: progressDeadlineOf(template),
      strategy: { type: 'Recreate' }, // never two of one daemon
      selector: { matchLabels: selectorLabels(daemon) },
      template,
    },
  };
}

/** As long as any start, and as any old pod that drains: a rollout waits for its end. */
function progressDeadlineOf({ spec: { terminationGracePeriodSeconds = 0 } }: PodTemplate): number {
  return Math.max(startUpSeconds, terminationGracePeriodSeconds);
}

/**
 * The digest is taken before the child's own restart and the annotations are mixed in. On the child it shows fields that must be
 * removed.
 */
function rendered(
  deployment: Deployment,
  { image, origin }: Pick<Rendered, 'image' | 'origin'>,
  childRestartedAt: string | undefined,
): Rendered {
  const digestOfAll = digest(deployment);
  const annotations = {
    [appliedAnnotation]: digestOfAll,
    ...(origin && { [originAnnotation]: formatOrigin(origin) }),
  };
  const metadata = { ...deployment.metadata, annotations };
  const spec = { ...deployment.spec, template: keepRestart(deployment.spec.template, childRestartedAt) };
  return {
    deployment: { ...deployment, metadata, spec },
    image,
    ...(origin && { origin }),
    digest: digestOfAll,
  };
}
