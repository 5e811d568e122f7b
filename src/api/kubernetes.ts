import type { V1PodSpec } from '@kubernetes/client-node';

/**
 * Kubernetes objects as they travel: raw JSON. The client's classes serve for the shape of specs only, because
 * they hold times as Date, where JSON has RFC 3339 strings.
 */
export interface ObjectMeta {
  name: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  finalizers?: string[];
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  ownerReferences?: OwnerReference[];
}

export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

export type DeepPartial<T> = T extends (infer Item)[]
  ? DeepPartial<Item>[]
  : T extends object
    ? { [Key in keyof T]?: DeepPartial<T[Key]> }
    : T;

/** What `spec.template` may hold: any part of a pod template, with labels and annotations as its only metadata. */
export interface PodTemplateOverlay {
  metadata?: { labels?: Record<string, string>; annotations?: Record<string, string> };
  spec?: DeepPartial<V1PodSpec>;
}

/** A pod template as the operator writes it. */
export interface PodTemplate {
  metadata: { labels: Record<string, string>; annotations?: Record<string, string> };
  spec: V1PodSpec;
}

/** A Deployment as the operator writes it: every field here is one that it owns. */
export interface Deployment {
  apiVersion: 'apps/v1';
  kind: 'Deployment';
  metadata: ObjectMeta;
  spec: {
    replicas: number;
    revisionHistoryLimit: number;
    progressDeadlineSeconds: number;
    strategy: { type: 'Recreate' };
    selector: { matchLabels: Record<string, string> };
    template: PodTemplate;
  };
}
