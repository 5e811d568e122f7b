import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type ObjectKey, splitKey } from '../../src/api/object-key.ts';
import { Store, type Stored } from '../../src/kube/store.ts';
import { seededRandom, seeds } from '../support/random.ts';

interface Pod extends Stored {
  owner: string;
  ready?: boolean;
}

function pod(
  key: ObjectKey,
  version: number | string,
  { uid = key, owner = 'x', ...rest }: Partial<Pod> = {},
): Pod {
  return { key, uid, resourceVersion: String(version), owner, ...rest };
}

function aStore() {
  const changes: string[] = [];
  const show = (item: Pod | undefined) => (item ? `${item.uid}@${item.resourceVersion}` : '-');
  const onChange = (before: Pod | undefined, after: Pod | undefined) =>
    changes.push(`${show(before)} > ${show(after)}`);
  const store = new Store<Pod>(onChange, ({ owner }) => [owner]);
  /** The changes told since the last call. */
  const told = () => changes.splice(0);
  return { store, told };
}

describe('what the watch shows', () => {
  test('is told once, with what was before', () => {
    const { store, told } = aStore();
    store.upsert(pod('n/a', 5));
    store.upsert(pod('n/a', 7));
    store.upsert(pod('n/a', 7));
    store.remove(pod('n/a', 8));
    assert.deepEqual(told(), ['- > n/a@5', 'n/a@5 > n/a@7', 'n/a@7 > -']);
  });

  test('is dropped if it is older than what is stored, compared as a number of any size', () => {
    const { store, told } = aStore();
    store.upsert(pod('n/a', '10'));
    store.upsert(pod('n/a', '9'));
    store.upsert(pod('n/b', '9007199254740993'));
    store.upsert(pod('n/b', '9007199254740992'));
    assert.deepEqual(told(), ['- > n/a@10', '- > n/b@9007199254740993']);
  });

  test('is two changes for an object that was deleted and made anew', () => {
    const { store, told } = aStore();
    store.upsert(pod('n/a', 5, { uid: 'first' }));
    store.upsert(pod('n/a', 9, { uid: 'second' }));
    assert.deepEqual(told(), ['- > first@5', 'first@5 > -', '- > second@9']);
  });

  test('leaves a later incarnation alone when the delete of an earlier one comes late', () => {
    const { store, told } = aStore();
    store.upsert(pod('n/a', 9, { uid: 'second' }));
    store.remove(pod('n/a', 6, { uid: 'first' }));
    assert.equal(store.get('n/a')?.uid, 'second');
    assert.deepEqual(told(), ['- > second@9']);
  });
});

describe('the answer to a write', () => {
  test('takes in an object that was asked for, though a later list lacks it', () => {
    const { store, told } = aStore();
    store.upsert(pod('n/a', 5));
    store.replace([], { resourceVersion: '100' });
    store.upsert(pod('n/a', 50));
    store.learn(pod('n/a', 50));
    assert.deepEqual(told(), ['- > n/a@5', 'n/a@5 > -', '- > n/a@50']);
  });

  test('brings back an object that went by losing its label, once it has the label again', () => {
    const { store, told } = aStore();
    store.upsert(pod('n/a', 5));
    store.remove(pod('n/a', 6));
    store.upsert(pod('n/a', 7));
    assert.deepEqual(told(), ['- > n/a@5', 'n/a@5 > -', '- > n/a@7']);
  });

  test('does not bring back an object whose delete has overtaken it', () => {
    const { store } = aStore();
    store.upsert(pod('n/a', 5));
    store.remove(pod('n/a', 7));
    store.upsert(pod('n/a', 6));
    assert.equal(store.get('n/a'), undefined);
    assert.equal(store.size, 0);
  });

  test('does not bring back the incarnation before the present one', () => {
    const { store } = aStore();
    store.upsert(pod('n/a', 5, { uid: 'first' }));
    store.upsert(pod('n/a', 9, { uid: 'second' }));
    store.remove(pod('n/a', 10, { uid: 'second' }));
    store.upsert(pod('n/a', 6, { uid: 'first' }));
    assert.equal(store.size, 0);
  });

  test('survives a list that was made before it', () => {
    const { store, told } = aStore();
    store.upsert(pod('n/a', 5));
    store.upsert(pod('n/new', 12));
    store.upsert(pod('n/a', 13));
    told();
    store.replace([pod('n/a', 5)], { resourceVersion: '11' });
    assert.equal(store.get('n/new')?.resourceVersion, '12');
    assert.equal(store.get('n/a')?.resourceVersion, '13');
    assert.deepEqual(told(), []);
  });

  test('corrects single fields and tells nobody; the news that follows is told', () => {
    const { store, told } = aStore();
    store.upsert(pod('n/a', 5));
    told();
    store.amend('n/a', 'n/a', { ready: true, owner: 'y' });
    assert.deepEqual(told(), []);
    assert.equal(store.get('n/a')?.ready, true);
    assert.deepEqual(store.indexed('x'), []);
    assert.equal(store.indexed('y').length, 1);
    store.upsert(pod('n/a', 6));
    assert.deepEqual(told(), ['n/a@5 > n/a@6']);
  });

  test('corrects nothing of another incarnation', () => {
    const { store } = aStore();
    store.upsert(pod('n/a', 5));
    store.amend('n/a', 'other', { ready: true });
    store.amend('n/b', 'other', { ready: true });
    assert.equal(store.get('n/a')?.ready, undefined);
    assert.equal(store.size, 1);
  });
});

