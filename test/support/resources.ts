import type {
  CoreV1Event,
  V1ConfigMap,
  V1CustomResourceDefinition,
  V1Deployment,
  V1Lease,
  V1LimitRange,
  V1Namespace,
  V1Pod,
  V1PodDisruptionBudget,
  V1ResourceQuota,
  V1Scale,
  V1Secret,
  V1ValidatingAdmissionPolicy,
  V1ValidatingAdmissionPolicyBinding,
  V2HorizontalPodAutoscaler,
} from '@kubernetes/client-node';
import { type ClariveDaemon, apiVersion, kind, plural } from '../../src/api/clarive-daemon.ts';
import * as dispatcher from '../../src/api/clarive-dispatcher.ts';

/** A kind of object and where the API server keeps it. `Body` is what its JSON looks like. */
export interface Resource<Body> {
  apiVersion: string;
  kind: string;
  plural: string;
  namespaced: boolean;
  /** Never set: it carries the type. */
  body?: Body;
}

/** The JSON behind a class of the client: what is a Date there is a string. */
export type Json<T> = T extends Date ? string : T extends object ? { [Key in keyof T]: Json<T[Key]> } : T;

export const clariveDaemons = resource<ClariveDaemon>(apiVersion, kind, plural);
export const clariveDispatchers = resource<dispatcher.ClariveDispatcher>(
  dispatcher.apiVersion,
  dispatcher.kind,
  dispatcher.plural,
);
export const deployments = resource<Json<V1Deployment>>('apps/v1', 'Deployment', 'deployments');
export const pods = resource<Json<V1Pod>>('v1', 'Pod', 'pods');
export const configMaps = resource<Json<V1ConfigMap>>('v1', 'ConfigMap', 'configmaps');
export const secrets = resource<Json<V1Secret>>('v1', 'Secret', 'secrets');
export const quotas = resource<Json<V1ResourceQuota>>('v1', 'ResourceQuota', 'resourcequotas');
export const limitRanges = resource<Json<V1LimitRange>>('v1', 'LimitRange', 'limitranges');
export const events = resource<Json<CoreV1Event>>('v1', 'Event', 'events');
export const leases = resource<Json<V1Lease>>('coordination.k8s.io/v1', 'Lease', 'leases');
export const disruptionBudgets = resource<Json<V1PodDisruptionBudget>>(
  'policy/v1',
  'PodDisruptionBudget',
  'poddisruptionbudgets',
);
export const autoscalers = resource<Json<V2HorizontalPodAutoscaler>>(
  'autoscaling/v2',
  'HorizontalPodAutoscaler',
  'horizontalpodautoscalers',
);
export const namespaces = clusterResource<Json<V1Namespace>>('v1', 'Namespace', 'namespaces');
export const admissionPolicies = clusterResource<Json<V1ValidatingAdmissionPolicy>>(
  'admissionregistration.k8s.io/v1',
  'ValidatingAdmissionPolicy',
  'validatingadmissionpolicies',
);
export const admissionBindings = clusterResource<Json<V1ValidatingAdmissionPolicyBinding>>(
  'admissionregistration.k8s.io/v1',
  'ValidatingAdmissionPolicyBinding',
  'validatingadmissionpolicybindings',
);
export const customResourceDefinitions = clusterResource<Json<V1CustomResourceDefinition>>(
  'apiextensions.k8s.io/v1',
  'CustomResourceDefinition',
  'customresourcedefinitions',
);

/** What `/scale` answers. */
export type Scale = Json<V1Scale>;

function resource<Body>(apiVersion: string, kind: string, plural: string): Resource<Body> {
  return { apiVersion, kind, plural, namespaced: true };
}

function clusterResource<Body>(apiVersion: string, kind: string, plural: string): Resource<Body> {
  return { ...resource<Body>(apiVersion, kind, plural), namespaced: false };
}
