import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clean } from '../../src/status/words.ts';

const id = '0123456789abcdef'.repeat(4);

const rows: [name: string, message: string, cleaned: string][] = [
  [
    'ids of containers',
    `failed to reserve name "a": is reserved for "${id}"`,
    'failed to reserve name "a": is reserved for "…"',
  ],
  [
    'ports of the calling side',
    'read udp 10.0.0.5:43122->10.96.0.10:53: i/o timeout',
    'read udp 10.0.0.5->10.96.0.10:53: i/o timeout',
  ],
  ['temporary directories', 'mount /tmp/containerd-mount42 failed', 'mount /tmp/containerd-mount… failed'],
  [
    'the value of a variable',
    String.raw`environment variable value can't contain null(\x00): "A=b\"c\x00": exit status 1 "d"`,
    String.raw`environment variable value can't contain null(\x00): "A=…": exit status 1 "d"`,
  ],
  ['line breaks', ' one\n\ttwo ', 'one two'],
];

for (const [name, message, cleaned] of rows) {
  test(`leaves out ${name}`, () => assert.equal(clean(message), cleaned));
}

test('keeps the digest of an image', () => {
  assert.equal(clean(`clarive@sha256:${id}: not found`), `clarive@sha256:${id}: not found`);
});

test('is never longer than 1,024 characters', () => {
  assert.equal(clean('a'.repeat(1024)), 'a'.repeat(1024));
  assert.equal(clean('a'.repeat(1025)), `${'a'.repeat(1023)}…`);
});

test('cuts no character in two, because the API server would store another one', () => {
  const cut = clean(`${'a'.repeat(1022)}${'😀'.repeat(9)}`);
  assert.equal(cut.length, 1024);
  assert.ok(cut.isWellFormed());
});
