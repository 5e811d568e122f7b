import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import events from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { ApiError } from '../../src/kube/api-error.ts';
import { type Access, Credentials } from '../../src/kube/credentials.ts';
import { type ApiRequest, type Method, Transport } from '../../src/kube/transport.ts';
import { eventually } from './eventually.ts';
import { ScriptedServer } from './scripted-server.ts';

const get: ApiRequest = { method: 'GET', path: '/api/v1/pods' };

describe('a request', () => {
  test('carries method, path, query, headers and body, and returns the parsed answer', async (t) => {
    const server = await ScriptedServer.start(t);
    const answered = server.transport(t).request({
      method: 'PATCH',
      path: '/apis/apps/v1/x',
      query: { force: true, limit: 5, labelSelector: 'a=b,c in (d, é)', absent: undefined },
      body: { text: 'ñ' },
      contentType: 'application/merge-patch+json',
    });
    const received = await server.next();
    assert.deepEqual([received.method, received.path], ['PATCH', '/apis/apps/v1/x']);
    assert.equal(received.query.get('labelSelector'), 'a=b,c in (d, é)');
    assert.deepEqual([...received.query.keys()], ['force', 'limit', 'labelSelector']);
    assert.equal(received.headers['user-agent'], 'clarive-operator/test');
    assert.equal(received.headers['content-type'], 'application/merge-patch+json');
    assert.equal(received.headers.accept, 'application/json');
    assert.deepEqual(received.body, { text: 'ñ' });
    received.answer(200, { done: true });
    assert.deepEqual(await answered, { done: true });
  });

  test('keeps the path of a server behind a prefix', async (t) => {
    const server = await ScriptedServer.start(t);
    const access = { ...accessOf(server), server: new URL(`${server.url}/k8s/clusters/one/`) };
    const answered = transportWith(t, async () => access).request(get);
    const received = await server.next();
    assert.equal(received.path, '/k8s/clusters/one/api/v1/pods');
    received.answer(200, {});
    await answered;
  });

  test('returns undefined for an empty answer', async (t) => {
    const server = await ScriptedServer.start(t);
    const answered = server.transport(t).request(get);
    (await server.next()).answer(200, '');
    assert.equal(await answered, undefined);
  });

  test('puts an answer together that is cut inside a character', async (t) => {
    const server = await ScriptedServer.start(t);
    const answered = server.transport(t).request(get);
    const received = (await server.next()).open();
    const bytes = Buffer.from('{"a":"😀"}');
    received.write(bytes.subarray(0, 7));
    await eventually(() => received.socket.writableLength === 0);
    received.write(bytes.subarray(7));
    received.end();
    assert.deepEqual(await answered, { a: '😀' });
  });

  test('uses the same connection again', async (t) => {
    const server = await ScriptedServer.start(t);
    const transport = server.transport(t);
    for (let count = 0; count < 3; count++) {
      const answered = transport.request(get);
      (await server.next()).answer(200, {});
      await answered;
    }
    assert.equal(server.connections, 1);
  });

  test('reads a refusal to its end, so that the connection can be used again', async (t) => {
    const server = await ScriptedServer.start(t);
    const transport = server.transport(t);
    for (let count = 0; count < 3; count++) {
      const answered = transport.request(get);
      (await server.next()).answer(500, 'x'.repeat(200_000));
      await assert.rejects(answered, { name: 'ApiError', code: 500 });
    }
    assert.equal(server.connections, 1);
  });
});

describe('a failure', () => {
  test('of the server is an ApiError with its words, and what was asked', async (t) => {
    const server = await ScriptedServer.start(t);
    const answered = server.transport(t).request({ method: 'POST', path: '/x', query: { a: 1 }, body: {} });
    const status = { kind: 'Status', reason: 'TooManyRequests', message: 'slow down' };
    (await server.next()).answer(429, status, { 'retry-after': '3' });
    const error = await rejection(answered);
    assert.ok(error instanceof ApiError);
    assert.equal(error.message, 'slow down');
    assert.deepEqual([error.code, error.retryAfterMs, error.request], [429, 3000, 'POST /x']);
  });

  test('is every answer but a good one: a redirect is not taken for an object', async (t) => {
    const server = await ScriptedServer.start(t);
    const answered = server.transport(t).request(get);
    (await server.next()).answer(302, '<a href="/login">', { location: '/login' });
    await assert.rejects(answered, { name: 'ApiError', code: 302 });
  });

  test('names the request when the answer is no JSON', async (t) => {
    const server = await ScriptedServer.start(t);
    const answered = server.transport(t).request(get);
    (await server.next()).answer(200, '<html>Log in</html>');
    await assert.rejects(answered, /^Error: GET \/api\/v1\/pods failed: .*<html>/);
  });

  test('names the request, and keeps the cause, when nothing listens there', async (t) => {
    const url = `http://127.0.0.1:${await unusedPort()}`;
    const transport = transportWith(t, async () => accessOf({ url }));
    const error = await rejection(transport.request(get));
    assert.match(error.message, /^GET \/api\/v1\/pods failed: .*ECONNREFUSED/);
    assert.equal((error.cause as NodeJS.ErrnoException).code, 'ECONNREFUSED');
  });

  test('names the request when the credentials cannot be read', async (t) => {
    const transport = transportWith(t, () => Promise.reject(new Error('no token')));
    await assert.rejects(transport.request(get), /GET \/api\/v1\/pods failed: no token/);
  });

  test('is an answer that breaks off', async (t) => {
    const server = await ScriptedServer.start(t);
    const answered = server.transport(t).request(get);
    const received = (await server.next()).open({ 'content-length': '100' });
    received.write('{"half":');
    received.socket.end();
    await assert.rejects(answered, /GET \/api\/v1\/pods failed/);
  });
});

