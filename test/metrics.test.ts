import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { test, type TestContext } from 'node:test';
import { setImmediate as turnOfEventLoop } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { ClariveDaemon, ClariveDaemonStatus } from '../src/api/clarive-daemon.ts';
import type { ClariveDispatcher } from '../src/api/clarive-dispatcher.ts';
import type { ConditionStatus } from '../src/api/conditions.ts';
import { Metrics, type MetricsSource, serveMetrics } from '../src/metrics.ts';
import { aDaemon, aDispatcher } from './support/builders.ts';

interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

interface Family {
  type: string;
  samples: Sample[];
}

/** Reads Prometheus' text format, and is strict: each family is introduced once, and its samples follow at once. */
function parsed(text: string): Map<string, Family> {
  const families = new Map<string, Family>();
  let name = '';
  for (const line of text.split('\n').filter((line) => line !== '' && !line.startsWith('# HELP '))) {
    const introduction = /^# TYPE (\w+) (counter|gauge|histogram)$/.exec(line);
    if (introduction) {
      const [, introduced = '', type = ''] = introduction;
      assert.ok(!families.has(introduced), `${introduced} comes twice`);
      name = introduced;
      families.set(name, { type, samples: [] });
      continue;
    }
    const sample = sampleOf(line);
    const family = families.get(name);
    const suffix = sample.name.slice(name.length);
    assert.ok(sample.name.startsWith(name) && family, `${line} is out of place`);
    assert.match(suffix, family.type === 'histogram' ? /^_(bucket|sum|count)$/ : /^$/);
    family.samples.push(sample);
  }
  return families;
}

function sampleOf(line: string): Sample {
  const {
    name = '',
    labels = '',
    value,
  } = /^(?<name>\w+)(\{(?<labels>(\w+="(\\[\\n"]|[^\\"])*",?)*)\})? (?<value>\S+)$/.exec(line)?.groups ?? {};
  assert.ok(value, `"${line}" is no sample`);
  const pairs = labels.matchAll(/(\w+)="((?:\\.|[^\\"])*)"/g).map(([, label = '', text = '']) => {
    return [label, text.replace(/\\(.)/g, (_, escape: string) => (escape === 'n' ? '\n' : escape))];
  });
  const numbers: Record<string, number> = { Nan: NaN, '+Inf': Infinity };
  return { name, labels: Object.fromEntries(pairs), value: numbers[value] ?? Number(value) };
}

function aSource(given: Partial<MetricsSource> = {}): MetricsSource {
  return {
    queue: { depths: () => new Map(), unfinishedSeconds: () => [] },
    leads: true,
    watches: () => [],
    daemons: () => [],
    dispatchers: () => [],
    ...given,
  };
}

const someMetrics = ({ lease = 'clarive-operator' }: { lease?: string | undefined } = {}) =>
  new Metrics({ version: '1.2.3', workers: 16, lease });

async function textOf(metrics: Metrics, source = aSource()): Promise<string> {
  return (await Array.fromAsync(metrics.text(source))).join('');
}

/** The family's samples, each as its labels' values and its own. */
async function samplesOf(name: string, metrics: Metrics, source = aSource()): Promise<unknown[]> {
  const family = parsed(await textOf(metrics, source)).get(name);
  assert.ok(family, `${name} is not served`);
  return family.samples.map(({ labels, value }) => [...Object.values(labels), value]);
}

function aStatus(reason: string, conditions: Record<string, ConditionStatus>): ClariveDaemonStatus {
  return { service: 'service.purge.daemon', image: 'clarive:7.13', ...conditionsOf(reason, conditions) };
}

function conditionsOf(reason: string, conditions: Record<string, ConditionStatus>) {
  const lastTransitionTime = '2026-01-01T00:00:00Z';
  return {
    conditions: Object.entries(conditions).map(([type, status]) => {
      return { type, status, reason, message: '', lastTransitionTime };
    }),
  };
}

const running: ClariveDaemon = {
  ...aDaemon(),
  status: {
    ...aStatus('Running', { Ready: 'True', Active: 'True', Stalled: 'False' }),
    pod: { restarts: 3, crashes: 1 },
  },
};

/** A dispatcher in the middle of a rollout. */
const main: ClariveDispatcher = {
  ...aDispatcher({ image: 'clarive:7.14', environment: 'prod' }),
  status: {
    ...conditionsOf('RollingOut', { Ready: 'False', Stalled: 'False' }),
    daemons: { attached: 7, active: 5, stopped: 1, waiting: 2, stalled: 1 },
  },
};

