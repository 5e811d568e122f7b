/**
 * What the API server makes of a daemon and of its Deployment, by dry run: the schema of ClariveDaemon, then strict
 * validation, then defaults. The answer must carry what was desired, or the operator would write it again and again.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse } from 'yaml';
import type { ClariveDaemon } from '../../src/api/clarive-daemon.ts';
import { carries } from '../../src/desired/compare.ts';
import { desiredDeployment, type Rendered } from '../../src/desired/deployment.ts';
import { inNamespace } from '../support/in-namespace.ts';
import type { KubeClient } from '../support/kube-client.ts';
import { clariveDaemons, deployments, namespaces } from '../support/resources.ts';

const dryRun = { dryRun: 'All', fieldValidation: 'Strict' };
const defaults = { image: 'clarive:7', images: {}, environment: 'clarive', runAsUser: 1001 };

interface Answered {
  desired: Rendered;
  child: unknown;
  /** The API server's warnings, such as that the pods violate a Pod Security Standard. */
  warning: string | undefined;
}

async function answerTo(kube: KubeClient, name: string, spec: object): Promise<Answered> {
  const daemon = await kube.create<ClariveDaemon>(
    clariveDaemons,
    { metadata: { name }, spec },
    { query: dryRun },
  );
  const desired = desiredDeployment(daemon, defaults);
  if ('invalid' in desired) assert.fail(desired.invalid);

  const path = kube.path(deployments, undefined, { query: dryRun });
  const { code, body, headers } = await kube.send({ method: 'POST', path, body: desired.deployment });
  assert.equal(code, 201, JSON.stringify(body));
  return { desired, child: body, warning: headers['warning'] };
}

test('the Deployment of every sample is accepted as it is, and its pods are restricted', async (t) => {
  await inNamespace(t, async (kube) => {
    await warnOfUnrestrictedPods(kube);
    const samples = new URL('../../crds/samples/', import.meta.url);
    for (const file of readdirSync(samples).filter((name) => name.endsWith('.yaml'))) {
      const { metadata, spec } = parse(readFileSync(new URL(file, samples), 'utf8')) as ClariveDaemon;
      const { desired, child, warning } = await answerTo(kube, metadata.name, spec);
      assert.ok(carries(child, desired.deployment), file);
      assert.equal(warning, undefined, file);
    }
  });
});

test('the API server warns of pods that are not restricted', async (t) => {
  await inNamespace(t, async (kube) => {
    await warnOfUnrestrictedPods(kube);
    const { warning } = await answerTo(kube, 'root', onJob({ spec: { hostNetwork: true } }));
    assert.match(warning ?? '', /hostNetwork=true/);
  });
});

async function warnOfUnrestrictedPods(kube: KubeClient): Promise<void> {
  const labels = { 'pod-security.kubernetes.io/warn': 'restricted' };
  await kube.patch(namespaces, kube.namespace, { metadata: { labels } });
}

function onJob(template: object): object {
  return { service: 'service.job.daemon', template };
}

function onContainer(fields: object): object {
  return onJob({ spec: { containers: [{ name: 'daemon', ...fields }] } });
}

