import assert from 'node:assert/strict';
import events from 'node:events';
import { describe, test, type TestContext } from 'node:test';
import { Reflector, type RawObject, type ReflectorOptions } from '../../src/kube/reflector.ts';
import { Store } from '../../src/kube/store.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { eventually } from './eventually.ts';
import { type Received, ScriptedServer } from './scripted-server.ts';
import {
  added,
  anObject,
  bookmark,
  deleted,
  endOfList,
  errorEvent,
  type Kept,
  listPage,
  modified,
  project,
  status,
} from './watch-events.ts';

/** A reflector that runs against a scripted server under a virtual clock. */
class Following {
  readonly server: ScriptedServer;
  readonly clock = new VirtualClock();
  readonly store: Store<Kept>;
  /** What the store told: `+a` added, `~a` changed, `-a` deleted. */
  readonly changes: string[] = [];
  readonly errors: string[] = [];
  readonly silences: string[] = [];
  readonly stopping = new AbortController();
  readonly reflector: Reflector<Kept>;
  readonly ended: Promise<void>;
  syncs = 0;

  private constructor(t: TestContext, server: ScriptedServer, options: Partial<ReflectorOptions<Kept>>) {
    this.server = server;
    this.store = new Store<Kept>((before, after) => {
      const sign = !before ? '+' : after ? '~' : '-';
      this.changes.push(`${sign}${(after ?? before)?.key.slice(2)}`);
    });
    this.reflector = new Reflector<Kept>({
      transport: server.transport(t),
      path: '/apis/apps/v1/deployments',
      store: this.store,
      project,
      clock: this.clock,
      random: () => 0.5,
      onSynced: () => (this.syncs += 1),
      onSilence: ({ message }) => this.silences.push(message),
      onError: (error, retryInMs) => this.errors.push(`${(error as Error).message} (${retryInMs})`),
      ...options,
    });
    this.ended = this.reflector.run(this.stopping.signal);
    t.after(() => this.stopping.abort());
  }

  static async start(t: TestContext, options: Partial<ReflectorOptions<Kept>> = {}): Promise<Following> {
    return new Following(t, await ScriptedServer.start(t), options);
  }

  /** Starts with these objects; returns the open watch. */
  static async synced(t: TestContext, ...names: string[]): Promise<[Following, Received]> {
    const following = await Following.start(t);
    const watch = (await following.server.next()).open();
    watch.send(...names.map((name, index) => added(name, index + 1)), endOfList(10));
    await eventually(() => following.reflector.synced);
    following.changes.length = 0;
    return [following, watch];
  }

  names(): string[] {
    return [...this.store.values()].map(({ key }) => key.slice(2)).toSorted();
  }

  /** Waits until the reflector pauses, and lets that pause pass. */
  async retry(): Promise<void> {
    const told = this.errors.length;
    await eventually(() => this.errors.length > told);
    await this.clock.advance(60_000);
  }
}

function since(received: Received): string | null {
  return received.query.get('resourceVersion');
}

