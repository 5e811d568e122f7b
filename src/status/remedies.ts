/** What to do about it, because Kubernetes' words mostly tell only what is wrong. The operator's own tell both. */
import type { Reason } from '../api/conditions.ts';
import { withAuthor, type Authors } from './authors.ts';

type Remedy = [reason: Reason, says: RegExp, remedy: string];

/** The first that fits counts. What is said of "Container x" is about one beside the daemon's own. */
const remedies: readonly Remedy[] = [
  [
    'Unschedulable',
    /./,
    'change resources, nodeSelector, affinity or tolerations in spec.template.spec, or free or add nodes',
  ],
  ['QuotaExceeded', /./, 'lower the resources in spec.template.spec, or raise the quota'],

  ['MissingReference', /serviceaccount/, 'create it, or correct spec.template.spec.serviceAccountName'],
  ['MissingReference', /PriorityClass/, 'create it, or correct spec.template.spec.priorityClassName'],
  ['MissingReference', /RuntimeClass/, 'create it, or correct spec.template.spec.runtimeClassName'],
  ['MissingReference', /volume/, 'create it, or correct spec.template.spec.volumes'],
  [
    'MissingReference',
    /^Container/,
    'create it, or correct env and envFrom of that container in spec.template.spec',
  ],
  ['MissingReference', /^The daemon /, 'create it, or correct spec.env or spec.envFrom'],

  [
    'Starting',
    /^Pod \S+ is starting: .*\bvolumes?\b/,
    'correct that volume in spec.template.spec.volumes, or what it names',
  ],
  [
    'Starting',
    /scheduling gates are removed: [^;]*$/,
    'whoever has set them has to remove them: see schedulingGates in spec.template.spec',
  ],

  [
    'CrashLooping',
    /^Container .*OOMKilled/,
    'raise resources.limits.memory of that container in spec.template.spec',
  ],
  ['CrashLooping', /OOMKilled/, 'raise resources.limits.memory of container "daemon" in spec.template.spec'],

  [
    'ImagePullFailed',
    /^Container/,
    'check the image of that container, and imagePullSecrets, in spec.template.spec',
  ],
  ['ImagePullFailed', /./, 'check spec.image, and imagePullSecrets in spec.template.spec'],

  [
    'ContainerConfigError',
    /\bnon-root\b|runAsNonRoot/,
    'set securityContext.runAsUser in spec.template.spec to a number other than 0',
  ],
  [
    'ContainerConfigError',
    /hook postStart/,
    'correct lifecycle.postStart of that container in spec.template.spec',
  ],
  [
    'ContainerConfigError',
    /seccomp profile/,
    'correct securityContext.seccompProfile in spec.template.spec, or put that profile on every node',
  ],
  ['ContainerConfigError', /error mounting/, 'correct volumeMounts of that container in spec.template.spec'],
  [
    'ContainerConfigError',
    /^The daemon .*process is already dead/,
    'raise resources.limits.memory of container "daemon" in spec.template.spec, or correct spec.env or spec.args',
  ],
  ['ContainerConfigError', /^Container/, 'correct that container in spec.template.spec'],
  ['ContainerConfigError', /./, 'correct spec.env, spec.args or spec.template.spec'],

  [
    'InvalidSpec',
    /volumeMounts\[\d+\]\.name( of [^:]*)?: Not found/,
    'correct the name, or add a volume of that name to spec.template.spec.volumes',
  ],
  ['InvalidSpec', /not a valid selector operator/, 'use In, NotIn, Exists or DoesNotExist'],

  [
    'AdmissionRejected',
    /(usage|ratio) per \w+ is/,
    'change resources in spec.template.spec accordingly, or the LimitRange',
  ],
  [
    'AdmissionRejected',
    /forbidden sysctl/,
    'remove it from securityContext.sysctls in spec.template.spec, or allow it in the kubelet of every node',
  ],
  [
    'AdmissionRejected',
    /enforce AppArmor/,
    'correct securityContext.appArmorProfile in spec.template.spec, or the node',
  ],
  ['AdmissionRejected', /cannot \w+ resource/, 'give the operator that right'],
  ['AdmissionRejected', /./, 'change the spec accordingly, or the policy'],
];

/** The message with its remedy, if it needs one; of a daemon with a dispatcher it tells whose spec is to be corrected. */
export function withRemedy(reason: Reason, message: string, authors?: Authors): string {
  const [, , remedy] = remedies.find(([of, says]) => of === reason && says.test(message)) ?? [];
  if (remedy === undefined) return message;
  return `${message.replace(/\.$/, '')}; ${authors ? withAuthor(remedy, message, authors) : remedy}`;
}
