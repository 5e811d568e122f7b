import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { restartedAtAnnotation } from '../../src/api/labels.ts';
import { carries, covers } from '../../src/desired/compare.ts';
import { desiredDeployment, type Rendered } from '../../src/desired/deployment.ts';
import { aDaemon } from '../support/builders.ts';

interface Row {
  name: string;
  actual: unknown;
  desired: unknown;
}

const covered: Row[] = [
  { name: 'equal values', actual: { a: 1, b: 'x', c: [1] }, desired: { a: 1, b: 'x', c: [1] } },
  { name: "fields of the server's own", actual: { a: 1, uid: 'x' }, desired: { a: 1 } },
  { name: 'what is not desired in particular', actual: { a: 1 }, desired: { a: undefined, b: null } },
  { name: 'an empty map that the server dropped', actual: {}, desired: { nodeSelector: {} } },
  { name: 'an empty list that the server dropped', actual: {}, desired: { args: [] } },
  { name: 'an empty list that the server sends as null', actual: { args: null }, desired: { args: [] } },
  {
    name: 'an empty string that the server dropped',
    actual: { name: 'A' },
    desired: { name: 'A', value: '' },
  },
  { name: 'a false that the server dropped', actual: {}, desired: { readOnly: false } },
  { name: 'a zero that the server dropped', actual: {}, desired: { initialDelaySeconds: 0 } },
  {
    name: "the server's default, asked for by zero or an empty string",
    actual: { livenessProbe: { httpGet: { path: '/', scheme: 'HTTP' }, periodSeconds: 10 } },
    desired: { livenessProbe: { httpGet: { path: '', scheme: '' }, periodSeconds: 0 } },
  },
  { name: 'emptiness within emptiness', actual: {}, desired: { lifecycle: { preStop: {} } } },
  {
    name: 'an element of a keyed list wherever it stands',
    actual: { containers: [{ name: 'istio' }, { name: 'daemon', image: 'a', imagePullPolicy: 'Always' }] },
    desired: { containers: [{ name: 'daemon', image: 'a' }] },
  },
  {
    name: 'a port without protocol, which the server calls TCP',
    actual: { ports: [{ containerPort: 80, protocol: 'TCP' }] },
    desired: { ports: [{ containerPort: 80, protocol: '' }] },
  },
  {
    name: 'defaults within the elements of an atomic list',
    actual: { items: [{ path: 'a', fieldRef: { apiVersion: 'v1', fieldPath: 'b' } }] },
    desired: { items: [{ path: 'a', fieldRef: { fieldPath: 'b' } }] },
  },
  {
    name: 'quantities in another spelling',
    actual: {
      resources: { requests: { cpu: '1', memory: '1Gi' }, limits: { cpu: '2', gpu: '0' } },
      overhead: { cpu: '250m' },
      emptyDir: { sizeLimit: '1Gi' },
      resourceFieldRef: { divisor: '1' },
    },
    desired: {
      resources: { requests: { cpu: '1000m', memory: 1073741824 }, limits: { cpu: 2, gpu: 0 } },
      overhead: { cpu: '0.25' },
      emptyDir: { sizeLimit: '1024Mi' },
      resourceFieldRef: { divisor: '1000m' },
    },
  },
  {
    name: 'a volume without source, which the server makes an emptyDir',
    actual: { volumes: [{ name: 'tmp', emptyDir: {} }] },
    desired: { volumes: [{ name: 'tmp' }] },
  },
  {
    name: 'defaults within the source of a volume',
    actual: { volumes: [{ name: 'c', configMap: { name: 'c', defaultMode: 420 } }] },
    desired: { volumes: [{ name: 'c', configMap: { name: 'c' } }] },
  },
];

