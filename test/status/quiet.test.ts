import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClariveDaemonStatus } from '../../src/api/clarive-daemon.ts';
import { aDaemon } from '../support/builders.ts';
import { conditionOf, look, messageOf, verdict } from './look.ts';
import { aChild, aPod, at, backingOff, exit, exited, running, waiting } from './observed-builders.ts';

const running1 = look().status;
const noPod = { pods: [], child: aChild({ current: 0 }) };

test('the first status has all conditions and every field that is known', () => {
  assert.deepEqual(running1, {
    observedGeneration: 1,
    replicas: 1,
    readyReplicas: 1,
    selector: 'app.kubernetes.io/name=clarive-daemon,app.kubernetes.io/instance=purge',
    service: 'service.purge.daemon',
    image: 'clarive:7',
    pod: { name: 'purge-1', node: 'node-a', startedAt: at(1), restarts: 0, crashes: 0 },
    conditions: [
      ['Ready', 'True'],
      ['Reconciling', 'False'],
      ['Stalled', 'False'],
      ['Active', 'True'],
    ].map(([type, status]) => ({
      type,
      status,
      reason: 'Running',
      message: 'Pod purge-1 runs on node node-a',
      observedGeneration: 1,
      lastTransitionTime: at(60),
    })),
  });
});

test('says how the daemon last ended', () => {
  const container = exited({ ...exit(137, at(1), at(5), 'OOMKilled'), signal: 9 });
  assert.deepEqual(look({ pods: [aPod({ container })] }).status.pod?.lastExit, {
    code: 137,
    signal: 9,
    reason: 'OOMKilled',
    finishedAt: at(5),
  });
  const unknown = exited({ exitCode: 137, finishedAt: null });
  assert.deepEqual(look({ pods: [aPod({ container: unknown })] }).status.pod?.lastExit, { code: 137 });
});

test('nothing differs when nothing has happened, hours later or after a restart of the operator', () => {
  assert.deepEqual(look({ before: running1, second: 7200 }).status, running1);
  const read = JSON.parse(JSON.stringify(running1)) as ClariveDaemonStatus;
  assert.deepEqual(look({ before: read, second: 7200 }).status, read);
});

test('a service by the name that the manual gives it is shown by its registry key', () => {
  const daemon = aDaemon({ service: 'service.schedule daemon' });
  assert.equal(look({ daemon }).status.service, 'service.scheduler');
});

test('keeps the last image while the spec is invalid', () => {
  const desired = { invalid: 'No image is known' };
  assert.equal(look({ desired, before: running1 }).status.image, 'clarive:7');
  assert.equal('image' in look({ desired }).status, false);
});

test('counts pods that are ending, and none that is over', () => {
  const pods = [
    aPod({ deleting: true }),
    aPod({ name: 'purge-2', createdAt: at(9), container: waiting('ContainerCreating') }),
    aPod({ name: 'purge-3', phase: 'Succeeded' }),
    aPod({ name: 'purge-4', phase: 'Failed' }),
  ];
  const { replicas, readyReplicas, pod } = look({ pods }).status;
  assert.deepEqual([replicas, readyReplicas, pod?.name], [2, 1, 'purge-2']);
});

test('counts the pods that are ready, whatever is wanted', () => {
  const starting = look({ pods: [aPod({ ready: false })] }).status;
  const stopping = look({ wanted: 0, pods: [aPod({ deleting: true })] }).status;
  assert.deepEqual([starting.replicas, starting.readyReplicas], [1, 0]);
  assert.deepEqual([stopping.replicas, stopping.readyReplicas], [1, 1]);
});

test('of two pods born in the same second, the same one always speaks', () => {
  const pods = [aPod({ name: 'purge-b' }), aPod({ name: 'purge-a' })];
  assert.equal(look({ pods }).status.pod?.name, 'purge-a');
  assert.equal(look({ pods: pods.toReversed() }).status.pod?.name, 'purge-a');
});

test('is Active by an older pod while the newer one does not run', () => {
  const pods = [aPod({ deleting: true }), aPod({ name: 'purge-2', container: waiting('ContainerCreating') })];
  assert.equal(verdict(look({ pods }).status), 'Starting Reconciling Active');
});

test('what changes on the way to Running is not news', () => {
  const created = aPod({ phase: 'Pending', node: null, container: null });
  const first = look({ pods: [created], child: aChild({ current: 0 }) }).status;
  for (const pod of [
    aPod({ phase: 'Pending', container: null }),
    aPod({ phase: 'Pending', container: waiting('ContainerCreating') }),
    aPod({ container: running(at(1), { ready: false }) }),
  ])
    assert.deepEqual(look({ pods: [pod], before: first }).status, first);
});

test('tells of exits and restarts at once, and with them of the rest', () => {
  const crash = exit(1, at(1), at(5));
  const first = look({ pods: [aPod({ container: exited(crash) })] }).status;
  const again = look({ pods: [aPod({ container: backingOff(crash) })], before: first }).status;
  assert.deepEqual(again, first);
  const container = running(at(6), { ready: false, after: crash });
  const { pod } = look({ pods: [aPod({ container })], before: first }).status;
  assert.deepEqual([pod?.restarts, pod?.startedAt], [1, at(6)]);
});

