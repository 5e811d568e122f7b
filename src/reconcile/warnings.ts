/** What a user should know about a daemon that nevertheless runs as asked: told once, as Events. */
import type { ClariveDaemon } from '../api/clarive-daemon.ts';
import type { PodTemplate } from '../api/kubernetes.ts';
import { daemonContainer } from '../api/labels.ts';
import { directoryPath } from '../desired/pod-template.ts';
import {
  canonicalService,
  presetOf,
  unknownService,
  type Directory,
  type Preset,
} from '../presets/presets.ts';
import type { DaemonEvent } from './cluster.ts';
import type { NextWrite } from './next-write.ts';

/** Warnings about the pod template of a spec that is new, at the visit that is about to write it; else none. */
export function warningsOf({ metadata, spec, status }: ClariveDaemon, write: NextWrite): DaemonEvent[] {
  if (write.do !== 'create' && write.do !== 'apply') return [];
  if (status?.observedGeneration === metadata.generation) return [];
  const service = canonicalService(spec.service);
  const preset = presetOf(service);
  const { template } = write.desired.deployment.spec;
  return [...aboutService(service, preset), ...aboutDirectories(preset, template)];
}

function aboutService(service: string, preset: Preset): DaemonEvent[] {
  if (preset.caution) return [warning('UnsuitableService', `${service}: ${preset.caution}`)];
  if (preset !== unknownService) return [];
  const message =
    `The operator does not know "${service}": it gets every directory, ${preset.graceSeconds} seconds to end, and no drain. ` +
    'If it needs more, set spec.template and spec.drain';
  return [warning('UnknownService', message)];
}

function aboutDirectories({ durable }: Preset, template: PodTemplate): DaemonEvent[] {
  const lost = durable.filter((name) => isLost(name, template));
  if (lost.length === 0) return [];
  const names = lost.map((name) => `"${name}"`).join(', ');
  const message =
    `No lasting volume is given for ${names}: the daemon gets an empty directory of its own there, and what it leaves there ` +
    'is lost with the pod. Add volumes of these names to spec.template, here or of its dispatcher';
  return [warning('EphemeralDirectory', message)];
}

/** Whether the volume behind a directory ends with the pod. */
function isLost(directory: Directory, { spec: { volumes, containers } }: PodTemplate): boolean {
  const mounts = containers.find(({ name }) => name === daemonContainer)?.volumeMounts;
  const mount = mounts?.find(({ mountPath }) => mountPath === directoryPath(directory));
  return volumes?.find(({ name }) => name === mount?.name)?.emptyDir !== undefined;
}

function warning(reason: string, message: string): DaemonEvent {
  return { type: 'Warning', reason, message };
}