describe('the first list', () => {
  test('is streamed: nothing is told before its end, then everything in one step', async (t) => {
    const following = await Following.start(t, { labelSelector: 'a=b', fieldSelector: 'metadata.name=x' });
    const watch = await following.server.next();
    assert.deepEqual(Object.fromEntries(watch.query), {
      watch: 'true',
      allowWatchBookmarks: 'true',
      timeoutSeconds: '450',
      labelSelector: 'a=b',
      fieldSelector: 'metadata.name=x',
      sendInitialEvents: 'true',
      resourceVersionMatch: 'NotOlderThan',
    });
    watch
      .open()
      .send(added('a', 1), added('b', 2), bookmark(3), modified('b', 4), added('c', 5), deleted('c', 6));
    await eventually(() => following.reflector.silentForMs === 0 && watch.socket.writableLength === 0);
    assert.deepEqual(following.changes, []);
    assert.ok(!following.reflector.synced);
    watch.send(endOfList(7));
    await eventually(() => following.syncs === 1);
    assert.ok(following.reflector.synced);
    assert.deepEqual(following.changes, ['+a', '+b']);
    watch.send(added('d', 8), modified('a', 9), deleted('b', 10));
    await eventually(() => following.changes.length === 5);
    assert.deepEqual(following.changes.slice(2), ['+d', '~a', '-b']);
  });

  test('starts anew if its stream breaks before the end', async (t) => {
    const following = await Following.start(t);
    const first = (await following.server.next()).open();
    first.send(added('a', 1), bookmark(2));
    await eventually(() => first.socket.writableLength === 0);
    first.reset();
    await following.retry();
    const second = await following.server.next();
    assert.equal(since(second), null);
    assert.equal(second.query.get('sendInitialEvents'), 'true');
    second.open().send(added('b', 3), endOfList(4));
    await eventually(() => following.syncs === 1);
    assert.deepEqual(following.changes, ['+b']);
  });

  for (const code of [400, 422]) {
    test(`is read in pages from a server that answers ${code} to a streamed one`, async (t) => {
      const following = await Following.start(t, { labelSelector: 'a=b' });
      (await following.server.next()).answer(code, status(code, 'Invalid'));
      const first = await following.server.next();
      assert.deepEqual(Object.fromEntries(first.query), { limit: '500', labelSelector: 'a=b' });
      first.answer(200, listPage(20, [anObject('a', 1)], 'more'));
      const second = await following.server.next();
      assert.equal(second.query.get('continue'), 'more');
      second.answer(200, listPage(20, [anObject('b', 2)]));
      const watch = await following.server.next();
      assert.deepEqual([watch.query.get('watch'), since(watch)], ['true', '20']);
      assert.equal(watch.query.get('sendInitialEvents'), null);
      assert.deepEqual(following.names(), ['a', 'b']);
      assert.equal(following.syncs, 1);
      assert.deepEqual(following.errors, [], 'an older server is no failure');
    });
  }

  test('in pages starts anew when its pages expire', async (t) => {
    const following = await Following.start(t);
    (await following.server.next()).answer(422, status(422, 'Invalid'));
    (await following.server.next()).answer(200, listPage(20, [anObject('a', 1)], 'more'));
    (await following.server.next()).answer(410, status(410, 'Expired'));
    await following.retry();
    const again = await following.server.next();
    assert.deepEqual(Object.fromEntries(again.query), { limit: '500' });
    again.answer(200, listPage(30, [anObject('b', 2)]));
    assert.equal(since(await following.server.next()), '30');
    assert.deepEqual(following.names(), ['b']);
  });

  test('skips an object that cannot be projected, says which, and takes in the others', async (t) => {
    const following = await Following.start(t);
    const watch = (await following.server.next()).open();
    watch.send(added('a', 1), added('bad', 2, { value: 'unreadable' }), added('c', 3), endOfList(4));
    await eventually(() => following.reflector.synced);
    assert.deepEqual(following.names(), ['a', 'c']);
    assert.deepEqual(following.errors, [
      'Cannot take in "n/bad" of /apis/apps/v1/deployments: it is skipped (0)',
    ]);
  });

  test('in pages skips an object that cannot be projected', async (t) => {
    const following = await Following.start(t);
    (await following.server.next()).answer(422, status(422, 'Invalid'));
    const page = listPage(20, [anObject('bad', 1, { value: 'unreadable' }), anObject('b', 2)]);
    (await following.server.next()).answer(200, page);
    await following.server.next();
    assert.deepEqual(following.names(), ['b']);
  });
});