function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

test('serves what docs/metrics.md lists: names, types and labels', async () => {
  const metrics = someMetrics();
  metrics.requestObserver('10.0.0.1:443')({ method: 'GET', path: '/' }, '200');
  const watches = () => [{ resource: 'pods', silentMs: 1, idleMs: 1 }];
  const source = aSource({ watches, daemons: () => [running], dispatchers: () => [main] });
  collectGarbage();

  let served = parsed(await textOf(metrics, source));
  // Node tells of a garbage collection some turns later.
  while (served.get('nodejs_gc_duration_seconds')?.samples.length === 0) {
    await turnOfEventLoop();
    served = parsed(await textOf(metrics, source));
  }

  const rows = Array.from(served, ([name, { type, samples }]) => {
    const labels = Object.keys(samples.at(-1)?.labels ?? assert.fail(`${name} has no sample`));
    return [name, type, ...labels.filter((label) => label !== 'le')];
  });
  const page = readFileSync(new URL('../docs/metrics.md', import.meta.url), 'utf8');
  const documented = page
    .matchAll(/^\| +`(\w+)` +\| +(\w+) +\| +(.*?) +\| +(.*?) +\|$/gm)
    .map(([, name, type, labels = '']) => [name, type, ...labels.matchAll(/\w+/g).map(([label]) => label)]);
  assert.deepEqual([...documented].toSorted(byName), rows.toSorted(byName));
});

function byName([a = '']: (string | undefined)[], [b = '']: (string | undefined)[]): number {
  return a.localeCompare(b);
}

test('counts reconciles as controller-runtime does', async () => {
  const metrics = someMetrics();
  metrics.onReconcile('success', 0.004);
  metrics.onReconcile('requeue_after', 0.02);
  metrics.onReconcile('error', 0.02);
  metrics.onReconcile('error', 61);
  const name = 'clarivedaemon';
  assert.deepEqual(await samplesOf('controller_runtime_reconcile_total', metrics), [
    [name, 'success', 1],
    [name, 'error', 2],
    [name, 'requeue', 0],
    [name, 'requeue_after', 1],
  ]);
  assert.deepEqual(await samplesOf('controller_runtime_reconcile_errors_total', metrics), [[name, 2]]);
  assert.deepEqual(await samplesOf('controller_runtime_terminal_reconcile_errors_total', metrics), [
    [name, 0],
  ]);
  const buckets = await samplesOf('controller_runtime_reconcile_time_seconds', metrics);
  assert.deepEqual(buckets.slice(0, 3), [
    ['0.005', name, 1],
    ['0.01', name, 1],
    ['0.025', name, 3],
  ]);
  assert.deepEqual(buckets.slice(-3), [
    ['+Inf', name, 4],
    [name, 61.044],
    [name, 4],
  ]);
});

test('shows what the queue does', async () => {
  const metrics = someMetrics();
  metrics.onAdd();
  metrics.onRetry();
  metrics.onGet(0.05);
  metrics.onDone(5);
  const queue = { depths: () => new Map([[-100, 2]]), unfinishedSeconds: () => [1, 7] };
  const valueOf = async (name: string) => (await samplesOf(name, metrics, aSource({ queue }))).at(-1);
  const labels = ['clarivedaemon', 'clarivedaemon'];
  assert.deepEqual(await valueOf('workqueue_adds_total'), [...labels, 1]);
  assert.deepEqual(await valueOf('workqueue_retries_total'), [...labels, 1]);
  assert.deepEqual(await valueOf('workqueue_queue_duration_seconds'), [...labels, 1]);
  assert.deepEqual(await valueOf('workqueue_work_duration_seconds'), [...labels, 1]);
  assert.deepEqual(await valueOf('workqueue_unfinished_work_seconds'), [...labels, 8]);
  assert.deepEqual(await valueOf('workqueue_longest_running_processor_seconds'), [...labels, 7]);
  assert.deepEqual(await valueOf('controller_runtime_active_workers'), ['clarivedaemon', 2]);
  assert.deepEqual(await valueOf('controller_runtime_max_concurrent_reconciles'), ['clarivedaemon', 16]);
  const depths = (await samplesOf('workqueue_depth', metrics, aSource({ queue }))) as unknown[][];
  const empty = (await samplesOf('workqueue_depth', metrics)) as unknown[][];
  assert.deepEqual(
    depths.map((row) => row.slice(2)),
    [
      ['0', 0],
      ['-100', 2],
    ],
  );
  assert.deepEqual(
    empty.map((row) => row.slice(2)),
    [
      ['0', 0],
      ['-100', 0],
    ],
  );
});

