import assert from 'node:assert/strict';
import { mock, test, type TestContext } from 'node:test';
import type { ClariveDaemon } from '../src/api/clarive-daemon.ts';
import type { ClariveDispatcher, DaemonCounts } from '../src/api/clarive-dispatcher.ts';
import { readConfig } from '../src/config.ts';
import { ApiError } from '../src/kube/api-error.ts';
import type { RawObject } from '../src/kube/reflector.ts';
import type { ApiRequest, Transport } from '../src/kube/transport.ts';
import { createLogger } from '../src/logger.ts';
import { Metrics } from '../src/metrics.ts';
import { Renderings } from '../src/reconcile/renderings.ts';
import { Term } from '../src/term.ts';
import { View } from '../src/view.ts';
import { aDaemon, aDispatcher } from './support/builders.ts';
import { VirtualClock } from './support/virtual-clock.ts';

const tooMany = new ApiError(429, '', { retryAfter: '7' });
const away = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });

test('begins with a visit to every daemon', async (t) => {
  const { asked, clock } = aTerm(t, ['purge', 'email']);
  await clock.advance(0);
  assert.deepEqual(asked(), ['purge', 'email']);
});

test('leaves a server alone for as long as it asks, whatever comes meanwhile', async (t) => {
  const { asked, clock, term } = aTerm(t, ['purge'], tooMany);
  await clock.advance(6999);
  term.onChild('clarive/purge');
  await clock.advance(0);
  assert.deepEqual(asked(), ['purge']);
  await clock.advance(1);
  assert.deepEqual(asked().slice(0, 2), ['purge', 'purge']);
});

test('tries what has failed again as soon as the server is back', async (t) => {
  const { asked, clock, term } = aTerm(t, ['purge'], ...Array.from({ length: 12 }, () => away));
  await clock.advance(15_000);
  assert.equal(asked().length, 12);
  term.retryFailed();
  await clock.advance(0);
  assert.equal(asked().length, 13);
});

test('is not visited by the answer to its own report, and is by a new spec', async (t) => {
  const { clock, visits, change } = aTerm(t, ['purge']);
  await clock.advance(60_000);
  const visited = ['to make the child', 'to hold the status back', 'to write it'];
  assert.equal(visits(), visited.length);
  change('purge', {});
  await clock.advance(0);
  assert.equal(visits(), visited.length + 1, 'somebody else has changed the object');
  change('purge', { generation: 2 });
  await clock.advance(60_000);
  assert.ok(visits() > visited.length + 1);
});

test('writes nothing once its lease is lost', async (t) => {
  const { asked, clock, term, lose } = aTerm(t, ['purge'], tooMany);
  await clock.advance(0);
  lose();
  await clock.advance(60_000);
  await term.end();
  assert.deepEqual(asked(), ['purge']);
});

test('serves a daemon between the many that a change of their dispatcher is for', async (t) => {
  const { asked, clock, term, show, showDispatcher } = aTerm(t, []);
  const names = Array.from({ length: 50 }, (_, index) => `daemon-${index}`);
  for (const name of names) show(newDaemon(name, { dispatcherRef: { name: 'main' } }));
  await clock.advance(1000);
  assert.deepEqual(asked(), [], 'their dispatcher is missing');
  showDispatcher(aDispatcher({ metadata: { resourceVersion: '1' } }), { attached: 50 });
  term.onDispatcher('clarive/main');
  show(newDaemon('single'));
  await clock.advance(60_000);
  assert.equal(asked().length, 51);
  assert.ok(
    asked().indexOf('single') < 3,
    `before it were ${asked().slice(0, asked().indexOf('single')).join(', ')}`,
  );
});

test('collects what many daemons of a dispatcher report, and visits it for a change of its own at once', async (t) => {
  const { clock, term, showDispatcher, reports } = aTerm(t, []);
  showDispatcher(aDispatcher({ metadata: { resourceVersion: '1' } }), { attached: 3000 });
  for (let report = 0; report < 50; report++) term.onReport('clarive/main');
  await clock.advance(299);
  assert.equal(reports(), 0);
  await clock.advance(1);
  assert.equal(reports(), 1);
  showDispatcher(aDispatcher({ metadata: { resourceVersion: '1000' } }), { attached: 3000 });
  term.onReport('clarive/main');
  await clock.advance(0);
  assert.equal(reports(), 1);
  term.onDispatcher('clarive/main');
  await clock.advance(0);
  assert.equal(reports(), 2);
});

