import type { ClariveDaemon, ClariveDaemonSpec } from '../api/clarive-daemon.ts';
import type { ClariveDispatcher, ClariveDispatcherSpec } from '../api/clarive-dispatcher.ts';
import { keyOf, type ObjectKey } from '../api/object-key.ts';
import { canonicalService, entryFor, presetOf, type Preset } from '../presets/presets.ts';
import type { ConfigPart } from './config-file.ts';
import { mergeByKey, mergeOverlays } from './overlay.ts';

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

/** The dispatcher that a daemon names: `missing` if there is none of that name, undefined if the daemon names none. */
export type Dispatching = ClariveDispatcher | 'missing' | undefined;

export function dispatcherOf(
  daemon: ClariveDaemon,
  lookUp: (key: ObjectKey) => ClariveDispatcher | undefined,
): Dispatching {
  const key = dispatcherKeyOf(daemon);
  return key && (lookUp(key) ?? 'missing');
}

/** Key of the dispatcher that the daemon names, whether it exists or not. */
export function dispatcherKeyOf({ metadata, spec }: ClariveDaemon): ObjectKey | undefined {
  const { namespace } = metadata;
  return (
    spec.dispatcherRef &&
    keyOf({ metadata: { ...(namespace && { namespace }), name: spec.dispatcherRef.name } })
  );
}

/** A dispatcher as messages name it. */
export function nameDispatcher(name: string): string {
  return `the ClariveDispatcher "${name}"`;
}

/** What one daemon is run with, once everybody has had a say. */
export interface Settings {
  /** In its canonical form. */
  service: string;
  preset: Preset;
  image: string | undefined;
  environment: string;
  runAsUser: number | undefined;
  /** The parts of Clarive's config file, each laid over those before it. */
  config: ConfigPart[];
  /** The daemon's own spec, with the dispatcher's `env`, `envFrom` and `template` beneath. */
  spec: ClariveDaemonSpec;
}

/**
 * Merges what all who have a say give to a daemon. Each goes before those on its left:
 *
 *   operator's defaults → preset of the service → dispatcher → dispatcher's entry for the service → daemon
 *
 * One value (`image`, `environment`) is taken from the last that has it. Of lists with names (`env`, and those in `template`) the
 * entry of a name is; `envFrom` is appended, and Kubernetes takes the last key of a name. The config file is merged key by
 * key at any depth: the dispatcher's `config` is its top level, and the section named after the service is made of the
 * dispatcher's entry and the daemon's `config`. `template` is laid over what the preset gives.
 *
 * For example, a daemon with `{ service: service.event.daemon, env: [{ TZ: UTC }], config: { timeout: 60 } }` under a dispatcher with
 * `{ image: clarive:7, env: [{ TZ: CET }, { A: 1 }], config: { mongo: { dbname: cla } }, services: [{ service:
 * service.event.daemon, config: { timeout: 30, frequency: 15 } }] }` is run with `clarive:7`, `TZ=UTC`, `A=1` and the file
 *
 *   mongo: { dbname: cla }
 *   service.event.daemon: { frequency: 15, timeout: 60 }
 */
export function settingsOf(
  daemon: ClariveDaemon,
  dispatcher: ClariveDispatcher | undefined,
  defaults: DaemonDefaults,
): Settings {
  const service = canonicalService(daemon.spec.service);
  const shared = dispatcher?.spec ?? {};
  const entry = entryFor(service, dispatcher);
  const image = daemon.spec.image ?? entry?.image ?? shared.image;
  const owner = dispatcher && nameDispatcher(dispatcher.metadata.name);
  return {
    service,
    preset: presetOf(service),
    image: image ?? defaults.images[service] ?? defaults.image,
    environment: shared.environment ?? defaults.environment,
    runAsUser: defaults.runAsUser,
    config: [
      { field: 'spec.config', settings: shared.config ?? {}, owner },
      { field: `spec.services[${service}].config`, settings: entry?.config ?? {}, owner, section: service },
      { field: 'spec.config', settings: daemon.spec.config ?? {}, section: service },
    ],
    spec: beneath(daemon.spec, shared),
  };
}

function beneath(
  own: ClariveDaemonSpec,
  { env, envFrom, template }: ClariveDispatcherSpec,
): ClariveDaemonSpec {
  return {
    ...own,
    ...(env && { env: mergeByKey('env', env, own.env ?? []) }),
    ...(envFrom && { envFrom: [...envFrom, ...(own.envFrom ?? [])] }),
    ...(template && { template: mergeOverlays(template, own.template ?? {}) }),
  };
}