const specs: Record<string, object> = {
  'quantities-may-be-numbers': onJob({
    spec: {
      volumes: [{ name: 'tmp', emptyDir: { sizeLimit: 1.5e9 } }],
      containers: [
        { name: 'daemon', resources: { requests: { cpu: 0.5 }, limits: { cpu: 1.25, memory: 1e9 } } },
      ],
    },
  }),
  'zero-asks-for-defaults': onContainer({
    livenessProbe: {
      exec: { command: ['true'] },
      initialDelaySeconds: 0,
      periodSeconds: 0,
      timeoutSeconds: 0,
      failureThreshold: 0,
      successThreshold: 0,
    },
    readinessProbe: { httpGet: { port: 'web', path: '', scheme: '' } },
    ports: [
      { containerPort: 80, name: 'web' },
      { containerPort: 53, protocol: 'UDP' },
    ],
    terminationMessagePath: '',
    terminationMessagePolicy: '',
    imagePullPolicy: '',
  }),
  quantities: onContainer({
    resources: {
      requests: { cpu: '0.0001', memory: '1024Mi', 'ephemeral-storage': '1e9' },
      limits: { cpu: 2, memory: 2147483648, 'ephemeral-storage': '1.5G', 'example.com/gpu': 0 },
    },
  }),
  'everything-empty': {
    service: 'service.job.daemon',
    args: [],
    env: [],
    envFrom: [],
    config: {},
    template: {
      metadata: { labels: {}, annotations: {} },
      spec: {
        nodeSelector: {},
        tolerations: [],
        affinity: {},
        hostAliases: [],
        imagePullSecrets: [],
        securityContext: {},
        volumes: [],
        hostname: '',
        hostNetwork: false,
        containers: [
          { name: 'daemon', resources: {}, lifecycle: {}, ports: [], securityContext: {}, tty: false },
        ],
      },
    },
  },
  environment: {
    service: 'service.job.daemon',
    env: [
      { name: 'EMPTY', value: '' },
      { name: 'NOTHING' },
      { name: 'CPU', valueFrom: { resourceFieldRef: { resource: 'limits.cpu', divisor: '1000m' } } },
      { name: 'NODE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
    ],
    envFrom: [{ prefix: '', secretRef: { name: 'smtp', optional: false } }],
  },
  volumes: onJob({
    spec: {
      volumes: [
        { name: 'without-source' },
        { name: 'sized', emptyDir: { medium: '', sizeLimit: '1024Mi' } },
        { name: 'config-map', configMap: { name: 'a', optional: false } },
        { name: 'secret', secret: { secretName: 'a', items: [{ key: 'a', path: 'b' }] } },
        {
          name: 'projected',
          projected: {
            sources: [
              { serviceAccountToken: { path: 'token' } },
              { downwardAPI: { items: [{ path: 'name', fieldRef: { fieldPath: 'metadata.name' } }] } },
            ],
          },
        },
        { name: 'jobs', persistentVolumeClaim: { claimName: 'jobs', readOnly: false } },
        {
          name: 'ephemeral',
          ephemeral: {
            volumeClaimTemplate: {
              spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1024Mi' } } },
            },
          },
        },
        { name: 'host', hostPath: { path: '/srv' } },
        { name: 'nfs', nfs: { server: 'nfs.example.com', path: '/', readOnly: false } },
        { name: 'csi', csi: { driver: 'csi.example.com' } },
        { name: 'image', image: { reference: 'files:1' } },
      ],
    },
  }),
  scheduling: onJob({
    spec: {
      priorityClassName: '',
      schedulerName: '',
      terminationGracePeriodSeconds: 0,
      dnsPolicy: 'None',
      dnsConfig: { nameservers: ['192.0.2.1'], options: [{ name: 'ndots', value: '1' }] },
      hostAliases: [{ ip: '192.0.2.2', hostnames: ['mongo'] }],
      tolerations: [{ key: 'a', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 0 }],
      topologySpreadConstraints: [
        { topologyKey: 'zone', whenUnsatisfiable: 'ScheduleAnyway', maxSkew: 1, labelSelector: {} },
        { topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule', maxSkew: 1 },
      ],
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [{ matchExpressions: [{ key: 'disk', operator: 'In', values: ['ssd'] }] }],
          },
          preferredDuringSchedulingIgnoredDuringExecution: [],
        },
        podAntiAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: [
            { topologyKey: 'host', labelSelector: {}, namespaceSelector: {} },
          ],
        },
      },
      schedulingGates: [{ name: 'example.com/wait' }],
      readinessGates: [{ conditionType: 'example.com/ready' }],
    },
  }),
  containers: onJob({
    spec: {
      hostNetwork: true,
      imagePullSecrets: [{ name: 'registry' }],
      initContainers: [
        { name: 'proxy', image: 'proxy:1', restartPolicy: 'Always', resources: { limits: { cpu: '1000m' } } },
      ],
      containers: [
        {
          name: 'daemon',
          ports: [{ containerPort: 80 }],
          workingDir: '',
          lifecycle: { preStop: { sleep: { seconds: 0 } }, postStart: { httpGet: { port: 80 } } },
          volumeMounts: [{ name: 'jobs', mountPath: '/jobs', readOnly: false, subPath: '' }],
          securityContext: { runAsUser: 0, privileged: false, readOnlyRootFilesystem: false },
        },
        { name: 'sidecar', image: 'sidecar:1' },
      ],
    },
  }),
  'large-config': { service: 'service.job.daemon', config: { text: 'x'.repeat(130_000) } },
};

for (const [name, spec] of Object.entries(specs))
  test(`the API server's form of ${name} carries what is desired`, async (t) => {
    await inNamespace(t, async (kube) => {
      const { desired, child } = await answerTo(kube, name, spec);
      assert.ok(carries(child, desired.deployment), JSON.stringify({ child, desired: desired.deployment }));
    });
  });
