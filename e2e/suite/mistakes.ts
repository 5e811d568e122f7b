/** Makes a mistake as a user makes it, and returns what the user is told of it and by whom. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CoreV1Event } from '@kubernetes/client-node';
import { parse } from 'yaml';
import type { Reason } from '../../src/api/conditions.ts';
import { KubeError, type KubeClient } from '../../test/support/kube-client.ts';
import { clariveDaemons, clariveDispatchers, events, type Json } from '../../test/support/resources.ts';
import { until, untilList } from '../../test/support/until.ts';
import { run } from '../host/run.ts';
import { condition, daemon, patience, untilReason } from './daemons.ts';

/** Where a mistake is made, and the name of the daemon that it is made with. */
export interface Place {
  kube: KubeClient;
  name: string;
}

export interface Told {
  by: string;
  message: string;
}

export type Mistake = (place: Place) => Promise<Told>;

/** A spec as a user may write it, right or wrong. */
type Spec = Record<string, unknown>;

const root = join(import.meta.dirname, '../..');
const strict = { query: { fieldValidation: 'Strict' } };
const rules = ruleMessages(parse(await readFile(join(root, 'crds/clarivedaemons.yaml'), 'utf8')));

/** What others say to the operator about a daemon comes as an Event of theirs, too. */
const speakers: Record<string, string> = {
  kubelet: 'kubelet',
  'default-scheduler': 'scheduler',
  'replicaset-controller': 'admission of the pod',
};

/** A daemon of a service of which an installation may run several. */
export function oneOfSeveral(name: string, spec: Spec = {}): object {
  return daemon(name, { service: 'service.plugin', ...spec });
}

/** The API server refuses the daemon at once. */
export function refused(spec: Spec, metadata: object = {}): Mistake {
  return ({ kube, name }) =>
    refusal(() =>
      kube.create(
        clariveDaemons,
        { metadata: { name, ...metadata }, spec: { service: 'service.sem.daemon', ...spec } },
        strict,
      ),
    );
}

/** The API server refuses a change of a daemon that was right. */
export function refusedEdit(change: (place: Place) => Promise<unknown>): Mistake {
  return async (place) => {
    await place.kube.create(clariveDaemons, oneOfSeveral(place.name, { replicas: 0 }));
    return refusal(() => change(place));
  };
}

async function refusal(request: () => Promise<unknown>): Promise<Told> {
  const error: unknown = await request().catch((thrown: unknown) => thrown);
  assert.ok(error instanceof KubeError, `The API server did not refuse it: ${String(error)}`);
  const message = error.message.replace(/^.* answered \d+: /, '');
  const isRule = rules.some((rule) => message.includes(rule));
  return { by: `API server, ${isRule ? 'rule' : 'schema'} of the CRD`, message };
}

/** Every message of a rule in the CRD; of one that is computed, its longest fixed part. */
function ruleMessages(schema: unknown): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  return Object.entries(schema).flatMap(([key, value]) => {
    if (key === 'message' && typeof value === 'string') return [value];
    if (key !== 'messageExpression') return ruleMessages(value);
    const [longest = ''] = String(value)
      .split("'")
      .toSorted((a, b) => b.length - a.length);
    return [longest];
  });
}

/** The daemon is accepted and does not run; `words` are somebody else's. */
export function stuck(reason: Reason, spec: Spec, words = ''): Mistake {
  return async (place) => {
    await place.kube.create(clariveDaemons, oneOfSeveral(place.name, spec), strict);
    return told(place, reason, words);
  };
}

async function told({ kube, name }: Place, reason: Reason, words: string): Promise<Told> {
  const described = { ...patience, describe: `"${name}" to be ${reason} and say ${words}` };
  const found = await until(
    kube,
    clariveDaemons,
    name,
    (object) => {
      const ready = condition(object, 'Ready');
      const isNew = object.status?.observedGeneration === object.metadata.generation;
      return isNew && ready?.reason === reason && ready.message.includes(words);
    },
    described,
  );
  const message = condition(found, 'Ready')?.message ?? '';
  return { by: `${await speaker({ kube, name }, message, words)}; status ${reason}`, message };
}

async function speaker(place: Pick<Place, 'kube' | 'name'>, message: string, words: string): Promise<string> {
  if (message.startsWith('The API server refuses the Deployment')) return 'API server, of the Deployment';
  if (/denied the request|denied request/.test(message)) return 'admission of the Deployment';
  if (words === '') return 'operator';
  const event = await eventOf(
    place,
    (one) => one.source?.component !== 'clarive-operator' && one.message?.includes(words) === true,
  );
  const component = event.source?.component || event.reportingComponent || '';
  return speakers[component] ?? component;
}

/** The first Event about the daemon or one of its objects that matches. */
async function eventOf(
  { kube, name }: Pick<Place, 'kube' | 'name'>,
  matches: (event: Json<CoreV1Event>) => boolean,
): Promise<Json<CoreV1Event>> {
  const isAbout = ({ involvedObject }: Json<CoreV1Event>) =>
    involvedObject.name === name || involvedObject.name?.startsWith(`${name}-`) === true;
  const isIt = (event: Json<CoreV1Event>) => isAbout(event) && matches(event);
  const described = { ...patience, describe: `an Event about "${name}"` };
  const found = await untilList(kube, events, {}, (all) => all.some(isIt), described);
  return found.find(isIt) as Json<CoreV1Event>;
}

/** The daemon is run as asked, with a warning. */
export function warned(reason: string, spec: Spec): Mistake {
  return async (place) => {
    await place.kube.create(clariveDaemons, oneOfSeveral(place.name, spec), strict);
    const { message = '' } = await eventOf(place, (event) => event.reason === reason);
    return { by: `operator; Event ${reason}`, message };
  };
}

/** The daemon is as its dispatcher's mistake makes it. */
export function stuckByDispatcher(reason: Reason, spec: Spec): Mistake {
  return async (place) => {
    const { kube, name } = place;
    await kube.create(clariveDispatchers, { metadata: { name }, spec }, strict);
    await kube.create(clariveDaemons, oneOfSeveral(name, { dispatcherRef: { name } }));
    return told(place, reason, '');
  };
}

/** A daemon that runs is changed to what is wrong, then to something else that is wrong: only that is told, and its pod goes on. */
export function stuckAfterEdits(reason: Reason, first: Spec, second: Spec): Mistake {
  return async (place) => {
    const { kube, name } = place;
    await kube.create(clariveDaemons, oneOfSeveral(name));
    const running = await untilReason(place, name, 'Running');
    await kube.patch(clariveDaemons, name, { spec: first });
    await untilReason(place, name, reason);
    await kube.patch(clariveDaemons, name, { spec: second });
    const answer = await told(place, reason, '');
    const now = await kube.get(clariveDaemons, name);
    assert.deepEqual(now.status?.pod, running.status?.pod);
    return answer;
  };
}

/** The operator does not start with these settings; `FILE` in an argument is a file with the text given. */
export function unusable(args: string[], text = ''): Mistake {
  return async () => {
    const folder = await mkdtemp(join(tmpdir(), 'clarive-operator-'));
    try {
      const file = join(folder, 'settings.yaml');
      await writeFile(file, text);
      const flags = args.map((arg) => arg.replace('FILE', file));
      const started = run(process.execPath, [join(root, 'src/main.ts'), ...flags]);
      const ended: unknown = await started.catch((error: unknown) => error);
      assert.ok(ended instanceof Error, 'The operator took these settings');
      return { by: 'operator, at its start', message: ended.message.replace(/^.*ended with 1:\s*/s, '') };
    } finally {
      await rm(folder, { recursive: true });
    }
  };
}