describe('a watch', () => {
  test('resumes after its end where it stood, bookmarks included', async (t) => {
    const [following, first] = await Following.synced(t, 'a');
    first.send(modified('a', 11), bookmark(40));
    await eventually(() => following.changes.length === 1);
    await following.clock.advance(400_000 - 300_001);
    first.end();
    const second = await following.server.next();
    assert.equal(since(second), '40');
    assert.equal(second.query.get('sendInitialEvents'), null);
    assert.equal(second.query.get('timeoutSeconds'), '450');
    assert.deepEqual(following.errors, [], 'an end in good order is no failure');
    second.open().send(modified('a', 41));
    await eventually(() => following.changes.length === 2);
  });

  for (const [how, cut] of [
    ['is reset', (watch: Received) => watch.reset()],
    ['breaks off in the middle of a line', (watch: Received) => cutInLine(watch)],
    ['tells an internal error', (watch: Received) => watch.send(errorEvent(500, 'InternalError'))],
    [
      'tells that there are too many requests',
      (watch: Received) => watch.send(errorEvent(429, 'TooManyRequests')),
    ],
  ] as const) {
    test(`resumes without loss when it ${how}`, async (t) => {
      const [following, first] = await Following.synced(t, 'a');
      first.send(added('b', 11));
      await eventually(() => following.changes.length === 1);
      cut(first);
      await following.retry();
      const second = await following.server.next();
      assert.equal(since(second), '11');
      second.open().send(added('c', 12));
      await eventually(() => following.changes.length === 2);
      assert.deepEqual(following.changes, ['+b', '+c']);
      assert.deepEqual(following.names(), ['a', 'b', 'c']);
    });
  }

  test('that has expired is followed by a list; what is gone is told as deleted', async (t) => {
    const [following, first] = await Following.synced(t, 'a', 'b', 'c');
    first.send(errorEvent(410, 'Expired'));
    await following.retry();
    const list = await following.server.next();
    assert.equal(since(list), null);
    list.open().send(added('a', 1), added('b', 50, { uid: 'b2' }), added('d', 51), endOfList(60));
    await eventually(() => following.changes.length === 4);
    assert.deepEqual(following.changes, ['-b', '+b', '+d', '-c']);
    assert.equal(following.syncs, 1);
    list.reset();
    await following.retry();
    assert.equal(since(await following.server.next()), '60');
  });

  test('whose resume point is refused as expired is followed by a list', async (t) => {
    const [following, first] = await Following.synced(t, 'a');
    first.reset();
    await following.retry();
    (await following.server.next()).answer(410, status(410, 'Expired'));
    await following.retry();
    assert.equal(since(await following.server.next()), null);
  });

  test('reads events that are cut anywhere, with any character in them', async (t) => {
    const [following, watch] = await Following.synced(t);
    const event = { type: 'ADDED', object: anObject('a', 11, { value: 'one\u2028line 😀' }) };
    const bytes = Buffer.from(`${JSON.stringify(event)}\n`);
    assert.ok(bytes.includes(Buffer.from('\u2028')), 'the separator must stand raw in the line');
    for (const byte of bytes) {
      watch.write(Uint8Array.of(byte));
      await eventually(() => watch.socket.writableLength === 0);
    }
    await eventually(() => following.changes.length === 1);
    assert.equal(following.store.get('n/a')?.value, 'one\u2028line 😀');
  });

  test('tells an object that comes twice once', async (t) => {
    const [following, watch] = await Following.synced(t);
    watch.send(added('a', 11), added('a', 11), modified('a', 11), added('b', 12));
    await eventually(() => following.names().includes('b'));
    assert.deepEqual(following.changes, ['+a', '+b']);
  });

  test('tells an object that was made anew under its name as deleted and added', async (t) => {
    const [following, watch] = await Following.synced(t, 'a');
    watch.send(modified('a', 11, { uid: 'second' }));
    await eventually(() => following.changes.length === 2);
    assert.deepEqual(following.changes, ['-a', '+a']);
  });

  test('goes on after a line that is no event, and says so', async (t) => {
    const [following, watch] = await Following.synced(t);
    watch.write('no json\nnull\n{"type":"ADDED"}\n{"type":"ADDED","object":{}}\n');
    watch.send(added('a', 11));
    await eventually(() => following.names().includes('a'));
    assert.equal(following.errors.length, 4);
    assert.match(following.errors[0] ?? '', /Cannot take in a line of 7 characters of .*: it is skipped/);
    assert.equal(watch.socket.destroyed, false);
  });

  test('goes on after an object that cannot be projected, and keeps what it knew of it', async (t) => {
    const [following, watch] = await Following.synced(t, 'a');
    watch.send(modified('a', 11, { value: 'unreadable' }), added('b', 12));
    await eventually(() => following.names().includes('b'));
    assert.deepEqual(following.names(), ['a', 'b']);
    watch.send(deleted('a', 13, { value: 'unreadable' }));
    await eventually(() => following.changes.includes('-a'));
  });

  test('keeps an object that cannot be projected any more through a new list', async (t) => {
    const [following, watch] = await Following.synced(t, 'a', 'b');
    watch.send(errorEvent(410, 'Expired'));
    await following.retry();
    const list = (await following.server.next()).open();
    list.send(added('a', 20, { value: 'unreadable' }), endOfList(21), added('c', 22));
    await eventually(() => following.names().includes('c'));
    assert.deepEqual(following.names(), ['a', 'c']);
  });

  test('projects of a new list only what it does not know in this version', async (t) => {
    const projected: string[] = [];
    const counted = (object: RawObject) => {
      projected.push(object.metadata.name);
      return project(object);
    };
    const following = await Following.start(t, { project: counted });
    const watch = (await following.server.next()).open();
    watch.send(added('a', 1), added('b', 2), added('c', 3), endOfList(10));
    await eventually(() => following.reflector.synced);
    watch.send(errorEvent(410, 'Expired'));
    await following.retry();
    const list = (await following.server.next()).open();
    list.send(added('a', 1), added('b', 20), added('c', 3, { uid: 'c2' }), endOfList(21), added('d', 22));
    await eventually(() => following.names().includes('d'));
    assert.deepEqual(projected, ['a', 'b', 'c', 'b', 'c', 'd']);
  });

  test('keeps its resume point after an event without a version', async (t) => {
    const [following, watch] = await Following.synced(t);
    watch.send({ type: 'BOOKMARK', object: { metadata: {} } }, added('a', 11));
    await eventually(() => following.names().includes('a'));
    watch.send({ type: 'BOOKMARK', object: { metadata: { resourceVersion: '' } } });
    await eventually(() => watch.socket.writableLength === 0);
    watch.reset();
    await following.retry();
    assert.equal(since(await following.server.next()), '11');
  });
});

