/** What should exist for one daemon: one Deployment. */
import type { ClariveDaemon } from '../api/clarive-daemon.ts';
import { appliedAnnotation } from '../api/labels.ts';
import type { Deployment, PodTemplate } from '../api/kubernetes.ts';
import { canonicalService, presetOf, startUpSeconds } from '../presets/presets.ts';
import { configFile, configMountProblem, configOverlay } from './config-file.ts';
import { digest } from './digest.ts';
import { childLabels, ownerReference, selectorLabels } from './metadata.ts';
import { overlayTemplate } from './overlay.ts';
import { podTemplate } from './pod-template.ts';
import { keepRestart } from './restart.ts';

/** What the operator's configuration gives to daemons that don't say otherwise. */
export interface DaemonDefaults {
  image?: string;
  /** Images by service, in its canonical form; before `image`. */
  images: Readonly<Record<string, string>>;
  /** Name of Clarive's configuration, passed as `-c`. */
  environment: string;
  /** The image's user as a number: `runAsNonRoot` refuses a name. */
  runAsUser?: number;
}

export interface Rendered {
  deployment: Deployment;
  /** The resolved image. */
  image: string;
  /** Tells whether a child was made of the same daemon and defaults. Start, stop and `kubectl rollout restart` don't change it. */
  digest: string;
}

/** `invalid` says to the user which field is wrong, and the remedy. */
export type Desired = Rendered | { invalid: string };

/** Start and stop: the switch is `spec.replicas`. A stored daemon always has a value, by the schema's default. */
export function wantedReplicas(daemon: ClariveDaemon): number {
  return daemon.spec.replicas ?? 1;
}

/**
 * `childRestartedAt` is the child's own annotation, as `kubectl rollout restart` may have set it: the later of it and the
 * daemon's is kept.
 */
export function desiredDeployment(
  daemon: ClariveDaemon,
  defaults: DaemonDefaults,
  childRestartedAt?: string,
): Desired {
  const service = canonicalService(daemon.spec.service);
  const image = daemon.spec.image ?? defaults.images[service] ?? defaults.image;
  if (!image)
    return {
      invalid: `No image is known for "${service}": set spec.image, or a default image in the operator's configuration`,
    };

  const template = configuredTemplate(daemon, defaults, service, image);
  if ('invalid' in template) return template;

  return rendered(deploymentOf(daemon, service, template), image, childRestartedAt);
}

function configuredTemplate(
  daemon: ClariveDaemon,
  defaults: DaemonDefaults,
  service: string,
  image: string,
): PodTemplate | { invalid: string } {
  const { environment, runAsUser } = defaults;
  const labels = childLabels(daemon, service);
  const template = podTemplate(daemon, {
    service,
    preset: presetOf(service),
    image,
    environment,
    runAsUser,
    labels,
  });

  const file = configFile(service, daemon.spec.config);
  if (!file) return template;
  if ('invalid' in file) return file;
  const problem = configMountProblem(template, environment);
  return problem ? { invalid: problem } : overlayTemplate(template, configOverlay(file.text, environment));
}

function deploymentOf(daemon: ClariveDaemon, service: string, template: PodTemplate): Deployment {
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
      replicas: wantedReplicas(daemon),
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

/** The digest is taken before the child's own restart is mixed in. On the child it shows fields that must be removed. */
function rendered(deployment: Deployment, image: string, childRestartedAt: string | undefined): Rendered {
  const digestOfAll = digest(deployment);
  const metadata = { ...deployment.metadata, annotations: { [appliedAnnotation]: digestOfAll } };
  const spec = { ...deployment.spec, template: keepRestart(deployment.spec.template, childRestartedAt) };
  return { deployment: { ...deployment, metadata, spec }, image, digest: digestOfAll };
}
