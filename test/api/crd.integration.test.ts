/** What a ClariveDaemon may be, and what the API server makes of it. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { ClariveDaemonStatus } from '../../src/api/clarive-daemon.ts';
import { kstatusOf } from '../gitops/kstatus.ts';
import { inNamespace } from '../support/in-namespace.ts';
import {
  clariveDaemons,
  clariveDispatchers,
  customResourceDefinitions,
  deployments,
  type Scale,
} from '../support/resources.ts';
import { create, type Spec } from './create.ts';
import { readYaml, samples } from './manifests.ts';
import { richTemplate } from './rich-template.ts';
import { tableRow } from './table-row.ts';

const service = 'service.job.daemon';

const lastTransitionTime = '2026-01-01T00:00:00Z';
const status: ClariveDaemonStatus = {
  observedGeneration: 1,
  replicas: 1,
  readyReplicas: 1,
  selector: 'app.kubernetes.io/instance=job',
  service,
  image: 'clarive:7',
  dispatcherGeneration: 3,
  pod: {
    name: 'job-1',
    node: 'node-1',
    startedAt: lastTransitionTime,
    restarts: 2,
    crashes: 1,
    lastExit: { code: 137, signal: 9, reason: 'OOMKilled', finishedAt: lastTransitionTime },
  },
  conditions: [
    {
      type: 'Ready',
      status: 'True',
      reason: 'Running',
      message: '',
      observedGeneration: 1,
      lastTransitionTime,
    },
    {
      type: 'Active',
      status: 'True',
      reason: 'Running',
      message: '',
      observedGeneration: 1,
      lastTransitionTime,
    },
  ],
};

/** A volume whose claim is made with the pod, and gets these labels. */
const claimLabelled = (labels: Record<string, string>) => ({
  name: 'scratch',
  ephemeral: {
    volumeClaimTemplate: {
      metadata: { labels },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    },
  },
});

for (const crd of ['clarivedaemons', 'clarivedispatchers'])
  suite(`the CRD ${crd}`, () => {
    test('is stored as it is in the file, so that Argo CD and Flux see no difference', (t) =>
      inNamespace(t, async (kube) => {
        const stored = await kube.get(customResourceDefinitions, `${crd}.clarive.com`);
        const file = await readYaml<typeof stored>(`crds/${crd}.yaml`);
        assert.deepEqual(stored.spec, file.spec);
      }));

    test('is not changed by being applied again', (t) =>
      inNamespace(t, async (kube) => {
        const file = await readYaml<{ metadata: { name: string } }>(`crds/${crd}.yaml`);
        const owner = { fieldManager: 'kubectl', force: true };
        const once = await kube.apply(customResourceDefinitions, file, owner);
        const twice = await kube.apply(customResourceDefinitions, file, owner);
        assert.equal(twice.metadata?.resourceVersion, once.metadata?.resourceVersion);
      }));
  });

suite('a new ClariveDaemon', () => {
  const accepted: { what: string; name?: string; spec: Spec }[] = [
    { what: 'a name of 63 characters', name: 'n'.repeat(63), spec: { service } },
    { what: 'a service that no preset knows', spec: { service: 'service.topic.inactivity_daemon' } },
    { what: "the manual's name of the scheduler", spec: { service: 'service.schedule daemon' } },
    {
      what: 'a drain time and a grace period of a week',
      spec: {
        service,
        drain: { timeoutSeconds: 604_800 },
        template: { spec: { terminationGracePeriodSeconds: 604_800 } },
      },
    },
    { what: 'an id of 63 characters', spec: { service, id: 'i'.repeat(63) } },
    {
      what: 'what another container may have',
      spec: {
        service,
        template: {
          spec: {
            containers: [{ name: 'log', image: 'a', command: ['b'], args: ['c'], env: [], envFrom: [] }],
          },
        },
      },
    },
    {
      what: "the operator's volumes in another container",
      spec: {
        service,
        template: {
          spec: {
            containers: [
              { name: 'log', image: 'a', volumeMounts: [{ name: 'clarive-pid', mountPath: '/pid' }] },
            ],
          },
        },
      },
    },
    {
      what: 'hostPID false and restartPolicy Always',
      spec: { service, template: { spec: { hostPID: false, restartPolicy: 'Always' } } },
    },
    {
      what: "the operator's labels on the claim of a volume",
      spec: { service, template: { spec: { volumes: [claimLabelled({ 'app.kubernetes.io/name': 'a' })] } } },
    },
  ];

  for (const { what, name, spec } of accepted) {
    test(`may have ${what}`, (t) =>
      inNamespace(t, async (kube) => {
        const created = await create(kube, spec, name);
        assert.deepEqual(created.spec, { replicas: 1, ...spec });
      }));
  }

  test('may be any of the samples', (t) =>
    inNamespace(t, async (kube) => {
      for (const { metadata, spec } of (await samples()).values()) {
        const created = await create(kube, { ...spec }, metadata.name);
        assert.deepEqual(created.spec, { replicas: 1, ...spec });
      }
    }));

  test('keeps config as it was written', (t) =>
    inNamespace(t, async (kube) => {
      const config = {
        frequency: 10,
        ratio: 0.5,
        on: true,
        nothing: null,
        deep: { list: [1, { a: 'b' }] },
        'a.b c': '{{X}}',
      };
      const created = await create(kube, { service, config });
      assert.deepEqual(created.spec.config, config);
    }));
});

