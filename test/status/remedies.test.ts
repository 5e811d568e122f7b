import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Reason } from '../../src/api/conditions.ts';
import { withRemedy } from '../../src/status/remedies.ts';

const rows: [reason: Reason, message: string, told: string][] = [
  [
    'Unschedulable',
    '0/1 nodes are available: 1 Insufficient cpu.',
    '0/1 nodes are available: 1 Insufficient cpu; change resources, nodeSelector, affinity or tolerations in spec.template.spec, or free or add nodes',
  ],
  [
    'QuotaExceeded',
    'exceeded quota: small',
    'exceeded quota: small; lower the resources in spec.template.spec, or raise the quota',
  ],
  [
    'MissingReference',
    'error looking up service account clarive/jobs: serviceaccount "jobs" not found',
    'error looking up service account clarive/jobs: serviceaccount "jobs" not found; create it, or correct spec.template.spec.serviceAccountName',
  ],
  [
    'MissingReference',
    'no PriorityClass with name high was found',
    'no PriorityClass with name high was found; create it, or correct spec.template.spec.priorityClassName',
  ],
  [
    'MissingReference',
    'RuntimeClass "gvisor" not found',
    'RuntimeClass "gvisor" not found; create it, or correct spec.template.spec.runtimeClassName',
  ],
  [
    'MissingReference',
    'persistentvolumeclaim "jobs" not found',
    'persistentvolumeclaim "jobs" not found; create it, or correct spec.template.spec.volumes',
  ],
  [
    'MissingReference',
    'The daemon can\'t be started: secret "smtp" not found',
    'The daemon can\'t be started: secret "smtp" not found; create it, or correct spec.env or spec.envFrom',
  ],
  [
    'MissingReference',
    'Container wait can\'t be started: secret "smtp" not found',
    'Container wait can\'t be started: secret "smtp" not found; create it, or correct env and envFrom of that container in spec.template.spec',
  ],
  [
    'ImagePullFailed',
    'The daemon has no image: not found',
    'The daemon has no image: not found; check spec.image, and imagePullSecrets in spec.template.spec',
  ],
  [
    'ImagePullFailed',
    'Container wait has no image: not found',
    'Container wait has no image: not found; check the image of that container, and imagePullSecrets, in spec.template.spec',
  ],
  [
    'ContainerConfigError',
    "The daemon can't be started: container's runAsUser breaks non-root policy",
    "The daemon can't be started: container's runAsUser breaks non-root policy; set securityContext.runAsUser in spec.template.spec to a number other than 0",
  ],
  [
    'ContainerConfigError',
    "The daemon can't be started: container has runAsNonRoot and image will run as root",
    "The daemon can't be started: container has runAsNonRoot and image will run as root; set securityContext.runAsUser in spec.template.spec to a number other than 0",
  ],
  [
    'ContainerConfigError',
    'The daemon can\'t be started: exec: "sh": not found',
    'The daemon can\'t be started: exec: "sh": not found; correct spec.env, spec.args or spec.template.spec',
  ],
  [
    'ContainerConfigError',
    'Container wait can\'t be started: exec: "sh": not found',
    'Container wait can\'t be started: exec: "sh": not found; correct that container in spec.template.spec',
  ],
  [
    'AdmissionRejected',
    'deployments.apps is forbidden: User "operator" cannot create resource "deployments"',
    'deployments.apps is forbidden: User "operator" cannot create resource "deployments"; give the operator that right',
  ],
  [
    'AdmissionRejected',
    'admission webhook "a.b" denied the request',
    'admission webhook "a.b" denied the request; change the spec accordingly, or the policy',
  ],
  [
    'AdmissionRejected',
    'pods "purge-1" is forbidden: maximum memory usage per Container is 64Mi, but limit is 1Gi',
    'pods "purge-1" is forbidden: maximum memory usage per Container is 64Mi, but limit is 1Gi; change resources in spec.template.spec accordingly, or the LimitRange',
  ],
  [
    'InvalidSpec',
    'spec.template.spec.containers[0].volumeMounts[0].name: Not found: "jobs"',
    'spec.template.spec.containers[0].volumeMounts[0].name: Not found: "jobs"; correct the name, or add a volume of that name to spec.template.spec.volumes',
  ],
  [
    'InvalidSpec',
    'spec.template.spec.containers[0].volumeMounts[0].name of the ClariveDispatcher "main": Not found: "jobs"',
    'spec.template.spec.containers[0].volumeMounts[0].name of the ClariveDispatcher "main": Not found: "jobs"; correct the name, or add a volume of that name to spec.template.spec.volumes',
  ],
  [
    'InvalidSpec',
    'operator: Invalid value: "Maybe": not a valid selector operator',
    'operator: Invalid value: "Maybe": not a valid selector operator; use In, NotIn, Exists or DoesNotExist',
  ],
  [
    'ContainerConfigError',
    'The daemon was ended: its hook postStart failed',
    'The daemon was ended: its hook postStart failed; correct lifecycle.postStart of that container in spec.template.spec',
  ],
  [
    'CrashLooping',
    'The daemon was killed for using more memory than its limit (OOMKilled), 3 times in a row: see its log',
    'The daemon was killed for using more memory than its limit (OOMKilled), 3 times in a row: see its log; raise resources.limits.memory of container "daemon" in spec.template.spec',
  ],
  [
    'CrashLooping',
    'Container wait was killed for using more memory than its limit (OOMKilled)',
    'Container wait was killed for using more memory than its limit (OOMKilled); raise resources.limits.memory of that container in spec.template.spec',
  ],
  [
    'Starting',
    'Pod purge-1 is starting: volume "jobs": hostPath type check failed',
    'Pod purge-1 is starting: volume "jobs": hostPath type check failed; correct that volume in spec.template.spec.volumes, or what it names',
  ],
  [
    'Starting',
    'Pod purge-1 waits until its scheduling gates are removed: example.com/quota',
    'Pod purge-1 waits until its scheduling gates are removed: example.com/quota; whoever has set them has to remove them: see schedulingGates in spec.template.spec',
  ],
  [
    'ContainerConfigError',
    "The daemon can't be started: cannot load seccomp profile gone.json",
    "The daemon can't be started: cannot load seccomp profile gone.json; correct securityContext.seccompProfile in spec.template.spec, or put that profile on every node",
  ],
  [
    'ContainerConfigError',
    "The daemon can't be started: error mounting a to b: not a directory",
    "The daemon can't be started: error mounting a to b: not a directory; correct volumeMounts of that container in spec.template.spec",
  ],
  [
    'AdmissionRejected',
    'The node rejects the pod: forbidden sysctl: kernel.nope not allowlisted',
    'The node rejects the pod: forbidden sysctl: kernel.nope not allowlisted; remove it from securityContext.sysctls in spec.template.spec, or allow it in the kubelet of every node',
  ],
  [
    'AdmissionRejected',
    'The node rejects the pod: Cannot enforce AppArmor: AppArmor is not enabled on the host',
    'The node rejects the pod: Cannot enforce AppArmor: AppArmor is not enabled on the host; correct securityContext.appArmorProfile in spec.template.spec, or the node',
  ],
  ['Starting', 'Pod purge-1 is starting', 'Pod purge-1 is starting'],
  ['InvalidSpec', 'spec.env[0].name: Invalid value', 'spec.env[0].name: Invalid value'],
  ['Running', 'Pod purge-1 runs', 'Pod purge-1 runs'],
];

for (const [reason, message, told] of rows) {
  test(`${reason} says what to do: ${message}`, () => assert.equal(withRemedy(reason, message), told));
}
