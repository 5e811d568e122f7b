import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClariveDaemon } from '../../src/api/clarive-daemon.ts';
import type { ClariveDispatcher } from '../../src/api/clarive-dispatcher.ts';
import { dispatcherReasonTable, reasonTable, type Reason } from '../../src/api/conditions.ts';
import { dispatcherStatus } from '../../src/status/dispatcher-status.ts';
import { aDaemon, aDispatcher } from '../support/builders.ts';
import { at, startMs } from './observed-builders.ts';

interface Said {
  active?: boolean;
  replicas?: number;
  message?: string;
  /** Of the spec that the report is about, 3 by default as the daemon's and the dispatcher's. */
  generation?: number;
  dispatcherGeneration?: number;
  /** A wait that lasts too long. */
  late?: boolean;
}

/** A daemon that reports this reason. */
function saying(name: string, reason: Reason, said: Said = {}): ClariveDaemon {
  const { ready, progress } = reasonTable[reason];
  const { active = reason === 'Running', replicas = Number(active), message = 'Why', late = false } = said;
  const isMoving = progress === 'reconciling' || (progress === 'untilDeadline' && !late);
  const condition = (type: string, isTrue: boolean) => ({
    type,
    status: isTrue ? ('True' as const) : ('False' as const),
    reason,
    message,
    lastTransitionTime: at(0),
  });
  return {
    ...aDaemon({ metadata: { name, generation: 3 }, dispatcherRef: { name: 'main' } }),
    status: {
      observedGeneration: said.generation ?? 3,
      dispatcherGeneration: said.dispatcherGeneration ?? 3,
      replicas,
      conditions: [
        condition('Ready', ready === 'True'),
        condition('Reconciling', isMoving),
        condition('Stalled', progress === 'stalled' || late),
        condition('Active', active),
      ],
    },
  };
}

const unsaid = aDaemon({ metadata: { name: 'new', generation: 1 } });
const main = aDispatcher({ metadata: { generation: 3 } });
const stopping = aDispatcher({ metadata: { generation: 3 }, replicas: 0 });

function look(daemons: ClariveDaemon[], dispatcher: ClariveDispatcher = main, second = 60) {
  return dispatcherStatus(dispatcher, daemons, startMs + second * 1000);
}

function verdict({ conditions = [] }: ReturnType<typeof look>): string {
  const set = conditions.filter(({ status }) => status === 'True').map(({ type }) => type);
  return [conditions[0]?.reason, ...set].join(' ');
}

type Row = [
  name: string,
  daemons: ClariveDaemon[],
  dispatcher: ClariveDispatcher,
  verdict: string,
  message: string,
];

const rows: Row[] = [
  [
    'Running when each daemon is as it shall be',
    [saying('a', 'Running'), saying('b', 'Stopped')],
    main,
    'Running Ready',
    'The daemons are as they shall be: 1 running, 1 stopped',
  ],
  [
    'Running with the settings that none of its daemons has use for',
    [saying('a', 'Running')],
    aDispatcher({
      metadata: { generation: 3 },
      services: [{ service: 'service.scheduler' }, { service: 'service.job.deamon' }],
    }),
    'Running Ready',
    'The daemons are as they shall be: 1 running, 0 stopped; spec.services has settings for "service.scheduler", "service.job.deamon", which none of them runs',
  ],
  [
    'NoDaemons when nobody names it',
    [],
    main,
    'NoDaemons Ready',
    'No ClariveDaemon names this dispatcher in spec.dispatcherRef',
  ],
  [
    'Stopped when all have stopped',
    [saying('a', 'DispatcherStopped'), saying('b', 'Stopped')],
    stopping,
    'Stopped Ready',
    'Stopped, with all attached daemons: spec.replicas is 0',
  ],
  [
    'Stopped without daemons',
    [],
    stopping,
    'Stopped Ready',
    'Stopped, with all attached daemons: spec.replicas is 0',
  ],
  [
    'Stopping while daemons end',
    [saying('b', 'Stopping', { active: true }), saying('a', 'DispatcherStopped')],
    stopping,
    'Stopping Reconciling',
    'Not stopped yet: b',
  ],
  [
    'Stopping while daemons have not heard of it',
    [saying('a', 'Running', { dispatcherGeneration: 2 })],
    stopping,
    'Stopping Reconciling',
    'Not stopped yet: a',
  ],
  [
    'Progressing while daemons start',
    [saying('a', 'Running'), saying('b', 'Starting')],
    main,
    'Progressing Reconciling',
    'Not ready yet: b',
  ],
  [
    'Progressing while a daemon has said nothing',
    [unsaid],
    main,
    'Progressing Reconciling',
    'Not ready yet: new',
  ],
  [
    'Progressing while what a daemon says is about an earlier spec of its own',
    [saying('a', 'Running', { generation: 2 })],
    main,
    'Progressing Reconciling',
    'Not ready yet: a',
  ],
  [
    'Progressing while a failure is about earlier settings',
    [saying('a', 'InvalidSpec', { dispatcherGeneration: 2 })],
    main,
    'Progressing Reconciling',
    'Not ready yet: a',
  ],
  [
    'RollingOut while daemons wait for their turn',
    [saying('a', 'Starting'), saying('b', 'WaitingForTurn', { active: true })],
    main,
    'RollingOut Reconciling',
    'The daemons take over the new settings one after the other; waiting: b',
  ],
  [
    'Progressing with the names in order, however they come',
    ['c', 'a', 'd', 'b'].map((name) => saying(name, 'Starting')),
    main,
    'Progressing Reconciling',
    'Not ready yet: a, b, c, d',
  ],
  [
    'DaemonsStalled with the words of the first',
    [
      saying('b', 'CrashLooping', { message: 'The daemon exited with code 1' }),
      saying('c', 'Starting', { late: true }),
      saying('d', 'WaitingForTurn', { active: true }),
      saying('a', 'Running'),
    ],
    main,
    'DaemonsStalled Stalled',
    'b is CrashLooping; also c; waiting for their turn: d; b: The daemon exited with code 1',
  ],
  [
    'DaemonsStalled also while it stops',
    [saying('a', 'AdmissionRejected', { message: 'No' })],
    stopping,
    'DaemonsStalled Stalled',
    'a is AdmissionRejected; a: No',
  ],
  [
    'DaemonsPaused when paused daemons differ',
    [saying('a', 'Paused', { active: true }), saying('b', 'Running')],
    main,
    'DaemonsPaused',
    'Left alone while spec.paused is true: a',
  ],
];

