import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type Check, serveHealth, watchCheck, type WatchState } from '../src/health.ts';
import { serveHttp } from '../src/http-server.ts';

const failing: Check = { name: 'synced', problem: () => 'pods were not listed yet' };
const passing: Check = { name: 'watches', problem: () => undefined };

/** Serves the checks on a free port and fetches from there. */
async function aServer(t: TestContext, live: Check[], ready: Check[]) {
  const server = await serveHealth({ host: '127.0.0.1', port: 0 }, { live, ready });
  t.after(() => server.close());
  return async (path: string, method = 'GET') => {
    const response = await fetch(`http://127.0.0.1:${server.port}${path}`, { method });
    return { code: response.status, text: await response.text(), headers: response.headers };
  };
}

test('answers ok while every check passes', async (t) => {
  const get = await aServer(t, [passing], []);
  for (const path of ['/livez', '/healthz', '/readyz', '/livez?timeout=1s']) {
    const { code, text } = await get(path);
    assert.deepEqual([path, code, text], [path, 200, 'ok\n']);
  }
});

test('answers 500 with the checks once one fails', async (t) => {
  const get = await aServer(t, [passing], [passing, failing]);
  const { code, text } = await get('/readyz');
  assert.equal(code, 500);
  assert.equal(
    text,
    '[+]ping ok\n[+]watches ok\n[-]synced failed: pods were not listed yet\nreadyz check failed\n',
  );
  assert.equal((await get('/livez')).code, 200);
});

test('lists the checks if it is asked to', async (t) => {
  const get = await aServer(t, [passing], []);
  assert.equal((await get('/livez?verbose')).text, '[+]ping ok\n[+]watches ok\nlivez check passed\n');
  assert.equal((await get('/readyz?a=1&verbose=true')).text, '[+]ping ok\nreadyz check passed\n');
});

test('answers 500 if a check itself breaks, and goes on', async (t) => {
  const broken: Check = {
    name: 'broken',
    problem: () => {
      throw new Error('The check broke');
    },
  };
  const get = await aServer(t, [broken], []);
  const { code, text } = await get('/livez');
  assert.deepEqual([code, text], [500, 'The check broke\n']);
  assert.equal((await get('/readyz')).code, 200);
});

test('knows no other paths and methods', async (t) => {
  const get = await aServer(t, [], []);
  assert.equal((await get('/')).code, 404);
  assert.equal((await get('/constructor')).code, 404);
  const posted = await get('/livez', 'POST');
  assert.deepEqual([posted.code, posted.headers.get('allow')], [405, 'GET, HEAD']);
  const head = await get('/livez', 'HEAD');
  assert.deepEqual([head.code, head.text], [200, '']);
});

test('fails to listen where somebody else does', async (t) => {
  const server = await serveHealth({ host: '127.0.0.1', port: 0 }, { live: [], ready: [] });
  t.after(() => server.close());
  await assert.rejects(serveHealth({ host: '127.0.0.1', port: server.port }, { live: [], ready: [] }), {
    code: 'EADDRINUSE',
  });
});

test('cuts an answer off if its handler fails in the middle, and goes on', async (t) => {
  const server = await serveHttp(
    { host: '127.0.0.1', port: 0 },
    {
      '/': (_, response) => {
        response.write('half of it');
        // oxlint-disable-next-line typescript/only-throw-error
        throw 'no reason';
      },
      '/early': () => {
        // oxlint-disable-next-line typescript/only-throw-error
        throw 'no reason';
      },
    },
  );
  t.after(() => server.close());
  const url = `http://127.0.0.1:${server.port}/`;
  await assert.rejects(async () => (await fetch(url)).text());
  assert.equal(await (await fetch(`${url}early`)).text(), 'no reason\n');
});

for (const [what, watches, problem] of [
  ['no watch', [], undefined],
  [
    'a server that is away, but is tried again and again',
    [{ silentMs: 3_600_000, idleMs: 30_000 }],
    undefined,
  ],
  ['five minutes without a sign of life', [{ silentMs: 300_000, idleMs: 300_000 }], undefined],
  [
    'a watch that does nothing any more',
    [
      { silentMs: 300_001, idleMs: 300_001 },
      { silentMs: 9, idleMs: 9 },
    ],
    'pods stuck for 300 s',
  ],
] as const) {
  test(`judges ${what}: ${problem ?? 'live'}`, () => {
    const states: WatchState[] = watches.map((watch) => ({ resource: 'pods', ...watch }));
    assert.equal(watchCheck(() => states).problem(), problem);
  });
}
