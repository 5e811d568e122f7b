import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { parse } from 'yaml';
import type { CustomResourceDefinition } from '../../crds/generator/interfaces.ts';
import { readText } from '../../crds/generator/outputs.ts';
import type { Schema } from '../../crds/generator/schema.ts';
import { dispatcherReasonTable, reasonTable, type Condition } from '../../src/api/conditions.ts';
import { healthOf, type Health } from './argo-cd.ts';
import { kstatusOf, type Kstatus } from './kstatus.ts';
import { recordedAs, recordedDaemons, recordedDispatchers } from './recorded.ts';

/** What kstatus and Argo CD make of an object. */
type Verdict = [Kstatus, Health['status']];

const good: Verdict = ['Current', 'Healthy'];
const moving: Verdict = ['InProgress', 'Progressing'];
const failed: Verdict = ['Failed', 'Degraded'];
const leftAlone: Verdict = ['InProgress', 'Suspended'];

/** Before the operator has seen the object, and the newest change of it. */
const early = { Unseen: moving, Outdated: moving };

const verdictsOfDaemons: Record<keyof typeof reasonTable | keyof typeof early | 'Deleted', Verdict> = {
  ...early,
  Deleted: ['Terminating', 'Progressing'],
  Running: good,
  Stopped: good,
  DispatcherStopped: good,
  Starting: moving,
  Stopping: moving,
  WaitingForOldPod: moving,
  WaitingForTurn: moving,
  RolloutPaused: moving,
  NodeUnreachable: moving,
  Unschedulable: moving,
  QuotaExceeded: moving,
  MissingReference: moving,
  CrashLooping: failed,
  ImagePullFailed: failed,
  ContainerConfigError: failed,
  InvalidSpec: failed,
  Conflict: failed,
  AdmissionRejected: failed,
  Paused: leftAlone,
};

const verdictsOfDispatchers: Record<keyof typeof dispatcherReasonTable | keyof typeof early, Verdict> = {
  ...early,
  Running: good,
  Stopped: good,
  NoDaemons: good,
  Stopping: moving,
  Progressing: moving,
  RollingOut: moving,
  DaemonsStalled: failed,
  DaemonsPaused: leftAlone,
};

const kinds = [
  {
    kind: 'ClariveDaemon',
    recorded: recordedDaemons,
    verdicts: verdictsOfDaemons,
    table: reasonTable,
    source: 'crds/clarivedaemons.yaml',
  },
  {
    kind: 'ClariveDispatcher',
    recorded: recordedDispatchers,
    verdicts: verdictsOfDispatchers,
    table: dispatcherReasonTable,
    source: 'crds/clarivedispatchers.yaml',
  },
] as const;

for (const { kind, recorded, verdicts, table, source } of kinds)
  suite(`a recorded ${kind}`, async () => {
    const schema = await schemaOf(source);

    for (const [situation, [kstatus, health]] of Object.entries(verdicts))
      test(`that is ${situation} is ${kstatus} to kstatus and ${health} to Argo CD`, async () => {
        const object = recordedAs<object & { kind: string }>(recorded, situation);
        assert.deepEqual(await kstatusOf([object]), [kstatus]);
        assert.equal((await healthOf(object)).status, health);
      });

    test('is there for each situation and no other', () => {
      assert.deepEqual(new Set(recorded.keys()), new Set(Object.keys(verdicts)));
    });

    test('has conditions that mean what its reason means today', () => {
      for (const [situation, { status }] of recorded) {
        const conditions = new Map(status?.conditions?.map((each: Condition) => [each.type, each.status]));
        const meaning = (table as Record<string, { ready: string; progress: string }>)[situation];
        if (!meaning) continue;
        assert.equal(conditions.get('Ready'), meaning.ready, situation);
        const isMoving = meaning.progress === 'reconciling' || meaning.progress === 'untilDeadline';
        assert.equal(conditions.get('Reconciling'), isMoving ? 'True' : 'False', situation);
        assert.equal(conditions.get('Stalled'), meaning.progress === 'stalled' ? 'True' : 'False', situation);
      }
    });

    test('has only fields that the CRD knows', () => {
      for (const [situation, { metadata: _, ...fields }] of recorded)
        assert.deepEqual(unknownIn(fields, schema), [], situation);
    });
  });

async function schemaOf(source: string): Promise<Schema> {
  const { spec } = parse(await readText(source)) as CustomResourceDefinition;
  return spec.versions[0]?.schema.openAPIV3Schema ?? assert.fail(`${source} has no version`);
}

/** Paths of the fields that the schema does not name. */
function unknownIn(value: unknown, schema: Schema, path = ''): string[] {
  if (Array.isArray(value))
    return value.flatMap((item, index) => unknownIn(item, schema.items ?? {}, `${path}[${index}]`));
  if (typeof value !== 'object' || value === null || !schema.properties) return [];
  const { properties } = schema;
  return Object.entries(value).flatMap(([name, field]) => {
    const of = properties[name];
    return of ? unknownIn(field, of, `${path}.${name}`) : [`${path}.${name}`];
  });
}