function newDaemon(name: string, spec: Partial<ClariveDaemon['spec']> = {}): ClariveDaemon {
  const metadata = { name, uid: `uid-of-${name}`, resourceVersion: '1', generation: 1 };
  return aDaemon({ metadata, service: `service.${name.replace('-', '_')}`, ...spec });
}

function isOfChild({ method, path }: ApiRequest): boolean {
  return method === 'POST' && path.endsWith('/deployments');
}

/** A term over these daemons, on a server that refuses so many children, with these failures, and then takes every write. */
function aTerm(t: TestContext, names: string[], ...failures: Error[]) {
  const result = readConfig({
    argv: [],
    env: { CLARIVE_OPERATOR_DEFAULT_IMAGE: 'clarive:7' },
    readFile: () => assert.fail('No file is read'),
  });
  assert.ok('config' in result, JSON.stringify(result));
  const { config } = result;
  const requests: ApiRequest[] = [];
  let version = 100;
  const answerOf = ({ path, body }: ApiRequest): RawObject => {
    version += 1;
    const isStatus = path.endsWith('/status');
    const name = isStatus ? path.split('/').at(-2) : (body as RawObject).metadata.name;
    const known = view.daemons.get(`clarive/${name}`)?.daemon;
    const own = { ...(body as RawObject).metadata, uid: `child-of-${name}`, generation: 1 };
    const object = isStatus ? { ...known, ...(body as object) } : (body as object);
    const metadata = { ...(isStatus ? known?.metadata : own), resourceVersion: String(version) };
    return { ...object, metadata } as unknown as RawObject;
  };
  const request = async (sent: ApiRequest) => {
    requests.push(sent);
    const failure = isOfChild(sent) ? failures.shift() : undefined;
    if (failure) throw failure;
    return answerOf(sent);
  };
  const renderings = new Renderings(config.defaults);
  const view = new View({
    renderings,
    onChange: (resource, before, after) => {
      const item = after ?? before;
      if (!item || resource.kind !== 'ClariveDaemon') return;
      term.onDaemon(item.key, after && view.daemons.get(item.key)?.daemon);
    },
  });
  const clock = new VirtualClock();
  const metrics = new Metrics({ version: '1', workers: 1, lease: undefined });
  const visited = mock.method(metrics, 'onReconcile');
  const losing = new AbortController();
  const term = new Term({
    transport: { request } as unknown as Transport,
    view,
    renderings,
    config,
    logger: createLogger('silent'),
    metrics,
    clock,
    random: () => 0.5,
    identity: 'test',
    lost: losing.signal,
    leads: () => !losing.signal.aborted,
    leadsForMs: () => Infinity,
  });
  const showDispatcher = (dispatcher: ClariveDispatcher, daemons: DaemonCounts) =>
    view.dispatchers.upsert(
      view.observeDispatcher({ ...dispatcher, status: { daemons } } as unknown as RawObject),
    );
  const show = (daemon: ClariveDaemon) =>
    view.daemons.upsert(view.observeDaemon(daemon as unknown as RawObject));
  for (const name of names) show(newDaemon(name));
  term.start();
  t.after(() => term.end());
  return {
    clock,
    term,
    lose: () => losing.abort(new Error('The lease is lost')),
    /** Which children it has tried to make. */
    asked: () => requests.filter(isOfChild).map(({ body }) => (body as RawObject).metadata.name),
    show,
    showDispatcher,
    /** How many statuses of dispatchers were written. */
    reports: () => requests.filter(({ path }) => path.includes('/clarivedispatchers/')).length,
    visits: () => visited.mock.callCount(),
    change: (name: string, metadata: object) => {
      const { daemon } = view.daemons.get(`clarive/${name}`) ?? assert.fail();
      version += 1;
      show({ ...daemon, metadata: { ...daemon.metadata, ...metadata, resourceVersion: String(version) } });
    },
  };
}
