/** The operator's configuration. Environment, command line and files come in as arguments. */
import { helpText } from './config/help.ts';
import { settings, type Values } from './config/settings.ts';
import { fromEnvironment, fromFile, fromFlags, type Given, type Source } from './config/sources.ts';
import { readValues } from './config/values.ts';
import type { ReferenceKind } from './api/contents.ts';
import type { DaemonDefaults } from './desired/settings.ts';
import type { ListenAddress } from './http-server.ts';

export interface Config {
  /** Namespaces whose daemons are ours; empty: all. */
  readonly namespaces: readonly string[];
  /** Label selector of the daemons that are ours. */
  readonly selector: string | undefined;
  readonly defaults: DaemonDefaults;
  /** What daemons are restarted for when it changes. */
  readonly restartOn: readonly ReferenceKind[];
  /** The Lease by which the leader is elected; undefined: there is no second operator. */
  readonly leaderElection: Readonly<{ namespace: string; name: string }> | undefined;
  readonly workers: number;
  readonly logLevel: string;
  /** Of /livez and /readyz. */
  readonly healthAddress: Readonly<ListenAddress>;
  /** Of /metrics; undefined: not served. */
  readonly metricsAddress: Readonly<ListenAddress> | undefined;
  /** Of the kubeconfig; undefined: the current one. */
  readonly context: string | undefined;
}

export interface ConfigInput {
  /** The command line after the program's own name. */
  argv: readonly string[];
  env: Readonly<Record<string, string | undefined>>;
  /** Returns the text of a file, or throws. */
  readFile: (path: string) => string;
}

/** What the program is asked to do, or everything that is wrong with how it was asked: each line names the setting and the remedy. */
export type ConfigResult = { config: Config } | { help: string } | { version: true } | { problems: string[] };

const serviceAccountNamespace = '/var/run/secrets/kubernetes.io/serviceaccount/namespace';

/** A flag goes before the environment, that before the file, and that before the default. The result is frozen. */
export function readConfig(input: ConfigInput): ConfigResult {
  const flags = fromFlags(input.argv, settings);
  if (flags.help) return { help: helpText() };
  if (flags.version) return { version: true };

  const environment = fromEnvironment(input.env);
  const given = { ...environment.given, ...flags.given };
  const file = given.config ? readConfigFile(given.config, input) : undefined;
  const { values, problems } = readValues(settings, { ...file?.given, ...given });
  const noFlags = flags.words.map((word) => `"${word}" is no flag: see --help for all settings`);

  const all = [
    ...noFlags,
    ...[flags, environment, file].flatMap((source) => source?.problems ?? []),
    ...problems,
  ];
  return all.length > 0 ? { problems: all } : { config: configOf(values, input) };
}

function readConfigFile({ place, texts }: Given, { readFile }: ConfigInput): Source {
  const path = texts.at(-1) ?? '';
  try {
    return fromFile(path, readFile(path));
  } catch (error) {
    return {
      given: {},
      problems: [`${place} is "${path}": set it to a file that can be read (${reasonOf(error)})`],
    };
  }
}

function configOf(values: Values, input: ConfigInput): Config {
  const { defaultImage, images, environment, runAsUser, metricsAddress } = values;
  const defaults: DaemonDefaults = Object.freeze({
    images: Object.freeze(Object.fromEntries(images)),
    environment,
    ...(defaultImage !== undefined && { image: defaultImage }),
    ...(runAsUser !== undefined && { runAsUser }),
  });
  return Object.freeze({
    namespaces: Object.freeze([...new Set(values.namespaces)]),
    selector: values.selector,
    defaults,
    restartOn: Object.freeze(restartOnOf(values)),
    leaderElection: leaderElectionOf(values, input),
    workers: values.workers,
    logLevel: values.logLevel,
    healthAddress: Object.freeze(values.healthAddress),
    metricsAddress: metricsAddress === 'off' ? undefined : Object.freeze(metricsAddress),
    context: values.context,
  });
}

function restartOnOf({ restartOnConfigmapChange, restartOnSecretChange }: Values): ReferenceKind[] {
  const switches = { ConfigMap: restartOnConfigmapChange, Secret: restartOnSecretChange };
  return (['ConfigMap', 'Secret'] as const).filter((kind) => switches[kind]);
}

function leaderElectionOf(values: Values, input: ConfigInput): Config['leaderElection'] {
  if (!values.leaderElection) return undefined;
  const namespace = values.leaderElectionNamespace ?? ownNamespace(input);
  return Object.freeze({ namespace, name: values.leaderElectionName });
}

/** Where the operator runs: told by its pod template, else by its service account; outside a cluster nobody knows. */
function ownNamespace({ env, readFile }: ConfigInput): string {
  if (env['POD_NAMESPACE']) return env['POD_NAMESPACE'];
  try {
    return readFile(serviceAccountNamespace).trim() || 'default';
  } catch {
    return 'default';
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