test('an exit in the same second as the last one is news by its restart', () => {
  const crash = exit(1, at(5), at(5));
  const first = look({ pods: [aPod({ container: exited(crash) })] }).status;
  const second = look({
    pods: [aPod({ container: exited(crash, { restartCount: 1 }) })],
    before: first,
  }).status;
  assert.deepEqual([second.pod?.restarts, second.pod?.crashes], [1, 2]);
});

test('a Deployment that somebody else has put in place meanwhile is not taken for our own', () => {
  const ownerReferences = [{ kind: 'App', name: 'purge', uid: 'x', controller: true }];
  const child = aChild({ replicas: 0, metadata: { ownerReferences } });
  const { status } = look({ daemon: aDaemon({ replicas: 0 }), child });
  assert.equal(verdict(status), 'Stopping Reconciling');
});

test('names the new pod, though it suffers from the same as the last one', () => {
  const container = waiting('ErrImagePull', 'no such image');
  const before = look({ pods: [aPod({ container })] }).status;
  assert.equal(look({ pods: [aPod({ name: 'purge-2', container })], before }).status.pod?.name, 'purge-2');
});

test('a condition keeps its time as long as it keeps its status', () => {
  const crashed = { pods: [aPod({ container: exited(exit(1, at(1), at(100))) })] };
  const status = look({ ...crashed, before: running1, second: 100 }).status;
  const times = (['Ready', 'Reconciling', 'Stalled', 'Active'] as const).map(
    (type) => conditionOf(status, type).lastTransitionTime,
  );
  assert.deepEqual(times, [at(100), at(100), at(60), at(100)]);
});

test('times have whole seconds', () => {
  assert.equal(conditionOf(look({ second: 60.987 }).status, 'Ready').lastTransitionTime, at(60));
});

test('every condition names the generation that it is about', () => {
  const daemon = aDaemon({ metadata: { generation: 4 } });
  const { observedGeneration, conditions } = look({ daemon, before: running1 }).status;
  assert.deepEqual(
    [observedGeneration, ...(conditions ?? []).map((each) => each.observedGeneration)],
    [4, 4, 4, 4, 4],
  );
});

test('a generation that is not there counts as 0, and so is quiet too', () => {
  const { generation: _, ...metadata } = aDaemon().metadata;
  const daemon = { ...aDaemon(), metadata };
  const status = look({ ...noPod, daemon }).status;
  assert.equal(status.observedGeneration, 0);
  assert.deepEqual(look({ ...noPod, daemon, before: status, second: 90 }).status, status);
});

// The deadline of progress

test('a start is Stalled when its ten minutes are over, also if the operator was restarted meanwhile', () => {
  const begun = look({ ...noPod, second: 60 });
  assert.equal(begun.recheckAfterMs, 600_000);
  const late = look({ ...noPod, before: begun.status, second: 659 });
  assert.deepEqual([verdict(late.status), late.recheckAfterMs], ['Starting Reconciling', 1000]);
  const over = look({ ...noPod, before: late.status, second: 660 });
  assert.deepEqual([verdict(over.status), over.recheckAfterMs], ['Starting Stalled', undefined]);
  assert.deepEqual(look({ ...noPod, before: over.status, second: 9999 }).status, over.status);
});

test('the wait goes on when its cause changes', () => {
  const begun = look({ ...noPod, second: 60 }).status;
  const scheduled = { reason: 'Unschedulable', message: 'no node' };
  const pods = [aPod({ phase: 'Pending', node: null, container: null, scheduled })];
  const next = look({ pods, before: begun, second: 360 });
  assert.deepEqual([verdict(next.status), next.recheckAfterMs], ['Unschedulable Reconciling', 300_000]);
  assert.equal(verdict(look({ pods, before: next.status, second: 660 }).status), 'Unschedulable Stalled');
});

test('a changed spec begins a new wait', () => {
  const stalled = look({ ...noPod, before: look({ ...noPod }).status, second: 999 }).status;
  assert.equal(verdict(stalled), 'Starting Stalled');
  const daemon = aDaemon({ metadata: { generation: 2 } });
  const { status, recheckAfterMs } = look({ ...noPod, daemon, before: stalled, second: 1000 });
  assert.deepEqual([verdict(status), recheckAfterMs], ['Starting Reconciling', 600_000]);
});

test('the end of a drain begins a new wait', () => {
  const child = aChild({ generation: 2, current: 0 });
  const drained = look({ child, pods: [aPod({ deleting: true })], second: 60 });
  assert.equal(drained.recheckAfterMs, undefined);
  const { status, recheckAfterMs } = look({ child, pods: [], before: drained.status, second: 7200 });
  assert.deepEqual([verdict(status), recheckAfterMs], ['Starting Reconciling', 600_000]);
  assert.equal(conditionOf(status, 'Reconciling').lastTransitionTime, at(7200));
});