suite('an existing ClariveDaemon', () => {
  test('may change between the two names of the scheduler', (t) =>
    inNamespace(t, async (kube) => {
      const { metadata } = await create(kube, { service: 'service.scheduler' });
      for (const name of ['service.schedule daemon', 'service.scheduler']) {
        const patched = await kube.patch(clariveDaemons, metadata.name, { spec: { service: name } });
        assert.equal(patched.spec.service, name);
      }
    }));

  test('may get another image, config, env and arguments, and be paused', (t) =>
    inNamespace(t, async (kube) => {
      const env = [{ name: 'A', value: '1' }];
      const { metadata } = await create(kube, { service, image: 'a', config: { x: 1 }, env });
      const spec = {
        image: 'b',
        config: { y: 2 },
        env: [{ name: 'B', value: '2' }],
        args: ['-v'],
        paused: true,
      };
      const patched = await kube.patch(clariveDaemons, metadata.name, { spec });
      assert.deepEqual(patched.spec, { ...spec, service, replicas: 1, config: { x: 1, y: 2 } });
    }));

  test('gets its env by name from several owners', (t) =>
    inNamespace(t, async (kube) => {
      const { metadata } = await create(kube, { service });
      const applyEnv = (fieldManager: string, name: string) => {
        const daemon = { metadata: { name: metadata.name }, spec: { service, env: [{ name, value: '1' }] } };
        return kube.apply(clariveDaemons, daemon, { fieldManager });
      };
      await applyEnv('first', 'A');
      const { spec } = await applyEnv('second', 'B');
      assert.deepEqual(spec.env, [
        { name: 'A', value: '1' },
        { name: 'B', value: '1' },
      ]);
    }));
});

suite('the scale subresource', () => {
  test('says 1 for a daemon that was applied without replicas, as autoscalers need', (t) =>
    inNamespace(t, async (kube) => {
      const { metadata } = await create(kube, { service });
      const { spec } = await kube.getSubresource<Scale>(clariveDaemons, metadata.name, 'scale');
      assert.deepEqual(spec, { replicas: 1 });
    }));

  test('stops and starts the daemon', (t) =>
    inNamespace(t, async (kube) => {
      const { metadata } = await create(kube, { service });
      for (const replicas of [0, 1]) {
        await kube.scale(clariveDaemons, metadata.name, replicas);
        const { spec } = await kube.get(clariveDaemons, metadata.name);
        assert.equal(spec.replicas, replicas);
      }
    }));

  test("shows the status' replicas and selector", (t) =>
    inNamespace(t, async (kube) => {
      const { metadata } = await create(kube, { service });
      await kube.patch(clariveDaemons, metadata.name, { status }, { subresource: 'status' });
      const scale = await kube.getSubresource<Scale>(clariveDaemons, metadata.name, 'scale');
      assert.deepEqual(scale.status, { replicas: status.replicas, selector: status.selector });
    }));
});

