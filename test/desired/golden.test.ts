/**
 * The whole Deployment of every sample and preset, as files. A pod template that changes restarts every running daemon when users
 * upgrade the operator: such a change must be meant, announced in the changelog, and seen in a review.
 *
 * After a change that is meant: UPDATE_GOLDEN=1 node --test test/desired/golden.test.ts
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { parse, stringify } from 'yaml';
import type { ClariveDaemon } from '../../src/api/clarive-daemon.ts';
import { restartedAtAnnotation } from '../../src/api/labels.ts';
import type { Deployment } from '../../src/api/kubernetes.ts';
import { desiredDeployment, type Rendered } from '../../src/desired/deployment.ts';
import { aDaemon, aDispatcher } from '../support/builders.ts';

const samples = new URL('../../crds/samples/', import.meta.url);
const goldenFiles = new URL('./golden/', import.meta.url);

const defaults = {
  image: 'registry.example.com/clarive:7.0.12',
  images: {},
  environment: 'clarive',
  runAsUser: 1001,
};

const yamlStyle = { lineWidth: 0, singleQuote: true };

function render(daemon: ClariveDaemon): Deployment {
  const dispatcher = daemon.spec.dispatcherRef && shared;
  const desired = desiredDeployment(daemon, defaults, { dispatcher });
  return (desired as Rendered).deployment;
}

function sample(file: string): ClariveDaemon {
  const { metadata, spec } = parse(readFileSync(new URL(file, samples), 'utf8')) as ClariveDaemon;
  return aDaemon({ metadata, ...spec });
}

/** A daemon that uses every field of its spec. */
const everything = aDaemon({
  metadata: { name: 'everything' },
  service: 'service.schedule daemon',
  replicas: 0,
  id: 'scheduler-1',
  image: 'registry.example.com/scheduler:7',
  config: { frequency: 60, password: '{{PASSWORD}}', nested: { verbose: false } },
  args: ['--debug'],
  drain: { timeoutSeconds: 7200 },
  env: [{ name: 'PASSWORD', valueFrom: { secretKeyRef: { name: 'clarive', key: 'password' } } }],
  envFrom: [{ configMapRef: { name: 'clarive', optional: true } }],
  template: {
    metadata: { labels: { team: 'ops' }, annotations: { [restartedAtAnnotation]: '2026-11-22T12:00:00Z' } },
    spec: {
      nodeSelector: { 'kubernetes.io/os': 'linux' },
      tolerations: [{ key: 'batch', operator: 'Exists' }],
      imagePullSecrets: [{ name: 'registry' }],
      volumes: [
        { name: 'jobs', persistentVolumeClaim: { claimName: 'jobs' } },
        { name: 'tmp', emptyDir: { sizeLimit: '1024Mi' } },
      ],
      containers: [
        {
          name: 'daemon',
          resources: { requests: { cpu: '1000m', memory: '1024Mi' }, limits: { memory: '2Gi' } },
          ports: [{ containerPort: 9000, protocol: 'TCP' }],
          livenessProbe: { exec: { command: ['true'] }, periodSeconds: 60 },
        },
        { name: 'sidecar', image: 'registry.example.com/sidecar:1' },
      ],
    },
  },
});

/** A dispatcher that uses every field of its spec, and a daemon that adds to each. */
const shared = aDispatcher({
  replicas: 0,
  image: 'registry.example.com/clarive:7.1',
  environment: 'prod',
  config: { mongo: { dbname: 'clarive', client: { host: 'mongodb', password: '{{MONGO_PASSWORD}}' } } },
  env: [
    { name: 'TZ', value: 'Europe/Madrid' },
    { name: 'MONGO_PASSWORD', valueFrom: { secretKeyRef: { name: 'mongo', key: 'password' } } },
  ],
  envFrom: [{ secretRef: { name: 'shared' } }],
  template: {
    metadata: { labels: { team: 'ops' } },
    spec: {
      securityContext: { runAsUser: 2000 },
      imagePullSecrets: [{ name: 'registry' }],
      nodeSelector: { disk: 'ssd' },
      volumes: [{ name: 'jobs', persistentVolumeClaim: { claimName: 'jobs' } }],
    },
  },
  services: [
    {
      service: 'service.event.daemon',
      image: 'registry.example.com/event:7.1',
      config: { frequency: 15, timeout: 30 },
    },
    { service: 'service.job.daemon', config: { frequency: 5 } },
  ],
});

const attached = aDaemon({
  metadata: { name: 'attached' },
  service: 'service.event.daemon',
  dispatcherRef: { name: 'main' },
  config: { timeout: 60 },
  env: [{ name: 'TZ', value: 'UTC' }],
  envFrom: [{ configMapRef: { name: 'own' } }],
  template: { spec: { nodeSelector: { disk: 'nvme' }, priorityClassName: 'high' } },
});

const daemons: [name: string, daemon: ClariveDaemon][] = [
  ...readdirSync(samples)
    .filter((file) => file.endsWith('.yaml'))
    .map((file): [string, ClariveDaemon] => [file, sample(file)]),
  ['everything.yaml', everything],
  ['attached.yaml', attached],
  ...[
    'service.approval.daemon',
    'service.dispatcher',
    'service.topic.inactivity_daemon',
    'service.plugin',
  ].map((service): [string, ClariveDaemon] => [
    `${service}.yaml`,
    aDaemon({ metadata: { name: 'one' }, service }),
  ]),
];

describe('the Deployment of', () => {
  for (const [file, daemon] of daemons)
    test(file, () => {
      const golden = new URL(file, goldenFiles);
      const deployment = render(daemon);
      if (process.env['UPDATE_GOLDEN']) writeFileSync(golden, stringify(deployment, yamlStyle));

      assert.deepEqual(
        deployment,
        parse(readFileSync(golden, 'utf8')),
        `The Deployment of ${file} is not what test/desired/golden/${file} holds. A changed pod template restarts every ` +
          'daemon at the next upgrade of the operator. If that is meant, say so in CHANGELOG.md and run ' +
          'UPDATE_GOLDEN=1 node --test test/desired/golden.test.ts',
      );
    });

  test('every golden file belongs to a daemon', () => {
    assert.deepEqual(readdirSync(goldenFiles).toSorted(), daemons.map(([file]) => file).toSorted());
  });
});
