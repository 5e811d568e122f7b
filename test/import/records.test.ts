/** What the fields of single records mean, right and wrong. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { ImportOptions } from '../../src/import/import.ts';
import { parseRecords } from '../../src/import/parse.ts';
import { planDaemons, type PlannedDaemon } from '../../src/import/plan.ts';
import { defaultOptions, importWith } from './fixtures.ts';

type Fields = Record<string, unknown>;

function planOf(records: unknown[], options: Partial<ImportOptions> = {}) {
  return planDaemons(parseRecords(JSON.stringify(records)), { ...defaultOptions, ...options });
}

/** `name service id replicas`, each daemon in a line. */
function daemonsOf(records: unknown[], options: Partial<ImportOptions> = {}): string[] {
  const text = ({ name, service, id, active }: PlannedDaemon) =>
    `${name} ${service} ${id ?? '-'} ${active ? 1 : 0}`;
  return planOf(records, options).daemons.map(text);
}

function notesOf(records: unknown[], options: Partial<ImportOptions> = {}): string[] {
  return planOf(records, options).outcomes.map(({ notes }) => notes.join('; '));
}

const job = { service: 'service.job.daemon', active: '1' };
const event = { service: 'service.event.daemon', active: '1' };
const on = (...ids: string[]) => ({ instances: ids.map((instance) => ({ instance })) });
const seen = (...ids: string[]) => ({
  active_instances: ids.map((id) => ({ disp_id: id, last_ping: '2026-10-05 10:15:02' })),
});

suite('active', () => {
  const running = ['1', 1, true, 'true', { $numberInt: '1' }, { $numberLong: '1' }, { $numberDouble: '1.0' }];
  const stopped = ['0', 0, false, 'false', { $numberInt: '0' }, '', null, undefined, { $undefined: true }];
  for (const [wanted, values] of [
    [1, running],
    [0, stopped],
  ] as const)
    for (const active of values)
      test(`${JSON.stringify(active)} means replicas ${wanted}`, () => {
        assert.deepEqual(daemonsOf([{ ...event, active }]), [`event service.event.daemon - ${wanted}`]);
      });

  test('that is missing is told', () => {
    assert.match(
      notesOf([{ service: 'service.event.daemon' }]).join(),
      /does not say whether it is active, which counts as no/,
    );
  });
});

suite('a name', () => {
  const named: [service: string, name: string][] = [
    ['service.daemon.email', 'email'],
    ['service.event.daemon', 'event'],
    ['service.job.daemon', 'job'],
    ['service.purge.daemon', 'purge'],
    ['service.root_cause_analysis.daemon', 'root-cause-analysis'],
    ['service.scheduler', 'scheduler'],
    ['service.schedule daemon', 'scheduler'],
    ['service.sem.daemon', 'semaphore'],
    ['service.topic.inactivity_daemon', 'topic-inactivity'],
    ['service.ACME.Ldap__Sync', 'acme-ldap-sync'],
    ['service.daemon', 'daemon'],
    ['service.service.daemon.daemon', 'daemon'],
    ['service.9', '9'],
    [`service.${'x'.repeat(55)}`, 'x'.repeat(55)],
  ];
  for (const [service, name] of named)
    test(`is "${name}" for "${service}"`, () => {
      assert.equal(planOf([{ service, active: '1' }]).daemons[0]?.name, name);
    });

  test('has the id if there are several daemons of a service, as a DNS label', () => {
    assert.deepEqual(daemonsOf([{ ...job, ...on('App_1.example.com', 'app2') }]), [
      'job-app-1-example-com service.job.daemon App_1.example.com 1',
      'job-app2 service.job.daemon app2 1',
    ]);
  });

  test('that two want gets a number, whichever record comes first', () => {
    const records = [
      { ...job, ...on('a-b') },
      { ...job, ...on('a.b') },
      { ...job, ...on('a_b') },
      { ...job, service: 'service.job' },
    ];
    const daemons = [
      'job service.job - 1',
      'job-a-b service.job.daemon a-b 1',
      'job-a-b-2 service.job.daemon a.b 1',
      'job-a-b-3 service.job.daemon a_b 1',
    ];
    const withoutId = daemons.map((line) => line.replace('service.job -', 'service.job a-b'));
    assert.deepEqual(daemonsOf(records, { id: 'a-b' }), withoutId);
    assert.deepEqual(daemonsOf(records.toReversed(), { id: 'a-b' }), withoutId);
  });

  test('goes to the service that the operator knows, and the other one gets a number', () => {
    assert.deepEqual(daemonsOf([{ service: 'service.event', active: '1' }, event]), [
      'event service.event.daemon - 1',
      'event-2 service.event - 1',
    ]);
  });

  test('is cut to 63 characters, also with a number', () => {
    const ids = ['_', '.', '-'].map((separator) => `${'a'.repeat(57)}${separator}b${'c'.repeat(4)}`);
    const names = planOf([{ ...job, ...on(...ids) }]).daemons.map(({ name }) => name);
    assert.deepEqual(names, [
      `job-${'a'.repeat(57)}-2`,
      `job-${'a'.repeat(57)}-3`,
      `job-${'a'.repeat(57)}-b`,
    ]);
  });
});