describe('a silent connection', () => {
  test('is given up after 100 s, in the first list too', async (t) => {
    const following = await Following.start(t);
    const watch = (await following.server.next()).open();
    await eventually(() => following.clock.timers === 1);
    watch.send(added('a', 1));
    await eventually(() => watch.socket.writableLength === 0);
    await following.clock.advance(99_999);
    assert.ok(!watch.socket.destroyed);
    await following.clock.advance(100_000);
    await watch.closed();
    assert.equal(since(await following.server.next()), null, 'the next one follows at once');
    assert.match(following.silences.join(), /was silent for 100000 ms$/);
    assert.deepEqual(following.errors, [], 'some servers are silent, so it need not be a failure');
  });

  test('is kept as long as anything comes', async (t) => {
    const [following, watch] = await Following.synced(t);
    for (let minute = 1; minute <= 10; minute++) {
      await following.clock.advance(60_000);
      assert.equal(following.reflector.silentForMs, 60_000);
      watch.send(bookmark(10 + minute));
      await eventually(() => following.reflector.silentForMs === 0);
    }
    assert.deepEqual(following.errors, []);
  });

  test('is resumed where it stood; if nothing at all comes from there, everything is listed', async (t) => {
    const [following, first] = await Following.synced(t, 'a');
    await following.clock.advance(100_000);
    await first.closed();
    await following.clock.advance(1000);
    const second = (await following.server.next()).open();
    assert.equal(since(second), '10');
    await eventually(() => following.clock.timers === 1);
    await following.clock.advance(100_000);
    await second.closed();
    await following.clock.advance(1000);
    const third = (await following.server.next()).open();
    assert.equal(since(third), null);
    third.send(added('a', 1), endOfList(5));
    await eventually(() => following.reflector.silentForMs === 0);
  });

  test('of a server whose history was set back ends with what that server has', async (t) => {
    const [following, first] = await Following.synced(t, 'a', 'b');
    first.send(modified('b', 90));
    await eventually(() => following.changes.length === 1);
    for (let silence = 0; silence < 2; silence++) {
      await eventually(() => following.clock.timers === 1);
      await following.clock.advance(101_000);
      if (silence === 0) (await following.server.next()).open();
    }
    const list = (await following.server.next()).open();
    assert.equal(since(list), null);
    list.send(added('b', 3), endOfList(4));
    await eventually(() => following.store.get('n/b')?.resourceVersion === '3');
    assert.deepEqual(following.names(), ['b']);
  });
});

