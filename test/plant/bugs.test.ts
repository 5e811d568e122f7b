import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Bug, bugs } from './bugs.ts';
import { plant } from './planting.ts';
import { testFiles } from './tests-of.ts';

const root = join(import.meta.dirname, '../..');

for (const bug of bugs) {
  test(`the bug "${bug.name}" has its place in ${bug.file}, and tests that should notice`, () => {
    const source = readFileSync(join(root, bug.file), 'utf8');
    assert.notEqual(plant(bug, source).text, source);
    for (const place of bug.tests) assert.notDeepEqual(testFiles(root, [place]), [], place);
  });
}

test('each bug has a name of its own', () => {
  assert.equal(new Set(bugs.map(({ name }) => name)).size, bugs.length);
});

test('a bug is planted where its place is, and nowhere if there is none or more than one', () => {
  const bug: Bug = { name: 'bad', does: 'fails', file: 'a.ts', find: 'good', replace: 'bad', tests: [] };
  assert.deepEqual(plant(bug, 'one\ntwo is good\n'), { text: 'one\ntwo is bad\n', line: 2 });
  assert.throws(() => plant(bug, 'one'), /^Error: The bug "bad" finds no place in a\.ts/);
  assert.throws(() => plant(bug, 'good, good'), /^Error: The bug "bad" finds 2 places in a\.ts/);
});
