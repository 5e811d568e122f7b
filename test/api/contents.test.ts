import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatContents, parseContents } from '../../src/api/contents.ts';

test('contents are read as they were written', () => {
  const contents = { 'ConfigMap/settings': '0123456789abcdef', 'Secret/smtp': null };
  assert.deepEqual(parseContents(formatContents(contents)), contents);
});

for (const text of [undefined, '', 'none', '[]', '"a"', 'null', '{"Secret/smtp":1}', '{"Secret/smtp":{}}'])
  test(`${text} counts as nothing`, () => assert.equal(parseContents(text), undefined));