describe('what does not matter', () => {
  const matters: Partial<ReflectorOptions<Kept>> = {
    project: (object) => (object['value'] === 'foreign' ? undefined : project(object)),
  };
  const foreign = { value: 'foreign' };

  test('is not kept, neither from the list nor later', async (t) => {
    const following = await Following.start(t, matters);
    const watch = (await following.server.next()).open();
    watch.send(added('a', 1), added('b', 2, foreign), added('c', 3), modified('c', 4, foreign), endOfList(5));
    await eventually(() => following.reflector.synced);
    watch.send(added('d', 6, foreign), modified('b', 7, foreign), deleted('b', 8, foreign), modified('a', 9));
    await eventually(() => following.changes.length === 2);
    assert.deepEqual(following.changes, ['+a', '~a']);
    assert.deepEqual(following.errors, []);
  });

  test('any more goes like what is deleted, unless it is another of that name', async (t) => {
    const following = await Following.start(t, matters);
    const watch = (await following.server.next()).open();
    watch.send(added('a', 1), added('b', 2), added('c', 3), endOfList(4));
    await eventually(() => following.reflector.synced);
    watch.send(
      modified('a', 5, { ...foreign, uid: 'another' }),
      modified('b', 6, foreign),
      deleted('c', 7, foreign),
      added('d', 8),
    );
    await eventually(() => following.changes.includes('+d'));
    assert.deepEqual(following.changes.slice(3), ['-b', '-c', '+d']);
    assert.deepEqual(following.names(), ['a', 'd']);
  });
});

describe('a watch without bookmarks', () => {
  test('is short, may be silent until its end, and is followed by a list: nobody is told of an interruption', async (t) => {
    const following = await Following.start(t, { bookmarks: false });
    const first = await following.server.next();
    assert.equal(first.query.get('timeoutSeconds'), '100');
    first.open().send(added('a', 1), added('b', 2), endOfList(10));
    await eventually(() => following.reflector.synced);
    await following.clock.advance(100_000);
    first.end();
    const second = await following.server.next();
    assert.deepEqual([since(second), second.query.get('sendInitialEvents')], [null, 'true']);
    second.open().send(added('a', 1), added('c', 11), endOfList(12));
    await eventually(() => following.names().includes('c'));
    assert.deepEqual(following.changes, ['+a', '+b', '+c', '-b']);
    assert.deepEqual(following.errors, []);
  });

  test('begins with a list in pages where lists are not streamed', async (t) => {
    const following = await Following.start(t, { bookmarks: false });
    (await following.server.next()).answer(422, status(422, 'Invalid'));
    for (const version of [20, 30]) {
      (await following.server.next()).answer(200, listPage(version, [anObject('a', 1)]));
      const watch = (await following.server.next()).open();
      assert.equal(since(watch), String(version));
      watch.send(modified('b', version + 1));
      await eventually(() => following.store.get('n/b')?.resourceVersion === String(version + 1));
      await following.clock.advance(100_000);
      watch.end();
    }
    assert.deepEqual(following.errors, []);
  });

  test('that outlives its end is dead', async (t) => {
    const following = await Following.start(t, { bookmarks: false });
    const watch = (await following.server.next()).open();
    watch.send(endOfList(10));
    await eventually(() => following.reflector.synced && following.clock.timers === 1);
    await following.clock.advance(110_000);
    await watch.closed();
    await eventually(() => following.silences.length === 1);
    assert.match(following.silences.join(), /silent for 110000 ms/);
  });
});

describe('a stop', () => {
  const stops: Record<string, (following: Following) => Promise<unknown>> = {
    'before the server has answered': async ({ server }) => server.next(),
    'during the streamed list': async ({ server }) => (await server.next()).open().send(added('a', 1)),
    'during a page of the list': async ({ server }) => {
      (await server.next()).answer(422, status(422, 'Invalid'));
      (await server.next()).open().write('{"items":[');
    },
    'during the watch': async ({ server, reflector }) => {
      (await server.next()).open().send(added('a', 1), endOfList(2));
      await eventually(() => reflector.synced);
    },
    'during a pause': async ({ server, errors, clock }) => {
      (await server.next()).answer(503, status(503, 'ServiceUnavailable'));
      await eventually(() => errors.length === 1 && clock.timers === 1);
    },
  };
  for (const [when, reach] of Object.entries(stops)) {
    test(`${when} leaves no connection, timer or listener`, async (t) => {
      const following = await Following.start(t);
      await reach(following);
      following.stopping.abort(new Error('Stop'));
      await following.ended;
      assert.equal(following.clock.timers, 0);
      assert.equal(events.getEventListeners(following.stopping.signal, 'abort').length, 0);
      const isIdle = when === 'during a pause';
      if (!isIdle) await eventually(() => following.server.sockets.size === 0);
      await following.clock.advance(600_000);
      assert.equal(following.server.unanswered, 0);
      assert.deepEqual(following.errors.length, isIdle ? 1 : 0);
    });
  }
});

function cutInLine(watch: Received): void {
  watch.write(JSON.stringify(added('lost', 12)).slice(0, 20));
  watch.end();
}