suite('the status', () => {
  const unseen = { observedGeneration: -1 };

  test('is kept whole, and only by the status subresource', (t) =>
    inNamespace(t, async (kube) => {
      const { metadata } = await create(kube, { service });
      const ignored = await kube.patch(clariveDaemons, metadata.name, { status });
      assert.deepEqual(ignored.status, unseen);
      const options = { subresource: 'status', query: { fieldValidation: 'Strict' } };
      const stored = await kube.patch(clariveDaemons, metadata.name, { status }, options);
      assert.deepEqual(stored.status, status);
    }));

  test('says of a new object that no operator has seen it, so that kstatus waits for one', (t) =>
    inNamespace(t, async (kube) => {
      const daemon = await create(kube, { service });
      const dispatcher = await kube.create(clariveDispatchers, { metadata: { name: 'main' }, spec: {} });
      assert.deepEqual([daemon.status, dispatcher.status], [unseen, unseen]);
      assert.deepEqual(await kstatusOf([daemon, dispatcher]), ['InProgress', 'InProgress']);
    }));

  test('fills the columns of kubectl get', (t) =>
    inNamespace(t, async (kube) => {
      const { metadata } = await create(kube, { service, dispatcherRef: { name: 'main' } });
      await kube.patch(clariveDaemons, metadata.name, { status }, { subresource: 'status' });
      const { Age, Since, ...cells } = await tableRow(kube.path(clariveDaemons, metadata.name));
      assert.match(String(Age), /^\d+s$/);
      assert.match(String(Since), /^\d+d$/);
      assert.deepEqual(cells, {
        Name: metadata.name,
        Service: service,
        Active: 'True',
        State: 'Running',
        Restarts: 2,
        Image: 'clarive:7',
        Node: 'node-1',
        Dispatcher: 'main',
      });
    }));
});

suite('the pod template', () => {
  test('loses nothing, and only gains the protocol of ports', (t) =>
    inNamespace(t, async (kube) => {
      const created = await create(kube, { service, template: richTemplate });
      const expected = structuredClone(richTemplate);
      for (const port of expected.spec.containers[0]?.ports ?? []) Object.assign(port, { protocol: 'TCP' });
      assert.deepEqual(created.spec.template, expected);
    }));

  test('fits into a Deployment as it was stored', (t) =>
    inNamespace(t, async (kube) => {
      const created = await create(kube, { service, template: richTemplate });
      const { metadata, spec } = created.spec.template as typeof richTemplate;
      const [daemon, ...others] = spec.containers;
      const containers = [{ ...daemon, image: 'clarive:7' }, ...others];
      await kube.call({
        method: 'POST',
        path: kube.path(deployments, undefined, { query: { dryRun: 'All', fieldValidation: 'Strict' } }),
        body: {
          apiVersion: deployments.apiVersion,
          kind: deployments.kind,
          metadata: { name: 'rich' },
          spec: {
            selector: { matchLabels: metadata.labels },
            template: { metadata, spec: { ...spec, containers } },
          },
        },
      });
    }));

  test('tells ports of one number apart by protocol', (t) =>
    inNamespace(t, async (kube) => {
      const ports = [{ containerPort: 53 }, { containerPort: 53, protocol: 'UDP' }];
      const created = await create(kube, {
        service,
        template: { spec: { containers: [{ name: 'dns', ports }] } },
      });
      assert.deepEqual(created.spec.template?.spec?.containers?.[0]?.ports, [
        { containerPort: 53, protocol: 'TCP' },
        { containerPort: 53, protocol: 'UDP' },
      ]);
    }));
});

suite('a field selector', () => {
  const selected = [
    { fieldSelector: 'spec.service=service.job.daemon', name: 'on' },
    { fieldSelector: 'spec.replicas=0', name: 'off' },
    { fieldSelector: 'spec.dispatcherRef.name=main', name: 'on' },
  ];
  for (const { fieldSelector, name } of selected) {
    test(`finds daemons by ${fieldSelector}`, (t) =>
      inNamespace(t, async (kube) => {
        await create(kube, { service, dispatcherRef: { name: 'main' } }, 'on');
        await create(kube, { service: 'service.event.daemon', replicas: 0 }, 'off');
        const found = await kube.list(clariveDaemons, { fieldSelector });
        assert.deepEqual(
          found.map(({ metadata }) => metadata.name),
          [name],
        );
      }));
  }
});