for (const [name, daemons, dispatcher, expected, message] of rows)
  test(name, () => {
    const status = look(daemons, dispatcher);
    assert.equal(verdict(status), expected);
    for (const condition of status.conditions ?? []) assert.equal(condition.message, message);
  });

test('every reason of the table is told by some row', () => {
  const told = new Set(rows.map(([, , , said]) => said.split(' ')[0]));
  assert.deepEqual(
    Object.keys(dispatcherReasonTable).filter((reason) => !told.has(reason)),
    [],
  );
});

test('counts its daemons, and tells how many of them are active', () => {
  const { active, daemons } = look([
    saying('a', 'Running'),
    saying('b', 'Stopped'),
    saying('c', 'WaitingForTurn', { active: true }),
    saying('d', 'CrashLooping'),
    saying('e', 'DispatcherStopped'),
    unsaid,
  ]);
  assert.equal(active, '2/6');
  assert.deepEqual(daemons, { attached: 6, active: 2, stopped: 2, waiting: 1, stalled: 1 });
});

test('has replicas as long as any daemon has a pod, ready or not', () => {
  assert.equal(look([saying('a', 'CrashLooping', { replicas: 1 }), saying('b', 'Stopped')]).replicas, 1);
  assert.equal(look([saying('b', 'Stopped'), unsaid]).replicas, 0);
});

test('selects the pods of its daemons', () => {
  assert.equal(look([]).selector, 'app.kubernetes.io/name=clarive-daemon,clarive.com/dispatcher=main');
});

test('keeps the time of a condition as long as its status', () => {
  const first = look([saying('a', 'Starting')]);
  const second = look([saying('a', 'Running')], { ...main, status: first }, 90);
  const third = look([saying('a', 'Stopped')], { ...main, status: second }, 120);
  const times = [first, second, third].map(({ conditions }) =>
    conditions?.map(({ lastTransitionTime }) => lastTransitionTime),
  );
  assert.deepEqual(times, [
    [at(60), at(60), at(60)],
    [at(90), at(90), at(60)],
    [at(90), at(90), at(60)],
  ]);
});

test('names no more than ten daemons', () => {
  const many = Array.from({ length: 12 }, (_, index) => saying(`d${index + 10}`, 'Starting'));
  assert.match(look(many).conditions?.[0]?.message ?? '', /: d10, .*, d19 and 2 more$/);
});

test('a stalled daemon that says nothing else is named all the same', () => {
  const stalled = saying('job', 'CrashLooping');
  const conditions = stalled.status?.conditions?.filter(({ type }) => type !== 'Ready');
  const { conditions: [ready] = [] } = look([
    { ...stalled, status: { ...stalled.status, ...(conditions && { conditions }) } },
  ]);
  assert.match(ready?.message ?? '', /^job is /);
});
