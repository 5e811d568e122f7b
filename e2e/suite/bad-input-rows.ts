/** What users get wrong, who tells them so, and what has to be in the words: the field, and what to do. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { KubeClient } from '../../test/support/kube-client.ts';
import {
  clariveDaemons,
  deployments,
  limitRanges,
  namespaces,
  secrets,
} from '../../test/support/resources.ts';
import { forbidDeployments, forbidPods, foreignDeployment, onContainer, withVolume } from './changes.ts';
import {
  refused,
  refusedEdit,
  stuck,
  stuckAfterEdits,
  stuckByDispatcher,
  unusable,
  warned,
  type Mistake,
} from './mistakes.ts';

export interface Row {
  wrong: string;
  mistake: Mistake;
  /** Who says so. */
  by: string;
  /** What is said has to name both. */
  field: string;
  remedy: string;
  /** What others have done to the namespace; it has one of its own then. */
  around?: (kube: KubeClient, t: TestContext) => Promise<unknown>;
}

const image = process.env['DEFAULT_IMAGE'] ?? '';
const container = 'spec.template.spec.containers[0]';
const pod = (spec: object) => ({ template: { spec } });
const sidecar = (fields: object) => pod({ containers: [{ name: 'extra', image, ...fields }] });

/** Those that take long come first. */
export const rows: readonly Row[] = [
  {
    wrong: 'an option with which the daemon exits',
    mistake: stuck('CrashLooping', { args: ['--exit-after', '0', '--exit-code', '3'] }),
    by: 'operator; status CrashLooping',
    field: 'exited with code 3',
    remedy: 'see kubectl logs --previous bad-',
  },
  {
    wrong: 'a container that needs more memory than it may have',
    mistake: stuck(
      'CrashLooping',
      sidecar({
        command: ['sh', '-c', 'a=0123456789; while :; do a=$a$a; done'],
        resources: { limits: { memory: '16Mi' } },
      }),
    ),
    by: 'operator; status CrashLooping',
    field: 'resources.limits.memory of that container',
    remedy: 'raise',
  },
  {
    wrong: 'a memory limit without its unit',
    mistake: stuck('InvalidSpec', onContainer({ resources: { limits: { memory: 512 } } })),
    by: 'operator; status InvalidSpec',
    field: `${container}.resources.limits.memory`,
    remedy: 'raise it, with a unit as in "512Mi"',
  },
  {
    wrong: 'a command that the image does not have, in an init container',
    mistake: stuck(
      'ContainerConfigError',
      pod({ initContainers: [{ name: 'extra', image, command: ['no-such'] }] }),
      'exec: "no-such": executable file not found',
    ),
    by: 'kubelet; status ContainerConfigError',
    field: 'Container extra',
    remedy: 'correct that container in spec.template.spec',
  },
  {
    wrong: 'a hook that fails',
    mistake: stuck(
      'ContainerConfigError',
      onContainer({ lifecycle: { postStart: { exec: { command: ['false'] } } } }),
    ),
    by: 'operator; status ContainerConfigError',
    field: 'lifecycle.postStart of that container',
    remedy: 'correct',
  },
  {
    wrong: 'an image that is not there',
    mistake: stuck('ImagePullFailed', { image: 'localhost/no-such-image:1' }, 'localhost/no-such-image:1'),
    by: 'kubelet; status ImagePullFailed',
    field: 'spec.image',
    remedy: 'check spec.image, and imagePullSecrets',
  },
  {
    wrong: 'an image in capitals',
    mistake: stuck('ImagePullFailed', { image: 'UPPER/Case:1' }, 'invalid reference format'),
    by: 'kubelet; status ImagePullFailed',
    field: 'spec.image',
    remedy: 'check spec.image',
  },
  {
    wrong: 'a ConfigMap that is missing, in envFrom',
    mistake: stuck(
      'MissingReference',
      { envFrom: [{ configMapRef: { name: 'gone' } }] },
      'configmap "gone" not found',
    ),
    by: 'kubelet; status MissingReference',
    field: 'spec.envFrom',
    remedy: 'create it, or correct',
  },
  {
    wrong: 'a key that its ConfigMap does not have',
    mistake: stuck(
      'MissingReference',
      { env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'kube-root-ca.crt', key: 'gone' } } }] },
      "couldn't find key gone in ConfigMap",
    ),
    by: 'kubelet; status MissingReference',
    field: 'spec.env',
    remedy: 'create it, or correct',
  },
  {
    wrong: 'a Secret that is missing, behind a volume',
    mistake: stuck(
      'MissingReference',
      withVolume({ secret: { secretName: 'gone' } }),
      'secret "gone" not found',
    ),
    by: 'kubelet; status MissingReference',
    field: 'spec.template.spec.volumes',
    remedy: 'create it, or correct',
  },
  {
    wrong: 'a volume of a folder that the node does not have',
    mistake: stuck(
      'Starting',
      withVolume({ hostPath: { path: '/no/such/folder', type: 'Directory' } }),
      'hostPath type check failed',
    ),
    by: 'kubelet; status Starting',
    field: 'spec.template.spec.volumes',
    remedy: 'correct that volume',
  },
  {
    wrong: 'root as the user',
    mistake: stuck('ContainerConfigError', pod({ securityContext: { runAsUser: 0 } }), 'non-root policy'),
    by: 'kubelet; status ContainerConfigError',
    field: 'securityContext.runAsUser',
    remedy: 'to a number other than 0',
  },
  {
    wrong: 'a null byte in a variable, from a Secret',
    mistake: async (place) => {
      const data = { password: Buffer.from('hunter2\0').toString('base64') };
      await place.kube.create(secrets, { metadata: { name: place.name }, data });
      const secretKeyRef = { name: place.name, key: 'password' };
      const told = await stuck(
        'ContainerConfigError',
        { env: [{ name: 'PASSWORD', valueFrom: { secretKeyRef } }] },
        "environment variable value can't contain null",
      )(place);
      assert.doesNotMatch(told.message, /hunter2/);
      return told;
    },
    by: 'kubelet; status ContainerConfigError',
    field: '"PASSWORD=…"',
    remedy: 'correct spec.env',
  },
  {
    wrong: 'a seccomp profile that the node does not have',
    mistake: stuck(
      'ContainerConfigError',
      pod({ securityContext: { seccompProfile: { type: 'Localhost', localhostProfile: 'gone.json' } } }),
      'cannot load seccomp profile',
    ),
    by: 'kubelet; status ContainerConfigError',
    field: 'securityContext.seccompProfile in spec.template.spec',
    remedy: 'or put that profile on every node',
  },
  {
    wrong: 'a kernel setting that the node does not allow',
    mistake: stuck(
      'AdmissionRejected',
      pod({ securityContext: { sysctls: [{ name: 'kernel.nope', value: '1' }] } }),
      'forbidden sysctl: "kernel.nope"',
    ),
    by: 'kubelet; status AdmissionRejected',
    field: 'securityContext.sysctls in spec.template.spec',
    remedy: 'remove it from',
  },
  {
    wrong: 'more processors than any node has',
    mistake: stuck(
      'Unschedulable',
      onContainer({ resources: { requests: { cpu: 1000 } } }),
      'Insufficient cpu',
    ),
    by: 'scheduler; status Unschedulable',
    field: 'spec.template.spec',
    remedy: 'change resources',
  },
  {
    wrong: 'a volume claim that is missing',
    mistake: stuck(
      'MissingReference',
      withVolume({ persistentVolumeClaim: { claimName: 'gone' } }),
      'persistentvolumeclaim "gone" not found',
    ),
    by: 'scheduler; status MissingReference',
    field: 'spec.template.spec.volumes',
    remedy: 'create it, or correct',
  },
  {
    wrong: 'a ServiceAccount that is missing',
    mistake: stuck(
      'MissingReference',
      pod({ serviceAccountName: 'nobody' }),
      'serviceaccount "nobody" not found',
    ),
    by: 'admission of the pod; status MissingReference',
    field: 'spec.template.spec.serviceAccountName',
    remedy: 'create it, or correct',
  },
  {
    wrong: 'a priority class that is missing',
    mistake: stuck(
      'MissingReference',
      pod({ priorityClassName: 'urgent' }),
      'no PriorityClass with name urgent',
    ),
    by: 'admission of the pod; status MissingReference',
    field: 'spec.template.spec.priorityClassName',
    remedy: 'create it, or correct',
  },
  {
    wrong: 'a pod that the quota does not allow',
    around: forbidPods,
    mistake: stuck('QuotaExceeded', {}, 'exceeded quota: none'),
    by: 'admission of the pod; status QuotaExceeded',
    field: 'spec.template.spec',
    remedy: 'raise the quota',
  },
  {
    wrong: 'more memory than the LimitRange allows',
    around: limitMemory,
    mistake: stuck(
      'AdmissionRejected',
      onContainer({ resources: { limits: { memory: '1Gi' } } }),
      'maximum memory usage per Container is 64Mi',
    ),
    by: 'admission of the pod; status AdmissionRejected',
    field: 'resources in spec.template.spec',
    remedy: 'or the LimitRange',
  },
  {
    wrong: "the node's network, where Pod Security forbids it",
    around: restrict,
    mistake: stuck('AdmissionRejected', pod({ hostNetwork: true }), 'violates PodSecurity'),
    by: 'admission of the pod; status AdmissionRejected',
    field: 'hostNetwork',
    remedy: 'change the spec accordingly, or the policy',
  },
  {
    wrong: 'a Deployment where a policy forbids it',
    around: forbidDeployments,
    mistake: stuck('AdmissionRejected', {}, 'no Deployments here'),
    by: 'admission of the Deployment; status AdmissionRejected',
    field: 'deployments.apps',
    remedy: 'change the spec accordingly, or the policy',
  },
  {
    wrong: "the name of somebody else's Deployment",
    mistake: async (place) => {
      await place.kube.create(deployments, foreignDeployment(place.name));
      return stuck('Conflict', {})(place);
    },
    by: 'operator; status Conflict',
    field: 'deployments.apps "bad-',
    remedy: 'delete or rename it, or give this daemon another name',
  },
  {
    wrong: 'a dispatcher that is missing',
    mistake: stuck('MissingReference', { dispatcherRef: { name: 'gone' } }),
    by: 'operator; status MissingReference',
    field: 'spec.dispatcherRef',
    remedy: 'create it or correct the name',
  },
  {
    wrong: 'a variable with "=" in its name, of the dispatcher',
    mistake: stuckByDispatcher('InvalidSpec', { env: [{ name: 'A=B', value: '1' }] }),
    by: 'API server, of the Deployment; status InvalidSpec',
    field: 'spec.env[0].name of the ClariveDispatcher',
    remedy: "other than '='",
  },
  {
    wrong: 'a mount of a volume that is missing',
    mistake: stuck('InvalidSpec', onContainer({ volumeMounts: [{ name: 'missing', mountPath: '/mnt' }] })),
    by: 'API server, of the Deployment; status InvalidSpec',
    field: `${container}.volumeMounts[0].name`,
    remedy: 'add a volume of that name to spec.template.spec.volumes',
  },
  {
    wrong: 'a request above its limit',
    mistake: stuck(
      'InvalidSpec',
      onContainer({ resources: { requests: { cpu: '2' }, limits: { cpu: '1' } } }),
    ),
    by: 'API server, of the Deployment; status InvalidSpec',
    field: `${container}.resources.requests`,
    remedy: 'must be less than or equal to cpu limit',
  },
  {
    wrong: 'a label selector with an operator that is none',
    mistake: stuck(
      'InvalidSpec',
      pod({
        affinity: {
          podAntiAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: [
              {
                topologyKey: 'kubernetes.io/hostname',
                labelSelector: { matchExpressions: [{ key: 'a', operator: 'Maybe' }] },
              },
            ],
          },
        },
      }),
    ),
    by: 'API server, of the Deployment; status InvalidSpec',
    field:
      'spec.template.spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].labelSelector.matchExpressions[0].operator',
    remedy: 'use In, NotIn, Exists or DoesNotExist',
  },
  {
    wrong: 'a bad label, then a bad annotation instead of it',
    mistake: stuckAfterEdits(
      'InvalidSpec',
      { template: { metadata: { labels: { team: 'a b' } } } },
      { template: { metadata: { labels: null, annotations: { 'a b': 'x' } } } },
    ),
    by: 'API server, of the Deployment; status InvalidSpec',
    field: 'spec.template.metadata.annotations',
    remedy: 'must consist of alphanumeric characters',
  },
  {
    wrong: 'settings of more than 128 KiB',
    mistake: stuck('InvalidSpec', { config: { text: 'x'.repeat(200_000) } }),
    by: 'operator; status InvalidSpec',
    field: 'spec.config',
    remedy: 'reduce it to 131072 or fewer',
  },
  {
    wrong: 'an integer that would lose digits',
    mistake: stuck('InvalidSpec', { config: { limits: { max: 2 ** 60 } } }),
    by: 'operator; status InvalidSpec',
    field: 'spec.config.limits.max',
    remedy: 'write it as a string',
  },
  {
    wrong: 'a mount in the place of the config file',
    mistake: stuck('InvalidSpec', {
      config: { a: 1 },
      ...onContainer({ volumeMounts: [{ name: 'conf', mountPath: '/opt/clarive/config/clarive.yml' }] }),
    }),
    by: 'operator; status InvalidSpec',
    field: 'spec.template',
    remedy: 'remove one of the two',
  },
  {
    wrong: 'a service that nobody knows',
    mistake: warned('UnknownService', { service: 'service.no.such' }),
    by: 'operator; Event UnknownService',
    field: '"service.no.such"',
    remedy: 'set spec.template and spec.drain',
  },
  {
    wrong: 'a job daemon whose files end with its pod',
    mistake: warned('EphemeralDirectory', { service: 'service.job.daemon' }),
    by: 'operator; Event EphemeralDirectory',
    field: 'spec.template',
    remedy: 'Add volumes of these names',
  },
  {
    wrong: 'a misspelt flag of the operator',
    mistake: unusable(['--default-imge=clarive:7']),
    by: 'operator, at its start',
    field: '--default-imge',
    remedy: 'did you mean --default-image?',
  },
  {
    wrong: 'a setting of the operator that is no number',
    mistake: unusable(['--workers=many']),
    by: 'operator, at its start',
    field: '--workers is "many"',
    remedy: 'set it to a whole number from 1 to 256',
  },
  {
    wrong: 'a settings file of the operator that is no YAML',
    mistake: unusable(['--config=FILE'], 'logLevel: [debug\nworkers: 3\n'),
    by: 'operator, at its start',
    field: 'settings.yaml, line 2',
    remedy: 'must be sufficiently indented and end with a ]',
  },
  {
    wrong: 'two replicas',
    mistake: refused({ replicas: 2 }),
    by: 'API server, rule of the CRD',
    field: 'spec.replicas',
    remedy: 'create another ClariveDaemon',
  },
  {
    wrong: 'replicas as text',
    mistake: refused({ replicas: '1' }),
    by: 'API server, schema of the CRD',
    field: 'spec.replicas',
    remedy: 'must be of type integer',
  },
  {
    wrong: '-1 by kubectl scale',
    mistake: refusedEdit(({ kube, name }) => kube.scale(clariveDaemons, name, -1)),
    by: 'API server, rule of the CRD',
    field: 'spec.replicas',
    remedy: 'should be a non-negative integer',
  },
  {
    wrong: 'a huge number by kubectl scale',
    mistake: refusedEdit(({ kube, name }) => kube.scale(clariveDaemons, name, 2_000_000_000)),
    by: 'API server, rule of the CRD',
    field: 'spec.replicas',
    remedy: 'must be 1 to run the daemon or 0 to stop it',
  },
  {
    wrong: 'another service for a daemon that exists',
    mistake: refusedEdit(({ kube, name }) =>
      kube.patch(clariveDaemons, name, { spec: { service: 'service.purge.daemon' } }),
    ),
    by: 'API server, rule of the CRD',
    field: 'spec.service',
    remedy: 'restore it, and create another ClariveDaemon',
  },
  {
    wrong: 'a service that is no registry key',
    mistake: refused({ service: 'job-daemon' }),
    by: 'API server, rule of the CRD',
    field: 'spec.service',
    remedy: 'for example `service.job.daemon`',
  },
  {
    wrong: 'a name that is too long',
    mistake: refused({}, { name: 'n'.repeat(64) }),
    by: 'API server, rule of the CRD',
    field: 'metadata.name',
    remedy: 'choose a shorter name',
  },
  {
    wrong: 'a blank in the image',
    mistake: refused({ image: ' clarive:7' }),
    by: 'API server, rule of the CRD',
    field: 'spec.image',
    remedy: 'remove them',
  },
  {
    wrong: 'an unknown key',
    mistake: refused({ replica: 1 }),
    by: 'API server, schema of the CRD',
    field: 'spec.replica',
    remedy: 'unknown field',
  },
  {
    wrong: 'a word where the pod template has a list',
    mistake: refused(pod({ tolerations: 'all' })),
    by: 'API server, schema of the CRD',
    field: 'spec.template.spec.tolerations',
    remedy: 'must be of type array',
  },
  {
    wrong: 'a quantity with a blank',
    mistake: refused(onContainer({ resources: { limits: { memory: '1 GB' } } })),
    by: 'API server, schema of the CRD',
    field: `${container}.resources.limits.memory`,
    remedy: 'should match',
  },
  {
    wrong: 'one variable twice',
    mistake: refused({ env: [{ name: 'A' }, { name: 'A', value: 'b' }] }),
    by: 'API server, schema of the CRD',
    field: 'spec.env[1]',
    remedy: 'Duplicate value: {"name":"A"}',
  },
  {
    wrong: 'two mounts in one place',
    mistake: refused(
      onContainer({
        volumeMounts: [
          { name: 'a', mountPath: '/mnt' },
          { name: 'b', mountPath: '/mnt' },
        ],
      }),
    ),
    by: 'API server, schema of the CRD',
    field: `${container}.volumeMounts[1]`,
    remedy: 'Duplicate value: {"mountPath":"/mnt"}',
  },
  {
    wrong: "the daemon's image in its pod template",
    mistake: refused(onContainer({ image: 'clarive:7' })),
    by: 'API server, rule of the CRD',
    field: `${container}.image`,
    remedy: 'set `spec.image` instead',
  },
];

function limitMemory(kube: KubeClient): Promise<unknown> {
  const limits = [{ type: 'Container', max: { memory: '64Mi' } }];
  return kube.create(limitRanges, { metadata: { name: 'small' }, spec: { limits } });
}

function restrict(kube: KubeClient): Promise<unknown> {
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
  return kube.patch(namespaces, kube.namespace, { metadata: { labels } });
}