test('a status of another version of the operator, with reasons unknown here, begins a new wait', () => {
  const begun = look({ ...noPod, second: 60 }).status;
  const before = {
    ...begun,
    conditions: begun.conditions?.map((each) => ({ ...each, reason: 'Pondering' })),
  };
  assert.equal(
    look({ ...noPod, before: before as ClariveDaemonStatus, second: 360 }).recheckAfterMs,
    600_000,
  );
});

test('a condition that is missing is added', () => {
  const { conditions = [], ...rest } = running1;
  const before = { ...rest, conditions: conditions.slice(0, 1) };
  assert.deepEqual(look({ before }).status, running1);
});

/** Of init containers, as the kubelet shows them while the second one runs. */
const secondOfThree = [
  { name: 'first', ready: true, state: { terminated: exit(0, at(1), at(2)) } },
  { name: 'second', ready: false, state: { running: { startedAt: at(2) } } },
  { name: 'third', ready: false, state: { waiting: { reason: 'PodInitializing' } } },
];
const unreadyProxy = { name: 'proxy', ready: false, state: { running: { startedAt: at(2) } } };
const describePod = 'see kubectl describe pod purge-1';

const waits: [name: string, pod: Parameters<typeof aPod>[0], detail: string][] = [
  ['no scheduler', { phase: 'Pending', node: null, container: null }, 'no scheduler has looked at it yet'],
  [
    'a volume',
    { phase: 'Pending', container: waiting('ContainerCreating') },
    `node node-a prepares volumes, network and image, ${describePod}`,
  ],
  [
    'a volume, before the init containers',
    {
      phase: 'Pending',
      container: waiting('PodInitializing'),
      init: [{ name: 'first', ...waiting('PodInitializing') }],
    },
    `node node-a prepares volumes, network and image, ${describePod}`,
  ],
  [
    'an image, beside a sidecar that runs already',
    { phase: 'Pending', container: waiting('ContainerCreating'), sidecars: [unreadyProxy] },
    `node node-a prepares volumes, network and image, ${describePod}`,
  ],
  [
    'a readiness probe',
    { container: running(at(1), { ready: false }) },
    `the daemon runs and is not ready yet, see kubectl logs purge-1 -c daemon and kubectl describe pod purge-1`,
  ],
  [
    'an init container',
    { phase: 'Pending', container: waiting('PodInitializing'), init: secondOfThree },
    'init container second still runs, see kubectl logs purge-1 -c second',
  ],
  [
    'an init container that fails',
    {
      phase: 'Pending',
      container: waiting('PodInitializing'),
      init: [{ name: 'first', ...backingOff(exit(1, at(40), at(41))) }],
    },
    'init container first exited with code 1 and is started again, see kubectl logs purge-1 -c first',
  ],
  [
    'an init container that runs once more',
    {
      phase: 'Pending',
      container: waiting('PodInitializing'),
      init: [{ name: 'first', ...running(at(50), { ready: false, after: exit(1, at(40), at(41)) }) }],
    },
    'init container first still runs, see kubectl logs purge-1 -c first',
  ],
  [
    'a sidecar',
    { sidecars: [unreadyProxy] },
    'container proxy runs and is not ready yet, see kubectl logs purge-1 -c proxy',
  ],
  [
    'a readiness gate',
    {
      ready: false,
      containersReady: true,
      readyReason: 'ReadinessGatesNotReady',
      sidecars: [
        {
          name: 'proxy',
          ready: true,
          restartCount: 1,
          state: { running: { startedAt: at(2) } },
          lastState: { terminated: exit(1, at(1), at(2)) },
        },
      ],
    },
    `its containers are ready, and the pod is not yet, ${describePod}`,
  ],
];

for (const [name, options, detail] of waits) {
  test(`a start that hangs on ${name} says so after half a minute, once, and still at the deadline`, () => {
    const pods = [aPod(options)];
    const begun = look({ pods, second: 60 });
    assert.deepEqual([messageOf(begun.status), begun.recheckAfterMs], ['Pod purge-1 is starting', 30_000]);
    const still = look({ pods, before: begun.status, second: 89 });
    assert.deepEqual([still.status, still.recheckAfterMs], [begun.status, 1000]);

    const long = look({ pods, before: begun.status, second: 90 });
    assert.equal(messageOf(long.status), `Pod purge-1 is starting: ${detail}`);
    assert.equal(verdict(long.status), verdict(begun.status));
    assert.deepEqual(look({ pods, before: long.status, second: 659 }).status, long.status);

    const stalled = look({ pods, before: long.status, second: 660 });
    assert.equal(conditionOf(stalled.status, 'Stalled').status, 'True');
    assert.equal(messageOf(stalled.status), messageOf(long.status));
  });
}

test('after that, the next visit is due at the deadline', () => {
  const pods = [aPod({ phase: 'Pending', container: waiting('ContainerCreating') })];
  const before = look({ pods, second: 60 }).status;
  assert.equal(look({ pods, before, second: 90 }).recheckAfterMs, 570_000);
});

test('a wait without more to say asks for no visit before the deadline', () => {
  assert.equal(look({ ...noPod, second: 60 }).recheckAfterMs, 600_000);
});