describe('the deadline', () => {
  const beforeMs = 14_999;

  test('covers an answer that does not come', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const server = await ScriptedServer.start(t);
    const failed = rejection(server.transport(t).request(get));
    const received = await server.next();
    t.mock.timers.tick(beforeMs);
    assert.ok(!received.socket.destroyed);
    t.mock.timers.tick(1);
    assert.match((await failed).message, /GET \/api\/v1\/pods failed: No answer within 15000 ms/);
    await received.closed();
  });

  test('covers an answer that begins and does not end', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const server = await ScriptedServer.start(t);
    const failed = rejection(server.transport(t, { timeoutMs: 50 }).request(get));
    const received = (await server.next()).open();
    received.write('{"half":');
    await eventually(() => received.socket.writableLength === 0);
    t.mock.timers.tick(50);
    assert.match((await failed).message, /No answer within 50 ms/);
    await received.closed();
  });

  test('is over when the answer is there', async (t) => {
    const { length: before } = process.getActiveResourcesInfo().filter((name) => name === 'Timeout');
    const server = await ScriptedServer.start(t);
    const answered = server.transport(t, { timeoutMs: 600_000 }).request(get);
    (await server.next()).answer(200, {});
    await answered;
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    await eventually(() => timers() <= before);
  });

  test('of a watch is over when it is open', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const server = await ScriptedServer.start(t);
    const stopping = new AbortController();
    const opened = server.transport(t).stream({ ...get, signal: stopping.signal });
    const received = (await server.next()).open();
    const stream = await opened;
    t.mock.timers.tick(600_000);
    received.write('late');
    const [chunk] = (await events.once(stream, 'data')) as [Buffer];
    assert.equal(chunk.toString(), 'late');
    stopping.abort();
    await received.closed();
  });

  test('covers a watch that does not open', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const server = await ScriptedServer.start(t);
    const failed = rejection(server.transport(t).stream({ ...get, timeoutMs: 30 }));
    const received = await server.next();
    t.mock.timers.tick(30);
    assert.match((await failed).message, /No answer within 30 ms/);
    await received.closed();
  });
});

describe('an abort', () => {
  const reason = new Error('The operator is stopping');

  test('ends a request at any point, with its reason, and leaves no listener', async (t) => {
    const server = await ScriptedServer.start(t);
    const transport = server.transport(t);
    const before = async () => undefined;
    const waiting = async () => void (await server.next());
    const reading = async () => (await server.next()).open().write('{"half":');
    for (const until of [before, waiting, reading]) {
      const aborting = new AbortController();
      const answered = transport.request({ ...get, signal: aborting.signal });
      const failed = rejection(answered);
      await until();
      aborting.abort(reason);
      assert.match((await failed).message, /The operator is stopping/);
      assert.equal((await failed).cause, reason);
      assert.equal(events.getEventListeners(aborting.signal, 'abort').length, 0);
    }
    await eventually(() => server.sockets.size === 0);
  });

  test('that came before sends nothing', async (t) => {
    const server = await ScriptedServer.start(t);
    const failed = rejection(server.transport(t).request({ ...get, signal: AbortSignal.abort(reason) }));
    assert.equal((await failed).cause, reason);
    assert.equal(server.connections, 0);
  });

  test('ends an open watch with its reason, and closes its connection', async (t) => {
    const server = await ScriptedServer.start(t);
    const aborting = new AbortController();
    const opened = server.transport(t).stream({ ...get, signal: aborting.signal });
    const received = (await server.next()).open();
    const stream = await opened;
    const failed = rejection(stream.toArray());
    aborting.abort(reason);
    assert.equal(await failed, reason);
    await received.closed();
    assert.equal(events.getEventListeners(aborting.signal, 'abort').length, 0);
  });

  test('of a watch that nobody reads yet is no unhandled error', async (t) => {
    const server = await ScriptedServer.start(t);
    const aborting = new AbortController();
    const opened = server.transport(t).stream({ ...get, signal: aborting.signal });
    const received = (await server.next()).open();
    const stream = await opened;
    aborting.abort(reason);
    await received.closed();
    assert.ok(stream.destroyed);
  });

  test('finds no listener left of requests that have ended by themselves', async (t) => {
    const server = await ScriptedServer.start(t);
    const { signal } = new AbortController();
    const transport = server.transport(t);
    const answered = transport.request({ ...get, signal });
    (await server.next()).answer(200, {});
    await answered;
    const refused = rejection(transport.stream({ ...get, signal }));
    (await server.next()).answer(404, {});
    await refused;
    const opened = transport.stream({ ...get, signal });
    (await server.next()).open().end();
    await (await opened).toArray();
    await eventually(() => events.getEventListeners(signal, 'abort').length === 0);
  });
});