test('counts requests by answer, method and server', async () => {
  const metrics = someMetrics();
  const onResponse = metrics.requestObserver('10.0.0.1:443');
  onResponse({ method: 'GET', path: '/a' }, '200');
  onResponse({ method: 'GET', path: '/b' }, '200');
  onResponse({ method: 'POST', path: '/c' }, '<error>');
  assert.deepEqual(await samplesOf('rest_client_requests_total', metrics), [
    ['200', 'GET', '10.0.0.1:443', 2],
    ['<error>', 'POST', '10.0.0.1:443', 1],
  ]);
});

test('shows of several watches of one resource the one that is silent longest', async () => {
  const metrics = someMetrics();
  metrics.onWatchInterrupted('pods');
  const watches = () =>
    [9000, 70_000, 100]
      .map((silentMs) => ({ resource: 'pods', silentMs, idleMs: 0 }))
      .concat({
        resource: 'deployments',
        silentMs: 0,
        idleMs: 0,
      });
  const source = aSource({ watches });
  assert.deepEqual(await samplesOf('clarive_watch_last_event_age_seconds', metrics, source), [
    ['pods', 70],
    ['deployments', 0],
  ]);
  assert.deepEqual(await samplesOf('clarive_watch_restarts_total', metrics, source), [
    ['pods', 1],
    ['deployments', 0],
  ]);
});

test('shows who leads, and daemons and dispatchers only there', async () => {
  const metrics = someMetrics({ lease: 'ours' });
  const daemons = () => [running];
  for (const leads of [true, false]) {
    const source = aSource({ leads, daemons, dispatchers: () => [main] });
    assert.deepEqual(await samplesOf('leader_election_master_status', metrics, source), [
      ['ours', Number(leads)],
    ]);
    for (const kind of ['daemon', 'dispatcher'])
      assert.equal((await samplesOf(`clarive_${kind}_info`, metrics, source)).length, Number(leads));
  }
  const alone = new Metrics({ version: '1', workers: 1, lease: undefined });
  assert.deepEqual(await samplesOf('leader_election_master_status', alone), []);
});

/** The daemon's own series, as name and then what stands behind `namespace` and `name`. */
function seriesOf(daemon: ClariveDaemon): Promise<unknown[]> {
  return ownSeries('clarive_daemon_', 'purge', aSource({ daemons: () => [daemon] }));
}

async function ownSeries(prefix: string, of: string, source: MetricsSource): Promise<unknown[]> {
  const families = parsed(await textOf(someMetrics(), source));
  return [...families.values()]
    .flatMap(({ samples }) => samples)
    .filter(({ name, labels }) => name.startsWith(prefix) && labels['name'] === of)
    .map(({ name, labels: { namespace, name: objectName, ...labels }, value }) => {
      assert.deepEqual([namespace, objectName], ['clarive', of]);
      return [name.slice(prefix.length), ...Object.values(labels), value];
    });
}

test('shows a running daemon', async () => {
  assert.deepEqual(await seriesOf(running), [
    ['info', 'service.purge.daemon', 'clarive:7.13', '', 1],
    ['desired_replicas', 1],
    ['paused', 0],
    ['ready', 1],
    ['active', 1],
    ['stalled', 0],
    ['state', 'Running', 1],
    ['last_transition_timestamp_seconds', 1_767_225_600],
    ['restarts_total', 3],
    ['crashes', 1],
  ]);
});

test('shows of a daemon that was not visited yet what its spec says', async () => {
  assert.deepEqual(await seriesOf(aDaemon({ image: 'clarive:8' })), [
    ['info', 'service.purge.daemon', 'clarive:8', '', 1],
    ['desired_replicas', 1],
    ['paused', 0],
  ]);
});

test('does not say whether a daemon is active while nobody knows', async () => {
  const status = aStatus('NodeUnreachable', { Ready: 'False', Active: 'Unknown', Stalled: 'True' });
  const { replicas: _, ...spec } = aDaemon({ paused: true }).spec;
  assert.deepEqual((await seriesOf({ ...aDaemon(), spec, status })).slice(1, 6), [
    ['desired_replicas', 1],
    ['paused', 1],
    ['ready', 0],
    ['stalled', 1],
    ['state', 'NodeUnreachable', 1],
  ]);
});

