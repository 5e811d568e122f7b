import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import { configFile } from '../../src/desired/config-file.ts';

const service = 'service.job.daemon';

function textOf(config: Record<string, unknown>): string {
  const file = configFile([{ field: 'spec.config', section: service, settings: config ?? {} }]);
  assert.ok(file && 'text' in file, JSON.stringify(file));
  return file.text;
}

function problemOf(config: Record<string, unknown>): string {
  const file = configFile([{ field: 'spec.config', section: service, settings: config ?? {} }]);
  assert.ok(file && 'invalid' in file, 'the config was accepted');
  return file.invalid;
}

function nested(levels: number): Record<string, unknown> {
  return levels === 1 ? { leaf: 1 } : { inner: nested(levels - 1) };
}

describe('the config file', () => {
  test('is the section named after the service, with its keys sorted', () => {
    assert.equal(
      textOf({ mode: 'detach', frequency: 10, job_host_affinity: true }),
      'service.job.daemon:\n  frequency: 10\n  job_host_affinity: 1\n  mode: "detach"\n',
    );
  });

  const lines: { what: string; value: unknown; line: string }[] = [
    { what: 'true is 1, because a Perl loader reads words as true strings', value: true, line: 'key: 1' },
    { what: 'false is 0', value: false, line: 'key: 0' },
    { what: 'a word that YAML 1.1 takes for a boolean stays a string', value: 'no', line: 'key: "no"' },
    { what: 'a string of digits stays a string', value: '007', line: 'key: "007"' },
    { what: 'a time of day stays a string', value: '02:00', line: 'key: "02:00"' },
    { what: 'the largest safe integer', value: 9007199254740991, line: 'key: 9007199254740991' },
    { what: 'a fraction', value: 0.5, line: 'key: 0.5' },
    {
      what: 'a placeholder, which Clarive fills',
      value: '{{SMTP_PASSWORD}}',
      line: 'key: "{{SMTP_PASSWORD}}"',
    },
    { what: 'null', value: null, line: 'key: null' },
    { what: 'an empty string', value: '', line: 'key: ""' },
    { what: 'several lines', value: 'a\nb', line: 'key: "a\\nb"' },
    { what: 'quotes and backslashes', value: 'a"b\\c', line: 'key: "a\\"b\\\\c"' },
    { what: 'a long string, on one line', value: 'a '.repeat(200), line: `key: "${'a '.repeat(200)}"` },
    { what: 'an empty object', value: {}, line: 'key: {}' },
    { what: 'a list', value: [1, 'a', true], line: 'key:\n    - 1\n    - "a"\n    - 1' },
  ];
  for (const { what, value, line } of lines)
    test(`writes ${what}`, () => assert.equal(textOf({ key: value }), `${service}:\n  ${line}\n`));

  test('quotes keys that YAML would read as something else', () => {
    assert.match(textOf({ no: 1 }), /^ {2}"no": 1$/m);
  });

  test('keeps any key that JSON can hold', () => {
    const config = JSON.parse('{"__proto__": "a", "constructor": {"b": true}}') as Record<string, unknown>;
    assert.equal(textOf(config), `${service}:\n  __proto__: "a"\n  constructor:\n    b: 1\n`);
  });

  test('repeats what is there twice instead of writing an alias', () => {
    const shared = { a: 1 };
    assert.doesNotMatch(textOf({ one: shared, two: shared }), /[&*]/);
  });

  test('is the same whatever the order of keys, at any depth', () => {
    assert.equal(
      textOf({ a: { c: 1, d: [{ e: 1, f: 2 }] }, b: 2 }),
      textOf({ b: 2, a: { d: [{ f: 2, e: 1 }], c: 1 } }),
    );
  });

  test('read back says what was meant', () => {
    const config = { text: 'yes', list: ['1', 1, { deep: 'x: y' }], 'odd: key': '#', unicode: 'ñ ☃ 𝄞' };
    for (const version of ['1.1', '1.2'] as const)
      assert.deepEqual(parse(textOf(config), { version }), { [service]: config });
  });

  test('does not exist without settings', () => {
    assert.equal(configFile([]), undefined);
    assert.equal(configFile([{ field: 'spec.config', section: service, settings: {} }]), undefined);
  });
});

describe('a config that cannot be rendered', () => {
  test('names the integer that would lose digits, and the remedy', () => {
    assert.equal(
      problemOf(JSON.parse('{"limits": {"size": 9007199254740993}}') as Record<string, unknown>),
      'The number spec.config.limits.size is beyond 2^53 and would lose digits: write it as a string',
    );
  });

  test('finds such an integer in a list too, and a negative one', () => {
    assert.match(problemOf({ sizes: [1, -9007199254740992] }), /spec\.config\.sizes\.1 /);
  });

  test('names the size of a file beyond 128 KiB, counted in bytes', () => {
    const overhead = Buffer.byteLength(textOf({ key: '' }));
    textOf({ key: 'é'.repeat((131_072 - overhead) / 2) });
    assert.equal(
      problemOf({ key: `${'é'.repeat((131_072 - overhead) / 2)}a` }),
      'The file of spec.config has 131073 bytes: reduce it to 131072 or fewer',
    );
  });

  test('says that it is nested too deeply instead of running out of stack', () => {
    textOf(nested(32));
    assert.match(problemOf(nested(33)), /nested deeper than 32 levels/);
    assert.match(problemOf(nested(5000)), /nested deeper than 32 levels/);
  });
});
