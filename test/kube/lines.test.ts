import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LineSplitter } from '../../src/kube/lines.ts';

function split(chunks: Uint8Array[]): string[] {
  const lines: string[] = [];
  const splitter = new LineSplitter();
  for (const chunk of chunks) splitter.push(Buffer.from(chunk), (line) => lines.push(line));
  return lines;
}

const bytes = Buffer.from('{"a":"ñ"}\n\n{"b":"one\u2028line"}\n{"c":"😀\u0085"}\n{"unfinished":');
const lines = ['{"a":"ñ"}', '{"b":"one\u2028line"}', '{"c":"😀\u0085"}'];

test('splits the same lines wherever two chunks meet, inside a character too', () => {
  for (let at = 0; at <= bytes.length; at++) {
    assert.deepEqual(split([bytes.subarray(0, at), bytes.subarray(at)]), lines, `cut at byte ${at}`);
  }
});

test('splits the same lines byte by byte', () => {
  assert.deepEqual(split([...bytes].map((byte) => Uint8Array.of(byte))), lines);
});

test('keeps an unfinished line until its end comes', () => {
  assert.deepEqual(split([bytes, Buffer.from('1}\n')]), [...lines, '{"unfinished":1}']);
});

test('goes on with the next line after a callback has thrown', () => {
  const splitter = new LineSplitter();
  assert.throws(() =>
    splitter.push(Buffer.from('a\n'), () => {
      throw new Error('refused');
    }),
  );
  const seen: string[] = [];
  splitter.push(Buffer.from('b\n'), (line) => seen.push(line));
  assert.deepEqual(seen, ['b']);
});
