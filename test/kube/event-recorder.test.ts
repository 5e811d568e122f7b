import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../../src/kube/api-error.ts';
import { EventRecorder } from '../../src/kube/event-recorder.ts';
import type { ApiRequest } from '../../src/kube/transport.ts';
import { aDaemon } from '../support/builders.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

interface EventBody {
  metadata: { name: string };
  reason: string;
  message: string;
  count: number;
  lastTimestamp: string;
}

const daemon = aDaemon({
  metadata: { name: 'purge', namespace: 'clarive', uid: 'u1', resourceVersion: '7' },
});
const started = { type: 'Normal', reason: 'Running', message: 'The daemon runs' } as const;

function aRecorder(signal?: AbortSignal, leads = () => true) {
  const clock = new VirtualClock();
  const requests: ApiRequest[] = [];
  const errors: unknown[] = [];
  const answer: (request: ApiRequest) => Promise<void> = async () => undefined;
  const scene = { clock, requests, errors, answer };
  const request = async <T>(sent: ApiRequest) => {
    requests.push(sent);
    await scene.answer(sent);
    return {} as T;
  };
  const recorder = new EventRecorder({
    transport: { request },
    now: () => clock.now(),
    instance: 'operator-1',
    onError: (error) => errors.push(error),
    leads,
    ...(signal && { signal }),
  });
  return Object.assign(scene, { recorder });
}

function bodyOf({ body }: ApiRequest): EventBody {
  return body as EventBody;
}

test('tells an Event about the daemon, in the form that kubectl describe finds', async () => {
  const { recorder, clock, requests } = aRecorder();
  recorder.record(daemon, started);
  await clock.settle();
  assert.equal(requests.length, 1);
  const [{ method, path, body }] = requests as [ApiRequest];
  assert.deepEqual([method, path], ['POST', '/api/v1/namespaces/clarive/events']);
  const { metadata, ...rest } = body as { metadata: { name: string } };
  assert.match(metadata.name, /^purge\.[0-9a-f]+$/);
  assert.deepEqual(rest, {
    apiVersion: 'v1',
    kind: 'Event',
    involvedObject: {
      apiVersion: 'clarive.com/v1',
      kind: 'ClariveDaemon',
      namespace: 'clarive',
      name: 'purge',
      uid: 'u1',
      resourceVersion: '7',
    },
    type: 'Normal',
    reason: 'Running',
    message: 'The daemon runs',
    count: 1,
    firstTimestamp: '2026-01-01T00:00:00Z',
    lastTimestamp: '2026-01-01T00:00:00Z',
    source: { component: 'clarive-operator' },
    reportingComponent: 'clarive.com/clarive-operator',
    reportingInstance: 'operator-1',
  });
});

test('counts an Event that repeats within ten minutes on the first one, and begins a new one after that', async () => {
  const { recorder, clock, requests } = aRecorder();
  for (let count = 1; count <= 3; count++) {
    recorder.record(daemon, started);
    await clock.advance(599_000);
  }
  await clock.advance(1000);
  recorder.record(daemon, started);
  await clock.settle();
  const [first, second, third, fourth] = requests as [ApiRequest, ApiRequest, ApiRequest, ApiRequest];
  assert.deepEqual(
    requests.map(({ method }) => method),
    ['POST', 'PATCH', 'PATCH', 'POST'],
  );
  assert.equal(second.path, `/api/v1/namespaces/clarive/events/${bodyOf(first).metadata.name}`);
  assert.equal(second.contentType, 'application/merge-patch+json');
  assert.deepEqual(second.body, { count: 2, lastTimestamp: '2026-01-01T00:09:59Z' });
  assert.equal(bodyOf(third).count, 3);
  assert.notEqual(bodyOf(fourth).metadata.name, bodyOf(first).metadata.name);
});

test('tells another reason, text or daemon as an Event of its own, in one millisecond too', async () => {
  const { recorder, clock, requests } = aRecorder();
  recorder.record(daemon, started);
  recorder.record(daemon, { ...started, message: 'Something else' });
  recorder.record(daemon, { ...started, reason: 'Stopped' });
  recorder.record(aDaemon({ metadata: { name: 'job', namespace: 'clarive', uid: 'u2' } }), started);
  await clock.settle();
  const names = requests.map((request) => bodyOf(request).metadata.name);
  assert.deepEqual(new Set(requests.map(({ method }) => method)), new Set(['POST']));
  assert.equal(new Set(names).size, 4);
});