describe('a kept-alive connection that breaks just when it is used again', () => {
  test('is replaced once for everything but a POST, which may have arrived', async (t) => {
    const again: Method[] = [];
    for (const method of ['GET', 'PUT', 'PATCH', 'DELETE', 'POST'] as const) {
      const server = await ScriptedServer.start(t);
      const transport = await withIdleConnection(server, t);
      const answered = transport.request({ ...get, method });
      (await server.next()).reset();
      if (method === 'POST') {
        await assert.rejects(answered, /POST \/api\/v1\/pods failed: .*(ECONNRESET|socket hang up)/);
        assert.equal(server.unanswered, 0);
      } else {
        (await server.next()).answer(200, {});
        await answered;
        again.push(method);
      }
    }
    assert.deepEqual(again, ['GET', 'PUT', 'PATCH', 'DELETE']);
  });

  test('is replaced only once', async (t) => {
    const server = await ScriptedServer.start(t);
    const transport = await withIdleConnection(server, t);
    const answered = rejection(transport.request(get));
    (await server.next()).reset();
    (await server.next()).reset();
    assert.match((await answered).message, /failed/);
    assert.equal(server.unanswered, 0);
  });

  test('is not replaced when the answer had begun', async (t) => {
    const server = await ScriptedServer.start(t);
    const transport = await withIdleConnection(server, t);
    const answered = rejection(transport.request(get));
    const received = (await server.next()).open();
    received.write('{"half":');
    await eventually(() => received.socket.writableLength === 0);
    received.reset();
    await answered;
    assert.equal(server.unanswered, 0);
  });

  test('is not told as stale when it was new', async (t) => {
    const server = await ScriptedServer.start(t);
    const answered = rejection(server.transport(t).request(get));
    (await server.next()).reset();
    await answered;
    assert.equal(server.unanswered, 0);
  });
});

describe('the connections', () => {
  test('of a watch is its own, so that requests never wait behind it', async (t) => {
    const server = await ScriptedServer.start(t);
    const transport = server.transport(t);
    const stopping = new AbortController();
    const opened = transport.stream({ ...get, signal: stopping.signal });
    const watch = (await server.next()).open();
    const stream = await opened;
    const answered = transport.request(get);
    (await server.next()).answer(200, {});
    await answered;
    assert.equal(server.connections, 2);
    const ended = rejection(stream.toArray());
    stopping.abort(new Error('Stop'));
    await ended;
    await watch.closed();
  });

  test('with earlier certificates finish what they do and are not used again', async (t) => {
    const server = await ScriptedServer.start(t);
    let fingerprint = 'old';
    const transport = transportWith(t, async () => ({ ...accessOf(server), fingerprint }));
    const idle = transport.request(get);
    const underWay = transport.request(get);
    const [first, second] = [await server.next(), await server.next()];
    first.answer(200, {});
    await idle;
    fingerprint = 'new';
    const later = transport.request(get);
    const third = await server.next();
    await first.closed();
    assert.notEqual(third.socket, first.socket);
    second.answer(200, { underWay: true });
    third.answer(200, {});
    assert.deepEqual(await underWay, { underWay: true });
    await later;
    await second.closed();
    assert.equal(server.sockets.size, 1);
  });

  test('that are idle are closed by close, while a request under way ends well', async (t) => {
    const server = await ScriptedServer.start(t);
    const transport = server.transport(t);
    const answered = transport.request(get);
    const received = await server.next();
    transport.close();
    received.answer(200, { done: true });
    assert.deepEqual(await answered, { done: true });
    await received.closed();
  });
});

