/** All settings of the operator. Parsing, `--help`, the documentation and what is said of a wrong value come from this table. */
import {
  address,
  addressOrOff,
  contextName,
  file,
  fileName,
  image,
  namespace,
  objectName,
  oneOf,
  onOrOff,
  selector,
  serviceImage,
  wholeNumber,
} from './kinds.ts';
import { many, type NameOf, namesOf, one, optional, type ValuesOf, words } from './setting.ts';

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
  restartOnConfigmapChange: one(
    onOrOff,
    'false',
    'Whether a daemon is restarted when the content of a ConfigMap changes that its pod names. The operator then needs the rights to list and watch ConfigMaps.',
  ),
  restartOnSecretChange: one(
    onOrOff,
    'false',
    'Whether a daemon is restarted when the content of a Secret changes that its pod names. The operator then needs the rights to list and watch Secrets, and keeps a digest of each.',
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

export type Name = NameOf<typeof settings>;
export type Values = ValuesOf<typeof settings>;

export const names = namesOf(settings);

export const variablePrefix = 'CLARIVE_OPERATOR_';

/** `healthAddress` is `CLARIVE_OPERATOR_HEALTH_ADDRESS`. */
export const variableOf = (name: Name) => variablePrefix + words(name).replaceAll('-', '_').toUpperCase();
