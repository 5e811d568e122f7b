import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { mergeByKey, overlayChild, overlayTemplate } from '../../src/desired/overlay.ts';
import type { Deployment, PodTemplate } from '../../src/api/kubernetes.ts';

type PodSpec = Record<string, unknown>;

/** Lays one pod spec over another. Both name a container, which a pod template can't be without. */
function overlaid(base: PodSpec, overlay: PodSpec): PodSpec {
  const template = { metadata: { labels: {} }, spec: base } as unknown as PodTemplate;
  return overlayTemplate(template, { spec: overlay }).spec as unknown as PodSpec;
}

function container(fields: PodSpec): PodSpec {
  return { containers: [{ name: 'daemon', ...fields }] };
}

interface Row {
  name: string;
  base: PodSpec;
  overlay: PodSpec;
  gives: PodSpec;
}

const rows: Row[] = [
  {
    name: 'adds a field',
    base: { enableServiceLinks: false },
    overlay: { priorityClassName: 'low' },
    gives: { enableServiceLinks: false, priorityClassName: 'low' },
  },
  {
    name: 'replaces a field',
    base: { terminationGracePeriodSeconds: 30 },
    overlay: { terminationGracePeriodSeconds: 90 },
    gives: { terminationGracePeriodSeconds: 90 },
  },
  {
    name: 'never deletes: null leaves the field as it was',
    base: { enableServiceLinks: false },
    overlay: { enableServiceLinks: null },
    gives: { enableServiceLinks: false },
  },
  {
    name: 'merges nested objects',
    base: { securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } } },
    overlay: { securityContext: { runAsUser: 1001 } },
    gives: {
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' }, runAsUser: 1001 },
    },
  },
  {
    name: 'merges a container by its name and puts a new one behind',
    base: { containers: [{ name: 'daemon', image: 'a' }] },
    overlay: {
      containers: [
        { name: 'sidecar', image: 'b' },
        { name: 'daemon', tty: true },
      ],
    },
    gives: {
      containers: [
        { name: 'daemon', image: 'a', tty: true },
        { name: 'sidecar', image: 'b' },
      ],
    },
  },
  {
    name: "keeps the order: the template's own first, then the overlay's in theirs",
    base: { volumes: [{ name: 'b' }, { name: 'a' }] },
    overlay: { volumes: [{ name: 'd' }, { name: 'a' }, { name: 'c' }] },
    gives: { volumes: [{ name: 'b' }, { name: 'a' }, { name: 'd' }, { name: 'c' }] },
  },
  {
    name: 'replaces the source of a volume whole',
    base: { volumes: [{ name: 'jobs', emptyDir: {} }] },
    overlay: { volumes: [{ name: 'jobs', persistentVolumeClaim: { claimName: 'jobs' } }] },
    gives: { volumes: [{ name: 'jobs', persistentVolumeClaim: { claimName: 'jobs' } }] },
  },
  {
    name: 'replaces an environment variable whole, so that value and valueFrom never meet',
    base: container({ env: [{ name: 'A', value: '1' }] }),
    overlay: container({ env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } }] }),
    gives: container({ env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } }] }),
  },
  {
    name: 'merges a mount by its path',
    base: container({ volumeMounts: [{ name: 'jobs', mountPath: '/jobs' }] }),
    overlay: container({ volumeMounts: [{ name: 'data', mountPath: '/jobs', subPath: 'jobs' }] }),
    gives: container({ volumeMounts: [{ name: 'data', mountPath: '/jobs', subPath: 'jobs' }] }),
  },
  {
    name: 'merges a port by its number and protocol, which is TCP unless named',
    base: container({ ports: [{ containerPort: 80 }, { containerPort: 80, protocol: 'UDP' }] }),
    overlay: container({ ports: [{ containerPort: 80, protocol: 'TCP', name: 'web' }] }),
    gives: container({
      ports: [
        { containerPort: 80, protocol: 'TCP', name: 'web' },
        { containerPort: 80, protocol: 'UDP' },
      ],
    }),
  },
  {
    name: 'merges spread constraints by topology key and what is done if they cannot be met',
    base: {
      topologySpreadConstraints: [{ topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule', maxSkew: 1 }],
    },
    overlay: {
      topologySpreadConstraints: [
        { topologyKey: 'zone', whenUnsatisfiable: 'ScheduleAnyway', maxSkew: 1 },
        { topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule', maxSkew: 2 },
      ],
    },
    gives: {
      topologySpreadConstraints: [
        { topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule', maxSkew: 2 },
        { topologyKey: 'zone', whenUnsatisfiable: 'ScheduleAnyway', maxSkew: 1 },
      ],
    },
  },
  {
    name: 'replaces atomic lists',
    base: { tolerations: [{ key: 'a' }, { key: 'b' }] },
    overlay: { tolerations: [{ key: 'c' }] },
    gives: { tolerations: [{ key: 'c' }] },
  },
  {
    name: 'replaces atomic maps',
    base: { nodeSelector: { disk: 'ssd' } },
    overlay: { nodeSelector: { zone: 'a' } },
    gives: { nodeSelector: { zone: 'a' } },
  },
  {
    name: 'replaces a profile whole, so that no localhostProfile stays behind',
    base: { securityContext: { seccompProfile: { type: 'Localhost', localhostProfile: 'p.json' } } },
    overlay: { securityContext: { seccompProfile: { type: 'RuntimeDefault' } } },
    gives: { securityContext: { seccompProfile: { type: 'RuntimeDefault' } } },
  },
  {
    name: 'replaces the handler of a probe and keeps its times',
    base: container({ livenessProbe: { exec: { command: ['true'] }, periodSeconds: 5 } }),
    overlay: container({ livenessProbe: { httpGet: { port: 80 } } }),
    gives: container({ livenessProbe: { periodSeconds: 5, httpGet: { port: 80 } } }),
  },
  {
    name: 'replaces a handler of the same kind whole',
    base: container({ livenessProbe: { httpGet: { port: 80, path: '/a' } } }),
    overlay: container({ livenessProbe: { httpGet: { port: 81 } } }),
    gives: container({ livenessProbe: { httpGet: { port: 81 } } }),
  },
  {
    name: 'keeps the handler of a probe when only a time is given',
    base: container({ livenessProbe: { exec: { command: ['true'] }, periodSeconds: 5 } }),
    overlay: container({ livenessProbe: { periodSeconds: 9 } }),
    gives: container({ livenessProbe: { exec: { command: ['true'] }, periodSeconds: 9 } }),
  },
  {
    name: 'replaces a lifecycle handler whole and keeps the other',
    base: container({
      lifecycle: { preStop: { sleep: { seconds: 5 } }, postStart: { exec: { command: ['a'] } } },
    }),
    overlay: container({ lifecycle: { preStop: { exec: { command: ['b'] } } } }),
    gives: container({
      lifecycle: { preStop: { exec: { command: ['b'] } }, postStart: { exec: { command: ['a'] } } },
    }),
  },
  {
    name: 'collapses a name that the overlay holds twice into its last value',
    base: container({ env: [] }),
    overlay: container({
      env: [
        { name: 'A', value: '1' },
        { name: 'A', value: '2' },
      ],
    }),
    gives: container({ env: [{ name: 'A', value: '2' }] }),
  },
];

describe('an overlay', () => {
  for (const { name, base, overlay, gives } of rows)
    test(name, () => assert.deepEqual(overlaid(base, overlay), gives));

  test('leaves both of its sources untouched', () => {
    for (const { base, overlay } of rows) {
      const before = structuredClone({ base, overlay });
      overlaid(base, overlay);
      assert.deepEqual({ base, overlay }, before);
    }
  });

  test('laid over twice gives the same as once', () => {
    for (const { base, overlay, gives } of rows)
      assert.deepEqual(overlaid(gives, overlay), overlaid(base, overlay));
  });

  test('treats labels as labels, whatever their names', () => {
    const template = { metadata: { labels: { exec: 'a', env: 'b' } }, spec: { containers: [] } };
    const overlay = { metadata: { labels: { grpc: 'c', volumes: 'd' } } };
    assert.deepEqual(overlayTemplate(template, overlay).metadata.labels, {
      exec: 'a',
      env: 'b',
      grpc: 'c',
      volumes: 'd',
    });
  });
});

test('of two environment variables of one name the later wins, in the place of the earlier', () => {
  const merged = mergeByKey(
    'env',
    [
      { name: 'A', value: '1' },
      { name: 'B', value: '2' },
    ],
    [{ name: 'A', value: '3' }],
  );
  assert.deepEqual(merged, [
    { name: 'A', value: '3' },
    { name: 'B', value: '2' },
  ]);
});

test('a child gets all that is desired; in a union ours replaces what somebody has chosen, and what they added stays', () => {
  const containers = (livenessProbe: object) => [{ name: 'daemon', livenessProbe }];
  const child = {
    metadata: { name: 'purge', resourceVersion: '7', annotations: { theirs: 'kept' } },
    spec: {
      replicas: 0,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } },
      template: {
        spec: {
          volumes: [
            { name: 'conf', hostPath: { path: '/srv' } },
            { name: 'theirs', emptyDir: {} },
          ],
          containers: containers({ exec: { command: ['true'] }, periodSeconds: 5 }),
        },
      },
    },
    status: { replicas: 0 },
  };
  const desired = {
    metadata: { name: 'purge', labels: { ours: 'yes' } },
    spec: {
      replicas: 1,
      strategy: { type: 'Recreate' },
      template: {
        spec: {
          volumes: [{ name: 'conf', configMap: { name: 'site' } }],
          containers: containers({ httpGet: { port: 80 } }),
        },
      },
    },
  };
  assert.deepEqual(overlayChild(child, desired as unknown as Deployment), {
    metadata: { ...child.metadata, ...desired.metadata },
    spec: {
      ...desired.spec,
      template: {
        spec: {
          volumes: [
            { name: 'conf', configMap: { name: 'site' } },
            { name: 'theirs', emptyDir: {} },
          ],
          containers: containers({ httpGet: { port: 80 }, periodSeconds: 5 }),
        },
      },
    },
    status: { replicas: 0 },
  });
});