const notCovered: Row[] = [
  { name: 'a missing field', actual: {}, desired: { a: 1 } },
  { name: 'another value', actual: { a: 2 }, desired: { a: 1 } },
  { name: 'another type', actual: { port: '80' }, desired: { port: 80 } },
  { name: 'a value in place of an object', actual: { a: 'x' }, desired: { a: { b: 1 } } },
  { name: 'an object in place of a list', actual: { a: { b: 1 } }, desired: { a: [1] } },
  { name: 'true where false is desired', actual: { hostNetwork: true }, desired: { hostNetwork: false } },
  { name: 'a number where zero is desired', actual: { seconds: 30 }, desired: { seconds: 0 } },
  { name: 'a missing element of a keyed list', actual: { env: [] }, desired: { env: [{ name: 'A' }] } },
  {
    name: 'a keyed list that lacks one of two elements',
    actual: { env: [{ name: 'A' }] },
    desired: { env: [{ name: 'A' }, { name: 'B' }] },
  },
  {
    name: 'a changed element of a keyed list',
    actual: { env: [{ name: 'A', value: '2' }] },
    desired: { env: [{ name: 'A', value: '1' }] },
  },
  { name: 'a longer atomic list', actual: { args: ['a', 'b'] }, desired: { args: ['a'] } },
  { name: 'a shorter atomic list', actual: { args: ['a'] }, desired: { args: ['a', 'b'] } },
  { name: 'an atomic list in another order', actual: { args: ['b', 'a'] }, desired: { args: ['a', 'b'] } },
  {
    name: 'a foreign entry in an atomic list',
    actual: { tolerations: [{ key: 'a' }] },
    desired: { tolerations: [] },
  },
  {
    name: 'a foreign entry in an atomic map',
    actual: { nodeSelector: { disk: 'ssd', zone: 'a' } },
    desired: { nodeSelector: { disk: 'ssd' } },
  },
  {
    name: 'a volume of another source',
    actual: { volumes: [{ name: 'jobs', hostPath: { path: '/', type: '' } }] },
    desired: { volumes: [{ name: 'jobs', emptyDir: {} }] },
  },
  {
    name: 'an environment variable from another source',
    actual: { env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'x' } } }] },
    desired: { env: [{ name: 'A', value: '' }] },
  },
  {
    name: 'a selector of nothing where one of everything is desired',
    actual: { namespaces: ['a'] },
    desired: { namespaces: ['a'], namespaceSelector: {} },
  },
  {
    name: 'another quantity',
    actual: { requests: { cpu: '1' } },
    desired: { requests: { cpu: '1001m' } },
  },
  {
    name: 'a string that is a quantity only elsewhere',
    actual: { env: [{ name: 'CPU', value: '1' }] },
    desired: { env: [{ name: 'CPU', value: '1000m' }] },
  },
];

describe('what is desired is covered by', () => {
  for (const { name, actual, desired } of covered) test(name, () => assert.ok(covers(actual, desired)));
});

describe('what is desired is not covered by', () => {
  for (const { name, actual, desired } of notCovered) test(name, () => assert.ok(!covers(actual, desired)));
});

const defaults = { image: 'clarive:7', images: {}, environment: 'clarive' };
const desired = desiredDeployment(aDaemon(), defaults) as Rendered;

/** A child with a different value somewhere; `undefined` takes the field away. */
function childWith(
  change: (child: ReturnType<typeof structuredClone<Rendered['deployment']>>) => void,
): unknown {
  const child = structuredClone(desired.deployment);
  change(child);
  return JSON.parse(JSON.stringify(child));
}

describe('a child carries what is desired', () => {
  const carrying: { name: string; child: unknown }[] = [
    { name: 'as it was applied', child: childWith(() => undefined) },
    {
      name: 'when it is scaled, which is written on its own',
      child: childWith((child) => (child.spec.replicas = 0)),
    },
    {
      name: 'in a list, where objects have no kind',
      child: childWith((child) => Object.assign(child, { apiVersion: undefined, kind: undefined })),
    },
    {
      name: "with labels and annotations of others'",
      child: childWith((child) => {
        Object.assign(child.metadata.labels ?? {}, { team: 'a' });
        Object.assign(child.metadata.annotations ?? {}, { 'deployment.kubernetes.io/revision': '2' });
      }),
    },
    {
      name: 'after kubectl rollout restart',
      child: childWith((child) => {
        child.spec.template.metadata.annotations = { [restartedAtAnnotation]: '2026-11-22T12:00:00Z' };
      }),
    },
  ];
  for (const { name, child } of carrying) test(name, () => assert.ok(carries(child, desired.deployment)));
});

describe('a child differs', () => {
  const differing: { name: string; child: unknown }[] = [
    {
      name: 'by its image',
      child: childWith((child) => (child.spec.template.spec.containers[0]!.image = 'other')),
    },
    { name: 'by a missing template', child: { metadata: desired.deployment.metadata, spec: {} } },
    { name: 'by a missing spec', child: { metadata: desired.deployment.metadata } },
    { name: 'by its owner', child: childWith((child) => delete child.metadata.ownerReferences) },
    { name: 'by a missing label', child: childWith((child) => delete child.metadata.labels) },
    {
      name: 'by the digest of what was applied before',
      child: childWith((child) => delete child.metadata.annotations),
    },
    {
      name: 'by volumes that somebody swapped',
      child: childWith((child) => {
        child.spec.template.spec.volumes = child.spec.template.spec.volumes!.map(({ name }) => ({
          name,
          hostPath: { path: '/' },
        }));
      }),
    },
  ];
  for (const { name, child } of differing) test(name, () => assert.ok(!carries(child, desired.deployment)));

  test('by an earlier restart than the daemon asks for, not by a later one', () => {
    const annotations = { [restartedAtAnnotation]: '2026-11-22T12:00:00Z' };
    const { deployment } = desiredDeployment(
      aDaemon({ template: { metadata: { annotations } } }),
      defaults,
    ) as Rendered;
    const restartedAt = (time: string): unknown => {
      const child = structuredClone(deployment);
      child.spec.template.metadata.annotations = { [restartedAtAnnotation]: time };
      return child;
    };
    assert.ok(!carries(restartedAt('2026-11-22T11:00:00Z'), deployment));
    assert.ok(carries(restartedAt('2026-11-22T13:00:00Z'), deployment));
  });
});
