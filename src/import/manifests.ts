/** The manifests as a stream of YAML documents for `kubectl apply -f -`. */
import { Document, Scalar, type ToStringOptions, visit } from 'yaml';
import { apiVersion, kind } from '../api/clarive-daemon.ts';
import type { PlannedDaemon } from './plan.ts';

export interface ManifestOptions {
  /** Undefined: that of the kube context. */
  namespace: string | undefined;
  /** Name of the ClariveDispatcher; undefined: none. */
  dispatcher: string | undefined;
  image: string | undefined;
  /** Of the dispatcher. */
  environment: string | undefined;
  /** Whether the dispatcher keeps all daemons stopped until it is scaled up. */
  stopped: boolean;
}

const dispatcherKind = 'ClariveDispatcher';

/** kubectl reads YAML 1.1, in which unquoted words such as `on` are no texts. */
const yamlVersion = '1.1';
const layout: ToStringOptions = { lineWidth: 0, singleQuote: true };

/** The dispatcher comes first, so that its daemons find it. */
export function manifestStream(daemons: readonly PlannedDaemon[], options: ManifestOptions): string {
  if (daemons.length === 0) return '';
  const objects = daemons.map((daemon) => daemonManifest(daemon, options));
  if (options.dispatcher !== undefined) objects.unshift(dispatcherManifest(options.dispatcher, options));
  return objects.map(yamlText).join('---\n');
}

function dispatcherManifest(name: string, options: ManifestOptions): object {
  const { image, environment, stopped } = options;
  return {
    apiVersion,
    kind: dispatcherKind,
    metadata: metadata(name, options),
    spec: {
      ...(stopped && { replicas: 0 }),
      ...(image !== undefined && { image }),
      ...(environment !== undefined && { environment }),
    },
  };
}

function daemonManifest(daemon: PlannedDaemon, options: ManifestOptions): object {
  const { name, service, id, active, config } = daemon;
  const { dispatcher, image } = options;
  return {
    apiVersion,
    kind,
    metadata: metadata(name, options),
    spec: {
      service,
      ...(id !== undefined && { id }),
      replicas: active ? 1 : 0,
      ...(dispatcher !== undefined && { dispatcherRef: { name: dispatcher } }),
      ...(dispatcher === undefined && image !== undefined && { image }),
      ...(config && { config: sorted(config) }),
    },
  };
}

function metadata(name: string, { namespace }: ManifestOptions): object {
  return { name, ...(namespace !== undefined && { namespace }) };
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, child]) => [key, sorted(child)]));
}

/** Readers of YAML differ in what they take for a number, so a text that does not begin with a letter is quoted. */
function yamlText(object: object): string {
  const document = new Document(object, { version: yamlVersion, aliasDuplicateObjects: false });
  visit(document, {
    Scalar(_key, node) {
      if (typeof node.value === 'string' && !/^[a-z]/i.test(node.value)) node.type = Scalar.QUOTE_SINGLE;
    },
  });
  return document.toString(layout);
}
