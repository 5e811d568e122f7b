/** What the API server refuses, and the words with which it does: what a user reads after `kubectl apply`. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { inNamespace } from '../support/in-namespace.ts';
import { clariveDaemons } from '../support/resources.ts';
import { create, refusal, type Spec } from './create.ts';

const service = 'service.job.daemon';

suite('a new ClariveDaemon', () => {
  const daemon = (container: Spec): Spec => ({
    service,
    template: { spec: { containers: [{ name: 'daemon', ...container }] } },
  });
  const badService =
    'spec.service: Invalid value: "%": must be a registry key of Clarive: `service.`, then letters, digits, `_` or `.`, and a letter or digit at the end, for example `service.job.daemon`';
  const badId =
    'spec.id: Invalid value: "%": must be 1 to 63 letters, digits, `-`, `_` or `.`, with a letter or digit at both ends; leave it out to use the name of the ClariveDaemon';
  const badReplicas =
    'spec.replicas: Invalid value: %: must be 1 to run the daemon or 0 to stop it; for a second process create another ClariveDaemon';
  const container = 'spec.template.spec.containers[0]';

  const refused: { what: string; name?: string; spec: Spec; says: string }[] = [
    { what: 'replicas 2', spec: { service, replicas: 2 }, says: badReplicas.replace('%', '2') },
    { what: 'replicas -1', spec: { service, replicas: -1 }, says: badReplicas.replace('%', '-1') },
    {
      what: 'replicas as text',
      spec: { service, replicas: '1' },
      says: 'spec.replicas in body must be of type integer',
    },
    { what: 'no service', spec: {}, says: 'spec.service: Required value' },
    ...[
      '',
      'job',
      'service.',
      'service.job.',
      'service.job daemon',
      'service.job-daemon',
      'service.job.daemon\n',
    ].map((key) => ({
      what: `service ${JSON.stringify(key)}`,
      spec: { service: key },
      says: badService.replace('"%"', JSON.stringify(key)),
    })),
    {
      what: 'a service of 64 characters',
      spec: { service: `service.${'a'.repeat(56)}` },
      says: 'spec.service: Too long: may not be more than 63 bytes',
    },
    {
      what: 'a name of 64 characters',
      name: 'n'.repeat(64),
      spec: { service },
      says: "metadata.name: Invalid value: must be no longer than 63 characters, because it becomes a label of the daemon's pod; choose a shorter name",
    },
    ...['', '-x', 'x-', 'a b', 'a/b'].map((id) => ({
      what: `id "${id}"`,
      spec: { service, id },
      says: badId.replace('%', id),
    })),
    {
      what: 'an id of 64 characters',
      spec: { service, id: 'i'.repeat(64) },
      says: 'spec.id: Too long: may not be more than 63 bytes',
    },
    {
      what: 'a negative drain time',
      spec: { service, drain: { timeoutSeconds: -1 } },
      says: 'spec.drain.timeoutSeconds in body should be greater than or equal to 0',
    },
    ...[604_801, 2_147_483_618].map((timeoutSeconds) => ({
      what: `a drain time of ${timeoutSeconds} s, more than a week`,
      spec: { service, drain: { timeoutSeconds } },
      says: 'spec.drain.timeoutSeconds in body should be less than or equal to 604800',
    })),
    {
      what: 'an empty image',
      spec: { service, image: '' },
      says: 'spec.image in body should be at least 1 chars long',
    },
    ...[' clarive:7', 'clarive: 7', 'clarive:7\n'].map((image) => ({
      what: `image ${JSON.stringify(image)}`,
      spec: { service, image },
      says: `spec.image: Invalid value: ${JSON.stringify(image)}: must hold no blanks, for example \`registry.example.com/clarive:7.0.12\`; remove them`,
    })),
    {
      what: 'config that is no object',
      spec: { service, config: [1] },
      says: 'spec.config in body must be of type object',
    },
    {
      what: 'two env entries of one name',
      spec: { service, env: [{ name: 'A' }, { name: 'A', value: 'b' }] },
      says: 'spec.env[1]: Duplicate value: {"name":"A"}',
    },
    {
      what: 'an unknown field',
      spec: { service, replica: 1 },
      says: 'strict decoding error: unknown field "spec.replica"',
    },
    {
      what: 'an unknown field of the pod template',
      spec: daemon({ resource: {} }),
      says: `strict decoding error: unknown field "${container}.resource"`,
    },
    {
      what: 'ephemeral containers, which no pod template may have',
      spec: { service, template: { spec: { ephemeralContainers: [] } } },
      says: 'strict decoding error: unknown field "spec.template.spec.ephemeralContainers"',
    },
    {
      what: 'a name in the metadata of the pod template',
      spec: { service, template: { metadata: { name: 'x' } } },
      says: 'strict decoding error: unknown field "spec.template.metadata.name"',
    },
    {
      what: 'a quantity that is none',
      spec: daemon({ resources: { limits: { memory: '1 GB' } } }),
      says: `${container}.resources.limits.memory: Invalid value: "1 GB"`,
    },
    ...[true, false].map((quantity) => ({
      what: `the quantity ${quantity}`,
      spec: daemon({ resources: { limits: { memory: quantity } } }),
      says: `"${container}.resources.limits.memory" must not validate the schema (not)`,
    })),
    ...[{}, { a: 1 }, [], [1]].map((quantity) => ({
      what: `the quantity ${JSON.stringify(quantity)}`,
      spec: daemon({ resources: { limits: { memory: quantity } } }),
      says: `${container}.resources.limits.memory: `,
    })),
    {
      what: 'a negative grace period',
      spec: { service, template: { spec: { terminationGracePeriodSeconds: -5 } } },
      says: 'spec.template.spec.terminationGracePeriodSeconds in body should be greater than or equal to 0',
    },
    ...[604_801, 2_147_483_648].map((terminationGracePeriodSeconds) => ({
      what: `a grace period of ${terminationGracePeriodSeconds} s, more than a week`,
      spec: { service, template: { spec: { terminationGracePeriodSeconds } } },
      says: 'spec.template.spec.terminationGracePeriodSeconds in body should be less than or equal to 604800',
    })),
    {
      what: 'the image of container daemon',
      spec: daemon({ image: 'clarive:7' }),
      says: `${container}.image: Forbidden: must be left out of container \`daemon\`; set \`spec.image\` instead`,
    },
    {
      what: 'the command of container daemon',
      spec: daemon({ command: ['cla'] }),
      says: `${container}.command: Forbidden: must be left out of container \`daemon\`, because the operator starts the daemon; remove it, and set the daemon's \`spec.args\` for further arguments`,
    },
    {
      what: 'the args of container daemon',
      spec: daemon({ args: ['-v'] }),
      says: `${container}.args: Forbidden: must be left out of container \`daemon\`; set the daemon's \`spec.args\` instead`,
    },
    {
      what: 'the env of container daemon',
      spec: daemon({ env: [{ name: 'A', value: 'b' }] }),
      says: `${container}.env: Forbidden: must be left out of container \`daemon\`; set \`spec.env\` instead`,
    },
    {
      what: 'the envFrom of container daemon',
      spec: daemon({ envFrom: [{ secretRef: { name: 'a' } }] }),
      says: `${container}.envFrom: Forbidden: must be left out of container \`daemon\`; set \`spec.envFrom\` instead`,
    },
    ...[true, false].map((shareProcessNamespace) => ({
      what: `shareProcessNamespace ${shareProcessNamespace}`,
      spec: { service, template: { spec: { shareProcessNamespace } } },
      says: "spec.template.spec.shareProcessNamespace: Forbidden: must be left out, because the operator's init has to be process 1 of the daemon's container; remove it",
    })),
    {
      what: 'hostPID',
      spec: { service, template: { spec: { hostPID: true } } },
      says: "spec.template.spec.hostPID: Forbidden: must be left out, because the operator's init has to be process 1 of the daemon's container; remove it",
    },
    ...['Never', 'OnFailure'].map((restartPolicy) => ({
      what: `restartPolicy ${restartPolicy}`,
      spec: { service, template: { spec: { restartPolicy } } },
      says: `spec.template.spec.restartPolicy: Invalid value: "${restartPolicy}": must be \`Always\`, because a Deployment restarts its containers; remove it, and set \`spec.replicas\` to 0 to stop the daemon`,
    })),
    ...[
      'app.kubernetes.io/name',
      'app.kubernetes.io/instance',
      'app.kubernetes.io/part-of',
      'app.kubernetes.io/managed-by',
    ].map((key) => ({
      what: `label ${key} of the pod template`,
      spec: { service, template: { metadata: { labels: { team: 'a', [key]: 'b' } } } },
      says: `spec.template.metadata.labels[${key}]: Forbidden: must be left out, because the operator sets it; remove it, or choose another key`,
    })),
    {
      what: 'label clarive.com/service of the pod template',
      spec: { service, template: { metadata: { labels: { 'clarive.com/service': service } } } },
      says: "spec.template.metadata.labels[clarive.com/service]: Forbidden: must be left out, because the operator sets it from the daemon's `spec.service`; remove it, or choose another key",
    },
    {
      what: 'label clarive.com/dispatcher of the pod template',
      spec: { service, template: { metadata: { labels: { 'clarive.com/dispatcher': 'main' } } } },
      says: "spec.template.metadata.labels[clarive.com/dispatcher]: Forbidden: must be left out, because the operator sets it from the daemon's `spec.dispatcherRef`; remove it, or choose another key",
    },
    {
      what: 'a dispatcherRef without name',
      spec: { service, dispatcherRef: {} },
      says: 'spec.dispatcherRef.name: Required value',
    },
    {
      what: 'a dispatcherRef that is no name',
      spec: { service, dispatcherRef: { name: 'Main' } },
      says: 'spec.dispatcherRef.name: Invalid value: "Main": must be the name of a ClariveDispatcher, so lower-case letters, digits, `-` or `.`, with a letter or digit at both ends',
    },
    {
      what: 'annotation clarive.com/config of the pod template',
      spec: { service, template: { metadata: { annotations: { 'clarive.com/config': '' } } } },
      says: 'spec.template.metadata.annotations[clarive.com/config]: Forbidden: must be left out; set `spec.config` instead',
    },
    ...['clarive-config', 'clarive-pid'].flatMap((name) => [
      {
        what: `a volume named ${name}`,
        spec: { service, template: { spec: { volumes: [{ name: 'jobs' }, { name, emptyDir: {} }] } } },
        says: "spec.template.spec.volumes[1].name: Invalid value: must not be `clarive-config` or `clarive-pid`, which are the operator's own volumes; choose another name",
      },
      {
        what: `a mount of volume ${name} in container daemon`,
        spec: daemon({
          volumeMounts: [
            { name: 'jobs', mountPath: '/jobs' },
            { name, mountPath: '/a' },
          ],
        }),
        says: `${container}.volumeMounts: Forbidden: must not name volume \`clarive-config\` or \`clarive-pid\` in container \`daemon\`, because the operator mounts them; remove that mount`,
      },
    ]),
    {
      what: 'an init container named daemon',
      spec: { service, template: { spec: { initContainers: [{ name: 'daemon', image: 'a' }] } } },
      says: "spec.template.spec.initContainers[0].name: Invalid value: must not be `daemon`, which is the name of the daemon's own container; choose another name",
    },
  ];

  for (const { what, name, spec, says } of refused) {
    test(`is refused with ${what}`, (t) =>
      inNamespace(t, async (kube) => {
        await assert.rejects(create(kube, spec, name), refusal(says));
      }));
  }
});

suite('an existing ClariveDaemon', () => {
  const alias = 'service.schedule daemon';
  const changedService = (from: string, to: string) =>
    `spec.service: Invalid value: "${to}": may not be changed from \`${from}\`: restore it, and create another ClariveDaemon for \`${to}\``;
  const changedId =
    'spec.id: Forbidden: may not be changed, added or removed, because jobs are bound to it; restore it, or delete the ClariveDaemon and create it anew';

  const refused: { what: string; spec: Spec; patch: Spec; says: string }[] = [
    {
      what: 'another service',
      spec: { service },
      patch: { service: 'service.event.daemon' },
      says: changedService(service, 'service.event.daemon'),
    },
    {
      what: 'another service instead of the alias',
      spec: { service: alias },
      patch: { service },
      says: changedService(alias, service),
    },
    { what: 'no service', spec: { service }, patch: { service: null }, says: 'spec.service: Required value' },
    { what: 'another id', spec: { service, id: 'a' }, patch: { id: 'b' }, says: changedId },
    { what: 'an id that it had not', spec: { service }, patch: { id: 'a' }, says: changedId },
    { what: 'no id', spec: { service, id: 'a' }, patch: { id: null }, says: changedId },
  ];

  for (const { what, spec, patch, says } of refused) {
    test(`may not get ${what}`, (t) =>
      inNamespace(t, async (kube) => {
        const { metadata } = await create(kube, spec);
        await assert.rejects(kube.patch(clariveDaemons, metadata.name, { spec: patch }), refusal(says));
      }));
  }
});

suite('a status', () => {
  const ready = {
    type: 'Ready',
    status: 'True',
    reason: 'Running',
    message: '',
    lastTransitionTime: '2026-01-01T00:00:00Z',
  };
  const refused = [
    {
      what: 'a condition without reason',
      conditions: [{ ...ready, reason: '' }],
      says: 'status.conditions[0].reason: Invalid value: ""',
    },
    {
      what: 'a condition that is maybe',
      conditions: [{ ...ready, status: 'Maybe' }],
      says: 'status.conditions[0].status: Unsupported value: "Maybe": supported values: "True", "False", "Unknown"',
    },
    {
      what: 'two conditions of one type',
      conditions: [ready, ready],
      says: 'status.conditions[1]: Duplicate value: {"type":"Ready"}',
    },
  ];

  for (const { what, conditions, says } of refused) {
    test(`may not hold ${what}`, (t) =>
      inNamespace(t, async (kube) => {
        const { metadata } = await create(kube, { service });
        const patch = { status: { conditions } };
        await assert.rejects(
          kube.patch(clariveDaemons, metadata.name, patch, { subresource: 'status' }),
          refusal(says),
        );
      }));
  }
});

suite('the scale subresource', () => {
  test('refuses 2 with the remedy', (t) =>
    inNamespace(t, async (kube) => {
      const { metadata } = await create(kube, { service });
      await assert.rejects(
        kube.scale(clariveDaemons, metadata.name, 2),
        refusal('spec.replicas: Invalid value: 2: must be 1 to run the daemon or 0 to stop it'),
      );
    }));
});
