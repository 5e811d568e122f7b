/** By which labels and owner a child is known. */
import { apiVersion, kind, type ClariveDaemon } from '../api/clarive-daemon.ts';
import {
  dispatcherLabel,
  fieldManager,
  instanceLabel,
  managedByLabel,
  nameLabel,
  serviceLabel,
} from '../api/labels.ts';
import type { OwnerReference } from '../api/kubernetes.ts';

/** The selector of a Deployment is immutable, so these never change. */
export function selectorLabels(daemon: ClariveDaemon): Record<string, string> {
  return { [nameLabel]: 'clarive-daemon', [instanceLabel]: daemon.metadata.name };
}

/** Labels of the Deployment and of its pods. */
export function childLabels(daemon: ClariveDaemon, service: string): Record<string, string> {
  const { dispatcherRef } = daemon.spec;
  return {
    ...selectorLabels(daemon),
    'app.kubernetes.io/part-of': 'clarive',
    [managedByLabel]: fieldManager,
    [serviceLabel]: service,
    ...(dispatcherRef && { [dispatcherLabel]: dispatcherRef.name }),
  };
}

/** Lets the garbage collector delete the child with its daemon. */
export function ownerReference({ metadata: { name, uid = '' } }: ClariveDaemon): OwnerReference {
  return { apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true };
}
