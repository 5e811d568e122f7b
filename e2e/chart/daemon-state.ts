import type { KubeClient } from '../../test/support/kube-client.ts';
import { clariveDaemons, clariveDispatchers, deployments, pods } from '../../test/support/resources.ts';
import { condition } from '../suite/daemons.ts';

/** What users have in the client's namespace and what runs there, without what may differ from one look to the next. */
export async function stateOf(kube: KubeClient): Promise<object> {
  const daemons = (await kube.list(clariveDaemons)).map((one) => {
    const { uid, generation } = one.metadata;
    const conditions = one.status?.conditions?.map(
      ({ type, status, reason }) => `${type}=${status} ${reason}`,
    );
    return [one.metadata.name, { uid, generation, spec: one.spec, conditions }];
  });
  const dispatchers = (await kube.list(clariveDispatchers)).map((one) => {
    const { name, uid, generation } = one.metadata;
    return [name, { uid, generation, reason: condition(one, 'Ready')?.reason }];
  });
  const children = (await kube.list(deployments)).map(({ metadata, spec }) => {
    const { uid, generation } = metadata ?? {};
    return [metadata?.name, { uid, generation, replicas: spec?.replicas, template: spec?.template }];
  });
  const running = (await kube.list(pods)).map(({ metadata, status }) => {
    const [container] = status?.containerStatuses ?? [];
    return [
      metadata?.name,
      { uid: metadata?.uid, restarts: container?.restartCount, state: container?.state },
    ];
  });
  return { daemons, dispatchers, children, running };
}
