/** All settings of the operator. Parsing, `--help`, the documentation and what is said of a wrong value come from this table. */
import {
  address,
  addressOrOff,
  contextName,
  file,
  fileName,
  image,
  type Kind,
  namespace,
  objectName,
  oneOf,
  onOrOff,
  selector,
  serviceImage,
  wholeNumber,
} from './kinds.ts';

export interface Setting<T> {
  description: string;
  placeholder: string | undefined;
  expected: string;
  /** Whether it takes several values: a flag may be repeated, a text has commas, the file a list or a map. */
  takesMany: boolean;
  default: T;
  /** As help and documentation show it. */
  defaultText: string;
  /** The value of these texts, or those of them that are wrong. */
  read: (texts: readonly string[]) => { value: T } | { wrong: string[] };
}

const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

export const settings = {
  config: optional(
    file,
    'none',
    'YAML file with settings, each named like its flag in camel case, as in `logLevel: debug`.',
  ),
  namespaces: many(
    namespace,
    'all namespaces',
    'Namespaces whose ClariveDaemons this operator runs. With a list, rights in these namespaces suffice.',
  ),
  selector: optional(
    selector,
    'all ClariveDaemons',
    'Label selector: the operator runs only ClariveDaemons that carry these labels, and leaves the others and what belongs to them alone. Their ClariveDispatchers need these labels too.',
  ),
  defaultImage: optional(
    image,
    'none',
    'Image of the daemons that name none. Without it, each ClariveDaemon needs one.',
  ),
  images: many(
    serviceImage,
    'none',
    'Images for single services; they go before the default image. Those of a ClariveDispatcher go before both.',
  ),
  environment: one(fileName, 'clarive', "Name of Clarive's configuration, which the daemons get as `-c`."),
  runAsUser: optional(
    wholeNumber('UID', 1, 2 ** 31 - 1),
    "the image's own",
    "Numeric user id of the daemons. Needed if the image names its user by a word, because Kubernetes then can't tell that it is not root.",
  ),
  leaderElection: one(
    onOrOff,
    'true',
    'Whether the replicas of the operator elect the one that works. Turn it off only where there is never a second one.',
  ),
  leaderElectionNamespace: optional(
    namespace,
    "the operator's own namespace",
    'Namespace of the Lease by which the leader is elected. All replicas of one operator need the same.',
  ),
  leaderElectionName: one(
    objectName,
    'clarive-operator',
    'Name of that Lease. Operators that share the daemons of a cluster by namespaces or selector each need their own.',
  ),
  workers: one(wholeNumber('NUMBER', 1, 256), '16', 'How many daemons are worked on at once.'),
  logLevel: one(oneOf('LEVEL', levels), 'info', `Least important messages to log: ${levels.join(', ')}.`),
  healthAddress: one(address, ':8081', 'Where /livez and /readyz are served.'),
  metricsAddress: one(addressOrOff, ':8080', 'Where /metrics is served, without encryption; 0 turns it off.'),
  context: optional(
    contextName,
    'the current one',
    'Context of the kubeconfig. It has no meaning within a cluster.',
  ),
};

export type Name = keyof typeof settings;
export type Values = { [N in Name]: (typeof settings)[N]['default'] };

export const names = Object.keys(settings) as Name[];

const words = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** `healthAddress` is `--health-address`. */
export const flagOf = (name: Name) => `--${words(name)}`;

export const variablePrefix = 'CLARIVE_OPERATOR_';

/** `healthAddress` is `CLARIVE_OPERATOR_HEALTH_ADDRESS`. */
export const variableOf = (name: Name) => variablePrefix + words(name).replaceAll('-', '_').toUpperCase();

function one<T>(kind: Kind<T>, defaultText: string, description: string): Setting<T> {
  const fallback = kind.parse(defaultText);
  if (fallback === undefined)
    throw new Error(`Cannot use "${defaultText}" as a default: it must be ${kind.expected}`);
  return { ...single(kind, defaultText, description), default: fallback };
}

function optional<T>(kind: Kind<T>, defaultText: string, description: string): Setting<T | undefined> {
  return { ...single<T | undefined>(kind, defaultText, description), default: undefined };
}

/** Of a flag given twice the later counts, so that one can be appended to a command line. */
function single<T>(kind: Kind<T>, defaultText: string, description: string): Omit<Setting<T>, 'default'> {
  const { placeholder, expected, parse } = kind;
  const read = (texts: readonly string[]) => {
    const text = texts.at(-1) ?? '';
    const value = parse(text);
    return value === undefined ? { wrong: [text] } : { value };
  };
  return { description, placeholder, expected, takesMany: false, defaultText, read };
}

function many<T>(kind: Kind<T>, defaultText: string, description: string): Setting<readonly T[]> {
  const { placeholder, expected, parse } = kind;
  const read = (texts: readonly string[]) => {
    const items = texts.flatMap((text) => text.split(',')).map((item) => item.trim());
    const present = items.filter((item) => item !== '');
    const wrong = present.filter((item) => parse(item) === undefined);
    if (wrong.length > 0) return { wrong };
    return { value: present.map(parse).filter((value) => value !== undefined) };
  };
  return { description, placeholder, expected, takesMany: true, default: [], defaultText, read };
}