suite('an id', () => {
  test('is that of each dispatcher that the record is bound to', () => {
    assert.deepEqual(daemonsOf([{ ...job, ...on('app2', 'app1', 'app2') }]), [
      'job-app1 service.job.daemon app1 1',
      'job-app2 service.job.daemon app2 1',
    ]);
  });

  test('is that of every dispatcher in the export if the record is bound to none', () => {
    assert.deepEqual(
      daemonsOf([
        { ...job, active: '0', instances: [] },
        { ...event, ...seen('b', 'a') },
      ]),
      ['event service.event.daemon a 1', 'job-a service.job.daemon a 0', 'job-b service.job.daemon b 0'],
    );
  });

  test('is the host name of the earlier generations', () => {
    assert.deepEqual(daemonsOf([{ ...job, hostname: 'srv01' }]), ['job service.job.daemon srv01 1']);
  });

  test('is not the host name that an earlier generation has left in a record of the latest', () => {
    const records = [
      { ...job, hostname: 'old', instances: [] },
      { ...event, ...seen('new') },
    ];
    assert.deepEqual(daemonsOf(records)[1], 'job service.job.daemon new 1');
  });

  test('of a service that needs one process only is one of them', () => {
    const records = [{ ...event, ...on('app2', 'app1') }];
    assert.deepEqual(daemonsOf(records), ['event service.event.daemon app1 1']);
    assert.match(notesOf(records).join(), /one instead of 2, because Kubernetes starts it elsewhere/);
  });

  test('of an unknown service is that of each copy, because nobody knows what two of it do', () => {
    assert.deepEqual(daemonsOf([{ ...event, service: 'service.acme', ...on('a', 'b') }]), [
      'acme-a service.acme a 1',
      'acme-b service.acme b 1',
    ]);
  });

  for (const hostname of ['localhost', '', null, undefined])
    test(`comes from --id for the host name ${JSON.stringify(hostname)}`, () => {
      const records = [
        { ...job, hostname },
        { ...event, hostname: 'srv01' },
      ];
      assert.deepEqual(daemonsOf(records, { id: 'srv00' }), [
        'event service.event.daemon srv01 1',
        'job service.job.daemon srv00 1',
      ]);
    });

  test('is left out if nothing tells it, and the report says what that means for jobs', () => {
    assert.deepEqual(daemonsOf([{ ...job, hostname: 'localhost' }]), ['job service.job.daemon - 1']);
    const { report, manifests } = importWith([{ ...job, hostname: 'localhost' }]);
    assert.match(report, /without id, because the record tells no dispatcher/);
    assert.match(report, /Import again with --id, or let all jobs end before the move/);
    assert.doesNotMatch(manifests, / id:/);
  });

  test('of another record helps if there is nothing else', () => {
    assert.deepEqual(
      daemonsOf([{ ...job }, { ...event, ...on('app1') }])[1],
      'job service.job.daemon app1 1',
    );
  });

  test('becomes another by --rename-id', () => {
    const renamedIds = new Map([['app_1_', 'app1']]);
    assert.deepEqual(daemonsOf([{ ...job, ...on('app_1_', 'app2') }], { renamedIds }), [
      'job-app1 service.job.daemon app1 1',
      'job-app2 service.job.daemon app2 1',
    ]);
  });

  const fits = (records: unknown[], renamed: string, options: Partial<ImportOptions> = {}) =>
    planOf(records, { renamedIds: new Map([[renamed, 'x']]), ...options }).problems;

  test('that is to become another is that of a record, or of --id', () => {
    const former = { ...job, ...seen('app1') };
    assert.deepEqual(fits([former], 'app1'), []);
    assert.deepEqual(fits([{ ...job, hostname: 'app1' }], 'app1'), []);
    assert.deepEqual(fits([{ ...event, ...on('app1', 'app2') }], 'app2'), []);
    assert.deepEqual(fits([job], 'app1', { id: 'app1' }), []);
  });

  test('that is to become another, and is nowhere, is told with those that there are', () => {
    const [problem] = fits([{ ...job, ...on('b', 'a') }], 'nosuch');
    assert.equal(
      problem,
      `--rename-id 'nosuch=x' fits no daemon of the records: the ids are "a", "b"; correct or drop it, and import again`,
    );
    assert.match(fits([job], 'a')[0] ?? '', /: they tell of no dispatcher; /);
    const many = Array.from({ length: 12 }, (_, index) => `app${index + 10}`);
    assert.match(fits([{ ...job, ...on(...many) }], 'a')[0] ?? '', /"app10", .*"app19" and 2 more; /);
    const ignored = [{ service: 'service.dispatcher', active: '1', hostname: 'a' }, job];
    assert.equal(fits(ignored, 'a').length, 1);
  });

  test('of a dispatcher that ended long before the export gets no daemon', () => {
    const dead = { disp_id: 'dead', last_ping: '2026-10-04 10:15:01' };
    const almost = { disp_id: 'almost', last_ping: '2026-10-04 10:15:02' };
    const record = {
      ...job,
      active_instances: [...seen('alive').active_instances, dead, almost, { disp_id: 'mute' }],
    };
    assert.deepEqual(daemonsOf([record]), [
      'job-alive service.job.daemon alive 1',
      'job-almost service.job.daemon almost 1',
      'job-mute service.job.daemon mute 1',
    ]);
    assert.match(notesOf([record]).join(), /none for "dead", which ended long before the export/);
  });

  for (const last_ping of [
    { $date: '2026-10-04T10:15:01Z' },
    '2026-10-04T10:15:01+00:00',
    { $date: { $numberLong: String(Date.UTC(2026, 9, 4, 10, 15, 1)) } },
  ])
    test(`is judged by a ping such as ${JSON.stringify(last_ping)}`, () => {
      const record = {
        ...job,
        active_instances: [...seen('alive').active_instances, { disp_id: 'dead', last_ping }],
      };
      assert.deepEqual(daemonsOf([record]), ['job service.job.daemon alive 1']);
    });

  for (const bad of ['app_', '-app', 'a b', 'a/b', 'x'.repeat(64)])
    test(`of "${bad.slice(0, 9)}" can't be one: a job daemon is left out, with the remedy`, () => {
      const [outcome] = planOf([{ ...job, ...on(bad, 'app2') }]).outcomes;
      assert.deepEqual(
        outcome?.daemons.map(({ id }) => id),
        ['app2'],
      );
      assert.equal(outcome?.problems.length, 1);
      assert.match(
        outcome?.problems[0] ?? '',
        /^instances has the dispatcher ".*", which can't be an id \(1 to 63 letters.*let its jobs end on the classic Dispatcher, then import with --rename-id '.*=app1'/,
      );
    });

  test("that can't be one is left out where nothing is bound to it", () => {
    assert.deepEqual(daemonsOf([{ ...event, hostname: 'app_' }]), ['event service.event.daemon - 1']);
    assert.match(notesOf([{ ...event, hostname: 'app_' }]).join(), /without id/);
  });
});