test('reports each answer once, by its code or as an error', async (t) => {
  const server = await ScriptedServer.start(t);
  const reports: string[] = [];
  const onResponse = ({ method }: ApiRequest, code: string) => reports.push(`${method} ${code}`);
  const transport = server.transport(t, { onResponse });
  const good = transport.request(get);
  (await server.next()).answer(201, {});
  await good;
  const refused = rejection(transport.request({ ...get, method: 'PUT' }));
  (await server.next()).answer(409, {});
  await refused;
  const opened = transport.stream(get);
  (await server.next()).open().end();
  await (await opened).toArray();
  const broken = rejection(transport.request({ ...get, method: 'POST' }));
  (await server.next()).reset();
  await broken;
  assert.deepEqual(reports, ['GET 201', 'PUT 409', 'GET 200', 'POST <error>']);
});

test('tells which credentials a 401 was the answer to', async (t) => {
  const server = await ScriptedServer.start(t);
  const accesses = [accessOf(server, { Authorization: 'Bearer old' }), accessOf(server)];
  const rejected: Access[] = [];
  const credentials = {
    get: async () => accesses[0]!,
    reject: (access: Access) => void rejected.push(access),
  };
  const transport = new Transport({ credentials, userAgent: 'test' });
  t.after(() => transport.close());
  const refused = rejection(transport.request(get));
  const received = await server.next();
  assert.equal(received.headers.authorization, 'Bearer old');
  received.answer(401, {});
  await refused;
  assert.deepEqual(rejected, [accesses[0]]);
});

test('speaks TLS with the CA of the credentials, and refuses a server of another', async (t) => {
  const { key, cert } = selfSigned(t);
  const server = await ScriptedServer.start(t, { key, cert });
  const trusted = transportWith(t, async () => ({ ...accessOf(server), tls: { ca: cert } }));
  const answered = trusted.request(get);
  (await server.next()).answer(200, { secure: true });
  assert.deepEqual(await answered, { secure: true });
  const opened = trusted.stream(get);
  (await server.next()).open().end();
  await (await opened).toArray();

  const stranger = transportWith(t, async () => accessOf(server));
  await assert.rejects(stranger.request(get), /failed: self-signed certificate/);
});

test('goes through the proxy that the kubeconfig names', async (t) => {
  const server = await ScriptedServer.start(t);
  const connects: string[] = [];
  const proxy = net.createServer((client) => {
    client.once('data', (head) => {
      connects.push(head.toString().split('\r\n')[0] ?? '');
      const upstream = net.connect(Number(new URL(server.url).port), '127.0.0.1');
      client.write('HTTP/1.1 200 OK\r\n\r\n');
      client.pipe(upstream).pipe(client);
      client.on('error', () => upstream.destroy());
      upstream.on('error', () => client.destroy());
    });
  });
  proxy.listen(0, '127.0.0.1');
  await events.once(proxy, 'listening');
  t.after(() => proxy.close());
  const kubeConfig = server.kubeConfig();
  const [cluster] = kubeConfig.clusters;
  const proxyUrl = `http://127.0.0.1:${(proxy.address() as net.AddressInfo).port}`;
  kubeConfig.clusters = [{ ...cluster!, proxyUrl }];
  const credentials = new Credentials(kubeConfig, () => performance.now());
  const transport = new Transport({ credentials, userAgent: 'test' });
  t.after(() => transport.close());
  const answered = transport.request(get);
  (await server.next()).answer(200, { proxied: true });
  assert.deepEqual(await answered, { proxied: true });
  assert.deepEqual(connects, [`CONNECT ${new URL(server.url).host} HTTP/1.1`]);
});

function accessOf({ url }: { url: string }, headers: Record<string, string> = {}): Access {
  return { server: new URL(url), headers, tls: {}, proxyAgent: undefined, fingerprint: '' };
}

function transportWith(t: TestContext, access: () => Promise<Access>): Transport {
  const transport = new Transport({
    credentials: { get: access, reject: () => undefined },
    userAgent: 'test',
  });
  t.after(() => transport.close());
  return transport;
}

/** A transport that has one connection open and idle. */
async function withIdleConnection(server: ScriptedServer, t: TestContext): Promise<Transport> {
  const transport = server.transport(t);
  const answered = transport.request(get);
  (await server.next()).answer(200, {});
  await answered;
  return transport;
}

async function rejection(promise: Promise<unknown>): Promise<Error> {
  return promise.then(
    () => assert.fail('It should have failed'),
    (error: unknown) => error as Error,
  );
}

async function unusedPort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await events.once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await events.once(server, 'close');
  return port;
}

function selfSigned(t: TestContext): { key: string; cert: string } {
  const folder = mkdtempSync(join(tmpdir(), 'clarive-tls-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const request = ['req', '-x509', '-nodes', '-days', '2', '-subj', '/CN=test', '-keyout', key, '-out', cert];
  const kind = [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-addext',
    'subjectAltName=IP:127.0.0.1',
  ];
  execFileSync('openssl', [...request, ...kind], { stdio: 'pipe' });
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
}
