/** Finds memory limits in which nothing can start: mostly a number whose unit was forgotten. */
import type { PodTemplate } from '../api/kubernetes.ts';
import { isLess } from './quantity.ts';

/** No runtime starts a process in less. With less, the kubelet fails again and again before it makes a container, and the pod does not tell why. */
const least = '1Mi';

/** What is wrong, with the field of a Deployment, if something is. */
export function memoryProblem({ spec }: PodTemplate): string | undefined {
  for (const list of ['initContainers', 'containers'] as const)
    for (const [index, { resources }] of (spec[list] ?? []).entries()) {
      const limit = resources?.limits?.['memory'];
      const field = `spec.template.spec.${list}[${index}].resources.limits.memory`;
      if (isLess(limit, least))
        return `The memory limit "${limit}" in ${field} is too small for any process: raise it, with a unit as in "512Mi"`;
    }
  return undefined;
}
