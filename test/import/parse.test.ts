/** Input that is broken: what can be read of it is read, and the rest is named. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { stringify } from 'yaml';
import { parseRecords } from '../../src/import/parse.ts';
import { seededRandom, seeds } from '../support/random.ts';
import { exportOf, generations, importWith } from './fixtures.ts';

/** What is read of each part: its value, or the line and the problem. */
function read(text: string): unknown[] {
  return parseRecords(text).map((entry) =>
    'value' in entry ? entry.value : `${entry.line}: ${entry.problem}`,
  );
}

suite('parseRecords', () => {
  for (const [what, text] of Object.entries({
    'an empty text': '',
    'blank lines': '\n \n',
    'an empty array': '[]',
    'an empty YAML document': '---\n',
    'YAML with nothing but a comment': '# nothing\n',
  }))
    test(`finds nothing in ${what}`, () => {
      assert.deepEqual(read(text), []);
    });

  test('keeps the other lines when one is broken', () => {
    assert.deepEqual(read('{"a":1}\n{"a":\n\n{"a":3}\n'), [
      { a: 1 },
      '2: is no valid JSON (Unexpected end of JSON input): export it with mongoexport',
      { a: 3 },
    ]);
  });

  test('keeps the lines beside one that is no object', () => {
    assert.deepEqual(read('{"a":1}\nnull\n[]\n{"a":2}\n'), [{ a: 1 }, null, [], { a: 2 }]);
    assert.deepEqual(read('{\n"a": [\n1,\nnull\n]\n}\noops\n{"a":2}')[0], { a: [1, null] });
    assert.match(String(read('{"a":1}\noops\n{"a":2}')[1]), /^2: is no valid JSON/);
  });

  test('keeps the other objects of a broken array', () => {
    assert.deepEqual(read('[{"a":1},\n{"a":oops},\n{"a":3}]\n'), [
      { a: 1 },
      '2: is no valid JSON (Unexpected token \'o\', "{"a":oops}" is not valid JSON): export it with mongoexport',
      { a: 3 },
    ]);
  });

  test('keeps the other indented objects when one is broken', () => {
    assert.deepEqual(read('{\n\t"a": 1\n}\n{\n\t"a": [\n}\n{\n\t"a": 3\n}\n'), [
      { a: 1 },
      '4: is no valid JSON (Unexpected token \'}\', "{\n\t"a": [\n}" is not valid JSON): export it with mongoexport',
      { a: 3 },
    ]);
  });

  test('keeps what stands before the place where the export was cut off', () => {
    assert.deepEqual(read('[{"a":1},\n{"a":2},\n{"a')[1], { a: 2 });
    assert.match(String(read('[{"a":1},\n{"a":2},\n{"a')[2]), /^3: is no valid JSON/);
  });

  test('keeps the other YAML documents when one is broken', () => {
    const [first, broken, last, ...more] = read('a: 1\n---\na: [\n---\na: 3\n');
    assert.deepEqual([first, last, more], [{ a: 1 }, { a: 3 }, []]);
    assert.match(String(broken), /^4: is neither JSON nor valid YAML: /);
  });

  test('tells the output of the mongo shell', () => {
    assert.deepEqual(read('{ "_id" : ObjectId("5f0c3b1e9a1d2c0001a0b001"), "active" : "1" }'), [
      '1: is no valid JSON (the mongo shell wrote it): export it with mongoexport',
    ]);
  });

  test('tells what mongodump writes, and other files that are no text', () => {
    for (const text of ['\u0016\0\0\0\u0002a\0', '\uFFFD\uFFFD{\0"\0'])
      assert.match(String(read(text)), /is no UTF-8 text: export the collection with mongoexport/);
  });

  test('does not follow YAML aliases without end', () => {
    const layers = Array.from(
      { length: 12 },
      (_, index) => `l${index + 1}: &l${index + 1} [${`*l${index},`.repeat(9)}]`,
    );
    const bomb = `l0: &l0 [x]\n${layers.join('\n')}\n---\na: 1\n`;
    const [first, second] = read(bomb);
    assert.match(String(first), /^1: is YAML that can't be resolved: Excessive alias count/);
    assert.deepEqual(second, { a: 1 });
  });

  test('gives a text that is neither to the reader of records, who says what it should be', () => {
    assert.match(importWith('_id,service,active\n').report, /is "_id,service,active": it must be an object/);
  });
});

/** Whatever happens to an export, the import ends, tells of every part, and what it prints can be read again. */
suite('a damaged export', () => {
  const [seed = 0] = seeds(1);
  const random = seededRandom(seed);
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
  const below = (limit: number) => Math.floor(random() * limit);
  const damages: ((text: string) => string)[] = [
    (text) => text.slice(0, below(text.length)),
    (text) => text.slice(below(text.length)),
    (text) =>
      text.replace(pick(['"', '{', '}', '[', ']', ':', ',', '\n']), pick(['', '"', '{', '}', '\n', '\t'])),
    (text) =>
      text.replace(
        pick([/"service\.\w+/, /"\$oid"/, /"instance"/, /"active"/]),
        pick(['"', '"x', '{"a":"b', '7']),
      ),
    (text) =>
      text.replace(
        /:\s*("[^"]*"|\d+)/,
        `: ${pick(['null', '[]', '{}', '1e999', '"\\u0000"', '-0', 'true'])}`,
      ),
    (text) =>
      `${text}${pick(['x', '\0', ']', '{"service":"service.extra","active":"1"}', '\n- a\n', '---\n'])}`,
    (text) => text.split('\n').toReversed().join('\n'),
    (text) => text.repeat(2),
  ];
  const texts = generations
    .map(exportOf)
    .flatMap((text) => [text, stringify(parseRecords(text).map((e) => 'value' in e && e.value))]);

  test(`does no harm (SEED=${seed})`, () => {
    for (let round = 0; round < 600; round++) {
      let text = pick(texts);
      for (let times = 0; times <= below(3); times++) text = pick(damages)(text);
      const { manifests, report, isComplete } = importWith(text);
      const names = [...manifests.matchAll(/^ {2}name: (.*)$/gm)].map(([, name]) => name);
      const where = `SEED=${seed} round ${round}`;
      assert.equal(new Set(names).size, names.length, where);
      for (const name of names) assert.match(name ?? '', /^'?[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?'?$/, where);
      assert.equal(/^record.*error: /m.test(report) || /no record/.test(report), !isComplete, where);
      assert.doesNotMatch(report, /undefined|NaN|\[object/, where);
    }
  });
});
