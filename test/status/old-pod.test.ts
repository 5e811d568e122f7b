/** What a start waits for, and what to do if that takes for ever. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitingForOldPod } from '../../src/status/old-pod.ts';
import { aDaemon } from '../support/builders.ts';
import { look, messageOf, verdict } from './look.ts';
import { aPod, at } from './observed-builders.ts';

const old = { name: 'job-1', node: 'node-1', nodeLost: false, deleting: true, endsBy: at(60) };
const other = 'the ClariveDaemon "other"';

const rows: [
  name: string,
  pod: Partial<typeof old> | { node: undefined },
  owner: string | undefined,
  says: string,
][] = [
  [
    'ends',
    {},
    undefined,
    `Waiting for pod job-1 on node node-1 to end before its successor starts; it ends by ${at(60)} at the latest`,
  ],
  [
    'has no node and no deadline',
    { node: undefined, endsBy: undefined },
    undefined,
    'Waiting for pod job-1 to end before its successor starts',
  ],
  [
    "is another daemon's and nobody has deleted it",
    { deleting: false },
    other,
    `Waiting for pod job-1 of ${other} on node node-1, which nobody has deleted: if it is not needed any more, delete its Deployment, or the pod if it has none`,
  ],
  [
    'is on a node that is lost',
    { nodeLost: true },
    undefined,
    'Waiting for pod job-1 on node node-1, which no longer reports, so the daemon may still run there: repair the node or, if it is lost, ' +
      'make sure that it is off and run kubectl delete pod job-1 --force --grace-period=0',
  ],
];

for (const [name, pod, owner, says] of rows)
  test(`an old pod that ${name}`, () => assert.equal(waitingForOldPod({ ...old, ...pod }, owner), says));

test('a start that an old pod holds up says so', () => {
  const message = waitingForOldPod(old);
  const { status } = look({ outcome: { is: 'held', message }, pods: [aPod({ phase: 'Pending' })] });
  assert.match(verdict(status), /^WaitingForOldPod Reconciling/);
  assert.equal(messageOf(status), message);
});

test('a daemon that neither its own switch nor its dispatcher stops', () => {
  const { status } = look({ daemon: aDaemon({ replicas: 0 }) });
  assert.equal(messageOf(status), 'Stopped: spec.replicas is 0');
});
