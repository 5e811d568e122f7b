/** The pod that runs one daemon. */
import type { V1Container, V1EnvVar } from '@kubernetes/client-node';
import type { ClariveDaemon } from '../api/clarive-daemon.ts';
import type { PodTemplate, PodTemplateOverlay } from '../api/kubernetes.ts';
import { daemonContainer } from '../api/labels.ts';
import { initScript, type InitMode } from '../presets/init.ts';
import type { Directory, Preset } from '../presets/presets.ts';
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

/** A stop ends the daemon and all that it has started. */
const initMode: InitMode = 'terminate';
const drainSeconds = '0';

/** What the operator generates, under the user's `spec.template`, under what the overlay may not change. */
export function podTemplate(daemon: ClariveDaemon, settings: PodSettings): PodTemplate {
  const generated = generatedTemplate(daemon, settings);
  const merged = overlayTemplate(generated, daemon.spec.template ?? {});
  return overlayTemplate(withEmptyDirs(merged, settings.preset.directories), reserved(settings));
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
  const { id = daemon.metadata.name, args = [], env = [], envFrom } = daemon.spec;
  return {
    name: daemonContainer,
    image,
    command: ['sh', '-c', initScript, 'clarive-init'],
    args: [initMode, drainSeconds, '--', cla, service, '-c', environment, '--id', id, ...args],
    env: mergeByKey('env', environmentVariables(environment), env),
    ...(envFrom && { envFrom }),
    securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
    volumeMounts: preset.directories.map((name) => ({ name, mountPath: `${base}/${name}` })),
  };
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

/** Labels by which pods are found, and a pid directory that no other pod ever sees: stale pid files match live processes. */
function reserved({ labels }: PodSettings): PodTemplateOverlay {
  const volume = { name: 'clarive-pid', emptyDir: {} };
  const mount = { name: volume.name, mountPath: pidDirectory };
  return {
    metadata: { labels },
    spec: {
      restartPolicy: 'Always',
      volumes: [volume],
      containers: [{ name: daemonContainer, volumeMounts: [mount] }],
    },
  };
}
