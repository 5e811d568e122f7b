import type { ObservedPod } from './observed.ts';

type OldPod = Pick<ObservedPod, 'name' | 'node' | 'nodeLost' | 'deleting' | 'endsBy'>;

/** Says what a start waits for, and what to do if that takes for ever. `owner` names the daemon of the pod, if it is another one. */
export function waitingForOldPod(pod: OldPod, owner?: string): string {
  const { name, node, nodeLost, deleting, endsBy } = pod;
  const place = node === undefined ? '' : ` on node ${node}`;
  const waiting = `Waiting for pod ${name}${owner === undefined ? '' : ` of ${owner}`}${place}`;
  if (nodeLost)
    return (
      `${waiting}, which no longer reports, so the daemon may still run there: repair the node or, if it is lost, ` +
      `make sure that it is off and run kubectl delete pod ${name} --force --grace-period=0`
    );
  if (!deleting)
    return `${waiting}, which nobody has deleted: if it is not needed any more, delete its Deployment, or the pod if it has none`;
  const deadline = endsBy === undefined ? '' : `; it ends by ${endsBy} at the latest`;
  return `${waiting} to end before its successor starts${deadline}`;
}