describe('a list', () => {
  test('tells what it lacks as deleted, and only what differs', () => {
    const { store, told } = aStore();
    for (const key of ['n/same', 'n/changed', 'n/gone'] as const) store.upsert(pod(key, 5));
    told();
    store.replace([pod('n/same', 5), pod('n/changed', 6), pod('n/new', 7)], { resourceVersion: '8' });
    assert.deepEqual(told(), ['n/changed@5 > n/changed@6', '- > n/new@7', 'n/gone@5 > -']);
  });

  test('tells an object that was made anew meanwhile as deleted and added', () => {
    const { store, told } = aStore();
    store.upsert(pod('n/a', 5, { uid: 'first' }));
    store.replace([pod('n/a', 9, { uid: 'second' })], { resourceVersion: '9' });
    assert.deepEqual(told(), ['- > first@5', 'first@5 > -', '- > second@9']);
  });

  test('is the whole truth without a version, even if it is older (a restored etcd)', () => {
    const { store } = aStore();
    store.upsert(pod('n/a', 50));
    store.upsert(pod('n/b', 50));
    store.remove(pod('n/b', 51));
    store.replace([pod('n/a', 5), pod('n/b', 5)]);
    assert.equal(store.get('n/a')?.resourceVersion, '5');
    assert.equal(store.get('n/b')?.resourceVersion, '5');
  });

  test('of one namespace leaves the others alone', () => {
    const { store, told } = aStore();
    store.upsert(pod('n/a', 5));
    store.upsert(pod('m/a', 5));
    told();
    store.replace([], { namespace: 'n', resourceVersion: '9' });
    assert.deepEqual(told(), ['n/a@5 > -']);
    assert.deepEqual(
      [...store.values()].map(({ key }) => key),
      ['m/a'],
    );
  });

  test('takes the first of two entries with one name', () => {
    const { store } = aStore();
    store.replace([pod('n/a', 5), pod('n/a', 6)], { resourceVersion: '9' });
    assert.equal(store.size, 1);
  });
});

test('reads, index and told changes agree with a plain model under any mix of news', () => {
  for (const seed of seeds(100)) agreesWithModel(seed);
});

function agreesWithModel(seed: number): void {
  const random = seededRandom(seed);
  const pick = <Item>(items: Item[]) => items[Math.floor(random() * items.length)]!;
  const keys: ObjectKey[] = ['n/a', 'n/b', 'm/a', 'm/b'];
  const told = new Map<ObjectKey, Pod>();
  const store = new Store<Pod>(
    (before, after) => {
      const key = (after ?? before)!.key;
      assert.deepEqual(told.get(key), before, `SEED=${seed}: the change told does not follow the last one`);
      if (after) told.set(key, after);
      else told.delete(key);
    },
    ({ owner }) => [owner],
  );
  /** What the server has: every state of an object gets the next version. */
  const server = new Map<ObjectKey, Pod>();
  for (let version = 1; version < 200; version++) {
    const key = pick(keys);
    const last = server.get(key);
    const late = random() < 0.2 ? last : undefined;
    if (last && random() < 0.3) {
      server.delete(key);
      store.remove(last);
    } else {
      const uid = last?.uid ?? `${key}#${version}`;
      const now = pod(key, version, { uid, owner: pick(['x', 'y']) });
      server.set(key, now);
      if (random() < 0.9) store.upsert(now);
    }
    if (late) store.upsert(late);
    if (random() < 0.1) relist(store, server, version, pick(['n', 'm', undefined]));
    checkIndex(store, seed);
    assert.deepEqual(new Map([...store.values()].map((item) => [item.key, item])), told, `SEED=${seed}`);
  }
  relist(store, server, 200, undefined);
  assert.deepEqual(told, server, `SEED=${seed}`);
}

function relist(store: Store<Pod>, server: Map<ObjectKey, Pod>, version: number, namespace?: string): void {
  const listed = [...server.values()].filter(
    ({ key }) => namespace === undefined || splitKey(key).namespace === namespace,
  );
  store.replace(listed, { namespace, resourceVersion: String(version) });
}

function checkIndex(store: Store<Pod>, seed: number): void {
  for (const owner of ['x', 'y']) {
    const expected = [...store.values()].filter((item) => item.owner === owner).map(({ key }) => key);
    const indexed = store.indexed(owner).map(({ key }) => key);
    assert.deepEqual(indexed.toSorted(), expected.toSorted(), `SEED=${seed}: index of "${owner}"`);
  }
}