suite('two records', () => {
  test('of one daemon become one, which runs if one of them is active', () => {
    const records = [
      { ...event, active: '0', ...on('a') },
      { ...event, ...on('b') },
    ];
    assert.deepEqual(daemonsOf(records), ['event service.event.daemon b 1']);
    assert.deepEqual(notesOf(records), [
      'the same daemon as record 2; running, because record 2 is active',
      '',
    ]);
  });

  test('of one daemon have the settings of one', () => {
    const records = [
      { ...event, _id: '2', config: { a: 1 } },
      { ...event, _id: '1', config: { a: 2 } },
    ];
    const configs = (order: unknown[]) => planOf(order).daemons.map(({ config }) => config);
    assert.deepEqual(configs(records), [{ a: 2 }]);
    assert.deepEqual(configs(records.toReversed()), [{ a: 2 }]);
    assert.match(notesOf(records)[0] ?? '', /its config is left out for that of record 2/);
  });

  test('of the job service on two dispatchers stay two', () => {
    assert.deepEqual(
      daemonsOf([
        { ...job, ...on('a') },
        { ...job, active: '0', ...on('b') },
      ]),
      ['job-a service.job.daemon a 1', 'job-b service.job.daemon b 0'],
    );
  });
});

suite('the report', () => {
  test('tells that the Dispatcher is no daemon', () => {
    const records = [{ service: 'service.dispatcher', active: '1' }];
    assert.deepEqual(daemonsOf(records), []);
    assert.deepEqual(notesOf(records), ['left out, because the operator takes its place']);
  });

  test('tells of services without preset, and of the one that does nothing', () => {
    const notes = notesOf([
      { service: 'service.acme', active: '1' },
      { service: 'service.topic.inactivity_daemon', active: '1' },
    ]);
    assert.match(notes[0] ?? '', /a service that the operator does not know/);
    assert.match(notes[1] ?? '', /ends at once/);
  });

  test('names fields without counterpart, but not those of processes', () => {
    const { report } = importWith([
      { ...event, pid: 1, last_ping: 'x', params: '-v', '\u001b[31m': 1, empty: '' },
    ]);
    assert.match(report, /nothing like it: \\u001b\[31m \(record 1\), params \(record 1\)\n/);
  });

  test('says which daemons were bound to servers', () => {
    assert.match(importWith([{ ...event, ...on('a') }]).report, /- event might run on certain servers only/);
    assert.doesNotMatch(importWith([event]).report, /certain servers/);
  });

  test('says when to stop the classic Dispatcher', () => {
    assert.match(
      importWith([event]).report,
      /- Let all running jobs and tasks end and stop the classic Dispatcher before you apply the manifests/,
    );
    assert.match(
      importWith([event], { stopped: true, dispatcher: 'prod' }).report,
      /before you start the daemons with "kubectl scale clarivedispatcher\/prod --replicas=1"/,
    );
  });

  test('says that the dispatcher holds the daemons that are to run', () => {
    const { report } = importWith([event, { ...event, service: 'service.sem.daemon', active: '0' }], {
      stopped: true,
    });
    assert.match(report, /^record 1 .*: "event" \(.*starts with the dispatcher\)\n/);
    assert.match(report, /2 ClariveDaemons \(1 start with the dispatcher, 1 stopped\)/);
  });

  test('asks for an image and volumes only where there are none', () => {
    const sem = { service: 'service.sem.daemon', active: '1' };
    assert.doesNotMatch(importWith([sem], { image: 'clarive:7' }).report, /image:|Put volumes/);
    assert.match(importWith([event]).report, /no image.*\n.*\n.*Put volumes named jobs, repo/);
  });

  test('never shows the value of a setting', () => {
    const secret = 'hunter2';
    const bad = { ...event, config: { password: { $regularExpression: secret }, a: { b: 2 ** 60 } } };
    const good = { ...event, config: { password: secret } };
    for (const record of [bad, good])
      assert.doesNotMatch(importWith([record]).report, /hunter2|1152921504606846976/);
  });
});

suite('a record that is wrong', () => {
  const wrong: [what: string, record: unknown, says: RegExp][] = [
    ['is a number', 7, /^is 7: it must be an object with "service" and "active"$/],
    ['is null', null, /^is null/],
    ['is a list', [[]], /^is \[\[\]\]/],
    ['has no service', { active: '1' }, /^service is missing: add the registry key/],
    ['has an empty service', { service: '' }, /^service is missing/],
    ['has a service that is none', { service: 'job' }, /^service is "job": it must be "service\.", then/],
    [
      'has a service with a space at its end',
      { service: 'service.job.daemon ' },
      /^service is "service\.job\.daemon ": /,
    ],
    [
      'has an endless service',
      { service: `service.${'x'.repeat(90)}` },
      /^service is "service\.x+…: .* at most 63/,
    ],
    ['has an object for a service', { service: { a: 1 } }, /^service is \{"a":1\}: /],
    ['may be active', { ...event, active: 'maybe' }, /^active is "maybe": it must be "1" or "0"$/],
    ['is active twice', { ...event, active: 2 }, /^active is 2: /],
    [
      'has a text for instances',
      { ...event, instances: 'app1' },
      /^instances is "app1": it must be a list such as/,
    ],
    ['has texts in its instances', { ...event, instances: ['app1'] }, /^instances is \["app1"\]: /],
    ['has an object for an instance', { ...event, instances: [{ instance: {} }] }, /^instances is /],
    [
      'has a setting beyond 2^53',
      { ...event, config: { a: [1, 2 ** 53] } },
      /^config\.a\[1\] is an integer beyond 2\^53.*: write it as a string$/,
    ],
    [
      'has a setting of a strange kind',
      { ...event, config: { a: { $minKey: 1 } } },
      /^config\.a is a MongoDB value of the kind "\$minKey": replace it/,
    ],
    [
      'has a date that is none',
      { ...event, config: { a: { $date: {} } } },
      /^config\.a is no date: write it as text$/,
    ],
    [
      'is too deep',
      { ...event, config: nested(40) },
      /^config(\.a){32} is nested deeper than 32 levels: flatten it$/,
    ],
  ];
  const neighbour = { service: 'service.purge.daemon', active: '1' };

  for (const [what, record, says] of wrong)
    test(`${what}: it is named, and the others are kept`, () => {
      const { daemons, outcomes } = planOf([neighbour, record, job]);
      assert.deepEqual(
        daemons.map(({ name }) => name),
        ['job', 'purge'],
      );
      assert.deepEqual(
        outcomes.map(({ problems }) => problems.length),
        [0, 1, 0],
      );
      assert.match(outcomes[1]?.problems[0] ?? '', says);
      const { isComplete, report } = importWith([neighbour, record, job]);
      assert.equal(isComplete, false);
      assert.match(report, /^record 2.*: error: /m);
      assert.match(report, /^3 records: 2 ClariveDaemons .*; 1 record with errors$/m);
    });

  test('is told of all that is wrong, by its _id and its service', () => {
    const record = { _id: { $oid: '5f0c' }, service: 'job', active: 'maybe', instances: 'x' };
    assert.match(
      importWith([record, event]).report,
      /^record 1 \(_id 5f0c, job\): error: service is .*; error: active is .*; error: instances is .*$/m,
    );
  });
});

function nested(depth: number): Fields {
  return depth === 0 ? {} : { a: nested(depth - 1) };
}
