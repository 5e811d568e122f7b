/** What users do to daemons, and what others do around them. */
import type { TestContext } from 'node:test';
import type { V1Deployment } from '@kubernetes/client-node';
import type { ClariveDaemonSpec } from '../../src/api/clarive-daemon.ts';
import type { DeepPartial } from '../../src/api/kubernetes.ts';
import type { KubeClient } from '../../test/support/kube-client.ts';
import {
  admissionBindings,
  admissionPolicies,
  clariveDaemons,
  configMaps,
  deployments,
  quotas,
  type Json,
} from '../../test/support/resources.ts';
import { until } from '../../test/support/until.ts';
import { waitFor } from '../host/wait-for.ts';
import { daemon, patience } from './daemons.ts';

type Change = (kube: KubeClient) => Promise<unknown>;
type DaemonSpec = Partial<ClariveDaemonSpec>;

export function create(name: string, spec: DaemonSpec = {}): Change {
  return (kube) => kube.create(clariveDaemons, daemon(name, spec));
}

export function edit(name: string, spec: DaemonSpec): Change {
  return (kube) => kube.patch(clariveDaemons, name, { spec });
}

export function scale(name: string, replicas: number): Change {
  return (kube) => kube.scale(clariveDaemons, name, replicas);
}

export function withVariable(value: string, spec: DaemonSpec = {}): DaemonSpec {
  return { ...spec, env: [...(spec.env ?? []), { name: 'COLOUR', value }] };
}

export function onContainer(fields: object): DaemonSpec {
  return { template: { spec: { containers: [{ name: 'daemon', ...fields }] } } };
}

/** Mounts a volume named `conf` into the daemon. */
export function withVolume(source: object): DaemonSpec {
  const { template } = onContainer({ volumeMounts: [{ name: 'conf', mountPath: '/mnt/conf' }] });
  return { template: { spec: { ...template?.spec, volumes: [{ name: 'conf', ...source }] } } };
}

/** A stop that takes some seconds, because the daemon ignores it. */
export const draining: DaemonSpec = {
  env: [{ name: 'STAND_IN_IGNORE_TERM', value: 'yes' }],
  template: { spec: { terminationGracePeriodSeconds: 3 } },
};

export const createSettings: Change = (kube) =>
  kube.create(configMaps, { metadata: { name: 'settings' }, data: { A: '1' } });

/** Returns when the quota is in force. */
export async function forbidPods(kube: KubeClient): Promise<void> {
  await kube.create(quotas, { metadata: { name: 'none' }, spec: { hard: { pods: '0' } } });
  const isCounted = { ...patience, describe: 'the quota to be counted' };
  await until(kube, quotas, 'none', ({ status }) => status?.hard?.['pods'] === '0', isCounted);
}

/** Returns when the API server refuses Deployments of this namespace; ends with the test. */
export async function forbidDeployments(kube: KubeClient, t: TestContext): Promise<void> {
  const metadata = { name: kube.namespace };
  const rule = {
    apiGroups: ['apps'],
    apiVersions: ['v1'],
    operations: ['CREATE'],
    resources: ['deployments'],
  };
  const inNamespace = { matchLabels: { 'kubernetes.io/metadata.name': kube.namespace } };
  t.after(() => kube.delete(admissionPolicies, metadata.name));
  await kube.create(admissionPolicies, {
    metadata,
    spec: {
      failurePolicy: 'Fail',
      matchConstraints: { resourceRules: [rule] },
      validations: [{ expression: 'false', message: 'no Deployments here' }],
    },
  });
  t.after(() => kube.delete(admissionBindings, metadata.name));
  await kube.create(admissionBindings, {
    metadata,
    spec: {
      policyName: metadata.name,
      validationActions: ['Deny'],
      matchResources: { namespaceSelector: inNamespace },
    },
  });
  const path = kube.path(deployments, undefined, { query: { dryRun: 'All' } });
  const probe = { method: 'POST', path, body: { ...foreignDeployment('probe'), kind: 'Deployment' } };
  await waitFor(async () => (await kube.send(probe)).code === 422, { what: 'the policy', ...patience });
}

export function foreignDeployment(name: string): DeepPartial<Json<V1Deployment>> {
  const labels = { app: 'foreign' };
  const template = {
    metadata: { labels },
    spec: { containers: [{ name: 'app', image: 'localhost/other:1' }] },
  };
  return { metadata: { name }, spec: { replicas: 0, selector: { matchLabels: labels }, template } };
}