test('shows a dispatcher, with those of its daemons that shall run', async () => {
  const dispatcherRef = { name: 'main' };
  const daemons = [
    aDaemon({ dispatcherRef }),
    aDaemon({ dispatcherRef, replicas: 0 }),
    aDaemon({ dispatcherRef, metadata: { namespace: 'other' } }),
    aDaemon({ dispatcherRef: { name: 'second' } }),
    aDaemon(),
  ];
  const off = aDispatcher({ metadata: { name: 'second' }, replicas: 0 });
  const source = aSource({ daemons: () => daemons, dispatchers: () => [main, off] });
  assert.deepEqual(await ownSeries('clarive_dispatcher_', 'main', source), [
    ['info', 'clarive:7.14', 'prod', 1],
    ['desired_replicas', 1],
    ['ready', 0],
    ['stalled', 0],
    ['state', 'RollingOut', 1],
    ['last_transition_timestamp_seconds', 1_767_225_600],
    ['daemons_attached', 7],
    ['daemons_wanted', 1],
    ['daemons_active', 5],
    ['daemons_stopped', 1],
    ['daemons_waiting', 2],
    ['daemons_stalled', 1],
  ]);
  assert.deepEqual(await ownSeries('clarive_dispatcher_', 'second', source), [
    ['info', '', '', 1],
    ['desired_replicas', 0],
    ['daemons_wanted', 0],
  ]);
});

test('quotes what a label may not hold', async () => {
  const image = 'a"b\\c\nd';
  assert.deepEqual((await seriesOf(aDaemon({ image })))[0], ['info', 'service.purge.daemon', image, '', 1]);
});

test('lets the event loop have its turn, and shows each daemon once while they change', async () => {
  const daemons = new Map(
    Array.from({ length: 2000 }, (_, index) => [`d${index}`, aDaemon({ metadata: { name: `d${index}` } })]),
  );
  let turns = 0;
  const turn = () => {
    turns++;
    const key = `d${turns % 2000}`;
    const daemon = daemons.get(key);
    daemons.delete(key);
    if (daemon) daemons.set(key, daemon);
    immediate = setImmediate(turn);
  };
  let immediate = setImmediate(turn);
  const source = aSource({ daemons: () => daemons.values() });
  const samples = (await samplesOf('clarive_daemon_info', someMetrics(), source)) as unknown[][];
  clearImmediate(immediate);
  assert.equal(new Set(samples.map(([, name]) => name)).size, 2000);
  assert.equal(samples.length, 2000);
  assert.ok(turns >= 40, `only ${turns} turns`);
});

async function aServer(t: TestContext, source: MetricsSource) {
  const server = await serveMetrics({ host: '127.0.0.1', port: 0 }, someMetrics(), source);
  t.after(() => server.close());
  return `http://127.0.0.1:${server.port}`;
}

test('serves /metrics', async (t) => {
  const url = await aServer(t, aSource({ daemons: () => [running] }));
  const response = await fetch(`${url}/metrics`);
  assert.equal(response.status, 200);
  assert.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
  assert.ok(parsed(await response.text()).has('clarive_daemon_crashes'));
  const head = await fetch(`${url}/metrics`, { method: 'HEAD' });
  assert.deepEqual(
    [head.status, head.headers.get('content-type')],
    [200, response.headers.get('content-type')],
  );
  assert.equal((await fetch(`${url}/`)).status, 404);
  assert.equal((await fetch(`${url}/metrics`, { method: 'POST' })).status, 405);
});

test('goes on after a scrape that was broken off, and after one that failed', async (t) => {
  let isBroken = false;
  const many = Array.from({ length: 5000 }, () => running);
  const { promise: ended, resolve: onEnd } = Promise.withResolvers<void>();
  const url = await aServer(
    t,
    aSource({
      daemons: () => (isBroken ? assert.fail('The store broke') : many),
      watches: () => (isBroken ? assert.fail('The watches broke') : []),
    }),
  );
  http.get(`${url}/metrics`, (response) => {
    response.once('data', () => response.destroy());
    response.once('close', onEnd);
  });
  await ended;
  isBroken = true;
  const failed = await fetch(`${url}/metrics`);
  assert.deepEqual([failed.status, await failed.text()], [500, 'The watches broke\n']);
  isBroken = false;
  assert.equal((await fetch(`${url}/metrics`)).status, 200);
});