test('keeps the order and sends one after the other, with the time when each was recorded', async () => {
  const scene = aRecorder();
  const { recorder, clock, requests } = scene;
  scene.answer = () => new Promise((resolve) => void clock.setTimeout(resolve, 5000));
  for (const message of ['one', 'two', 'three']) recorder.record(daemon, { ...started, message });
  await clock.settle();
  assert.equal(requests.length, 1);
  await clock.advance(15_000);
  assert.deepEqual(
    requests.map((request) => bodyOf(request).message),
    ['one', 'two', 'three'],
  );
  assert.equal(bodyOf(requests[2]!).lastTimestamp, '2026-01-01T00:00:00Z');
});

test('drops what cannot be sent, says so, and goes on', async () => {
  const scene = aRecorder();
  const { recorder, clock, requests, errors } = scene;
  scene.answer = () => Promise.reject(new Error('unreachable'));
  recorder.record(daemon, started);
  await clock.settle();
  scene.answer = async () => undefined;
  recorder.record(daemon, started);
  await clock.settle();
  assert.equal(errors.length, 1);
  assert.deepEqual(
    requests.map(({ method }) => method),
    ['POST', 'POST'],
  );
});

test('tells an Event anew if somebody has deleted the one it would be counted on', async () => {
  const scene = aRecorder();
  const { recorder, clock, requests, errors } = scene;
  recorder.record(daemon, started);
  await clock.advance(1000);
  scene.answer = async ({ method }) => {
    if (method === 'PATCH') throw new ApiError(404, '');
  };
  recorder.record(daemon, started);
  await clock.advance(1000);
  scene.answer = async () => undefined;
  recorder.record(daemon, started);
  await clock.settle();
  assert.deepEqual(
    requests.map(({ method }) => method),
    ['POST', 'PATCH', 'POST', 'PATCH'],
  );
  assert.equal(requests[3]!.path.split('/').at(-1), bodyOf(requests[2]!).metadata.name);
  assert.equal(bodyOf(requests[3]!).count, 2);
  assert.deepEqual(errors, []);
});

test('sends 25 Events of one daemon at once, and one more each five minutes; others are not affected', async () => {
  const { recorder, clock, requests } = aRecorder();
  const flood = (uid: string) => {
    for (let count = 0; count < 100; count++) {
      recorder.record(aDaemon({ metadata: { uid } }), { ...started, message: String(clock.now() + count) });
    }
  };
  flood('noisy');
  await clock.settle();
  assert.equal(requests.length, 25);
  await clock.advance(300_000);
  flood('noisy');
  await clock.settle();
  assert.equal(requests.length, 26);
  flood('quiet');
  await clock.settle();
  assert.equal(requests.length, 51);
});

test('keeps at most 1,000 Events waiting, and drops the rest', async () => {
  const scene = aRecorder();
  const { recorder, clock, requests } = scene;
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  scene.answer = () => held;
  for (let count = 0; count < 1500; count++)
    recorder.record(aDaemon({ metadata: { uid: `u${count}` } }), started);
  release();
  await clock.settle();
  assert.equal(requests.length, 1001);
});

test('cuts a message to what an Event may hold', async () => {
  const { recorder, clock, requests } = aRecorder();
  recorder.record(daemon, { ...started, message: 'x'.repeat(5000) });
  await clock.settle();
  assert.equal(bodyOf(requests[0]!).message.length, 1024);
});

test('sends nothing more once its signal has fired', async () => {
  const stopping = new AbortController();
  const scene = aRecorder(stopping.signal);
  const { recorder, clock, requests } = scene;
  let release: () => void = () => undefined;
  scene.answer = () => new Promise((resolve) => (release = resolve));
  recorder.record(daemon, started);
  recorder.record(daemon, { ...started, reason: 'Stopped' });
  await clock.settle();
  assert.equal(requests[0]!.signal, stopping.signal);
  stopping.abort();
  release();
  await clock.settle();
  recorder.record(daemon, { ...started, reason: 'Later' });
  await clock.settle();
  assert.equal(requests.length, 1);
});

test('sends nothing when it no longer leads, though nobody has told it yet', async () => {
  const leading = { now: false };
  const { recorder, clock, requests } = aRecorder(undefined, () => leading.now);
  recorder.record(daemon, started);
  await clock.settle();
  assert.equal(requests.length, 0);
  leading.now = true;
  recorder.record(daemon, started);
  await clock.settle();
  assert.equal(requests.length, 1);
});
