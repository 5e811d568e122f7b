/** The pod that runs one daemon. */
import type { V1Container, V1EnvVar } from '@kubernetes/client-node';
import type { ClariveDaemon } from '../api/clarive-daemon.ts';
import type { PodTemplate, PodTemplateOverlay } from '../api/kubernetes.ts';
import { daemonContainer, exclusiveGate } from '../api/labels.ts';
import { idOf } from '../presets/identity.ts';
import { initScript, type InitMode } from '../presets/init.ts';
import {
  afterDrainSeconds,
  startUpSeconds,
  type Directory,
  type Drain,
  type Preset,
} from '../presets/presets.ts';
import { mergeByKey, overlayTemplate } from './overlay.ts';

export interface PodSettings {
  service: string;
  preset: Preset;
  image: string;
  environment: string;
  runAsUser: number | undefined;
  labels: Record<string, string>;
}

const base = '/opt/clarive';
const cla = `${base}/clarive/bin/cla`;
const pidDirectory = `${base}/pid`;

/** Where a directory is mounted. */
export function directoryPath(name: Directory): string {
  return `${base}/${name}`;
}

/** What the operator generates, under the user's `spec.template`, under what the overlay may not change. */
export function podTemplate(daemon: ClariveDaemon, settings: PodSettings): PodTemplate {
  const generated = generatedTemplate(daemon, settings);
  const merged = overlayTemplate(generated, daemon.spec.template ?? {});
  const completed = withStartUpProbe(withEmptyDirs(merged, settings.preset.directories));
  return overlayTemplate(completed, reserved(settings, graceSecondsOf(merged, drainOf(daemon, settings))));
}

/** A time that is set for a service without a drain of its own lets what it has started end after it. */
function drainOf({ spec }: ClariveDaemon, { preset }: PodSettings): Drain | undefined {
  const seconds = spec.drain?.timeoutSeconds ?? preset.drain?.seconds ?? 0;
  if (!preset.drain && seconds === 0) return undefined;
  return { signal: 'TERM', ...preset.drain, seconds };
}

function generatedTemplate(daemon: ClariveDaemon, settings: PodSettings): PodTemplate {
  const { preset, labels, runAsUser } = settings;
  return {
    metadata: { labels },
    spec: {
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: preset.graceSeconds,
      // With the container's, what the Pod Security Standard "restricted" asks for.
      securityContext: {
        runAsNonRoot: true,
        ...(runAsUser !== undefined && { runAsUser }),
        seccompProfile: { type: 'RuntimeDefault' },
      },
      containers: [containerOf(daemon, settings)],
    },
  };
}

function containerOf(daemon: ClariveDaemon, settings: PodSettings): V1Container {
  const { service, preset, image, environment } = settings;
  const { args = [], env = [], envFrom } = daemon.spec;
  const commandLine = [cla, service, '-c', environment, '--id', idOf(daemon)];
  return {
    name: daemonContainer,
    image,
    command: ['sh', '-c', initScript, 'clarive-init'],
    args: [...initArguments(drainOf(daemon, settings)), '--', ...commandLine, ...args],
    env: mergeByKey('env', environmentVariables(environment), env),
    ...(envFrom && { envFrom }),
    securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
    volumeMounts: preset.directories.map((name) => ({ name, mountPath: directoryPath(name) })),
  };
}

function initArguments(drain: Drain | undefined): [mode: InitMode, drainSeconds: string] {
  if (!drain) return ['terminate', '0'];
  return [drain.signal === 'USR1' ? 'drain-usr1' : 'drain-term', String(drain.seconds)];
}

function environmentVariables(environment: string): V1EnvVar[] {
  return [
    { name: 'CLARIVE_ENV', value: environment }, // for the commands that the daemon starts
    { name: 'CLARIVE_PIDDIR', value: pidDirectory },
  ];
}

/** A directory that nobody has provided a volume for is empty, and as long-lived as the pod. */
function withEmptyDirs(template: PodTemplate, directories: readonly Directory[]): PodTemplate {
  const { volumes = [], containers } = template.spec;
  const daemon = containers.find(({ name }) => name === daemonContainer);
  const mounted = new Set(daemon?.volumeMounts?.map(({ name }) => name));
  const missing = directories.filter(
    (name) => mounted.has(name) && !volumes.some((volume) => volume.name === name),
  );
  const emptyDirs = missing.map((name) => ({ name, emptyDir: {} }));
  return { ...template, spec: { ...template.spec, volumes: [...emptyDirs, ...volumes] } };
}

/**
 * A liveness probe may not end a daemon that still waits for MongoDB: unless the template says how long a start may take,
 * the same probe as startup probe gives it the start-up allowance.
 */
function withStartUpProbe(template: PodTemplate): PodTemplate {
  const periodSeconds = 10;
  const containers = template.spec.containers.map((container) => {
    const { name, livenessProbe, startupProbe } = container;
    if (name !== daemonContainer || !livenessProbe || startupProbe) return container;
    const { initialDelaySeconds: _, ...probe } = livenessProbe;
    const failureThreshold = startUpSeconds / periodSeconds;
    return { ...container, startupProbe: { ...probe, periodSeconds, failureThreshold } };
  });
  return { ...template, spec: { ...template.spec, containers } };
}

/** The template's own grace period, else the preset's, unless the drain takes longer. */
function graceSecondsOf({ spec }: PodTemplate, drain: Drain | undefined): number {
  const { terminationGracePeriodSeconds = 0 } = spec;
  return Math.max(terminationGracePeriodSeconds, drain ? drain.seconds + afterDrainSeconds : 0);
}

/**
 * Labels by which pods are found, a pid directory that no other pod ever sees, because stale pid files match live processes, and the gate
 * behind which a second process of an exclusive daemon waits.
 */
function reserved(
  { labels, preset }: PodSettings,
  terminationGracePeriodSeconds: number,
): PodTemplateOverlay {
  const volume = { name: 'clarive-pid', emptyDir: {} };
  const mount = { name: volume.name, mountPath: pidDirectory };
  return {
    metadata: { labels },
    spec: {
      restartPolicy: 'Always',
      ...(preset.exclusive !== 'none' && { schedulingGates: [{ name: exclusiveGate }] }),
      terminationGracePeriodSeconds,
      volumes: [volume],
      containers: [{ name: daemonContainer, volumeMounts: [mount] }],
    },
  };
}
