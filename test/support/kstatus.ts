import type { Condition } from '../../src/api/conditions.ts';

export type Kstatus = 'Current' | 'InProgress' | 'Failed' | 'Terminating';

interface Reported {
  metadata: { generation?: number; deletionTimestamp?: string };
  status?: { observedGeneration?: number; conditions?: Condition[] };
}

/**
 * What Flux, Argo CD and `kubectl wait` make of a custom resource: the rules of kstatus, in the order of `Compute` in
 * sigs.k8s.io/cli-utils/pkg/kstatus/status (generic.go, core.go for the condition Ready).
 */
export function kstatus({ metadata, status = {} }: Reported): Kstatus {
  const { observedGeneration, conditions = [] } = status;
  if (metadata.deletionTimestamp) return 'Terminating';
  const isOutdated = observedGeneration !== undefined && observedGeneration !== metadata.generation;
  if (metadata.generation !== undefined && isOutdated) return 'InProgress';
  for (const { type, status: value } of conditions) {
    if (type === 'Reconciling' && value === 'True') return 'InProgress';
    if (type === 'Stalled' && value === 'True') return 'Failed';
  }
  const ready = conditions.find(({ type }) => type === 'Ready');
  return ready && ready.status !== 'True' ? 'InProgress' : 'Current';
}
