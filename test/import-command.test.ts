/** `clarive-operator import` as its user meets it: flags, files, exit codes. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { importCommand } from '../src/import-command.ts';

const good = '{"service":"service.event.daemon","active":"1"}\n';
const bad = '{"service":"service.event.daemon","active":"maybe"}\n';

/** Runs the command with these files; the one named "" is standard input. */
async function run(argv: string[], files: Record<string, string> = { '': good }) {
  const written: Record<string, string> = {};
  let told = '';
  const code = await importCommand(argv, {
    read: async (path = '') => files[path] ?? Promise.reject(new Error(`There is no file "${path}"`)),
    write: async (path = '', text) => {
      if (path.startsWith('/readonly')) throw new Error(`Cannot write "${path}"`);
      written[path] = text;
    },
    tell: (text) => (told += text),
  });
  return { code, written, told };
}

suite('import', () => {
  for (const argv of [[], ['-'], ['daemons.json'], ['--output', '-'], ['--output=-', '-']])
    test(`reads and writes with the arguments "${argv.join(' ')}"`, async () => {
      const { code, written, told } = await run(argv, { '': good, 'daemons.json': good });
      assert.equal(code, 0);
      assert.match(written[''] ?? '', /^apiVersion: clarive\.com\/v1\nkind: ClariveDispatcher\n[^]*\n---\n/);
      assert.match(told, /^record 1 \(service\.event\.daemon\): "event" \(running\)\n/);
    });

  test('writes to the file of --output only', async () => {
    const { code, written } = await run(['--output', 'daemons.yaml']);
    assert.equal(code, 0);
    assert.deepEqual(Object.keys(written), ['daemons.yaml']);
  });

  test('takes every flag', async () => {
    const argv =
      '--namespace clarive --dispatcher prod --image r.example.com/clarive:7 --environment prod --stopped --id srv.01 --rename-id a_=b,c_=d --rename-id e_=f';
    const records = `${good}{"service":"service.job.daemon","active":"1","instances":[{"instance":"a_"},{"instance":"c_"},{"instance":"e_"}]}`;
    const { code, written } = await run(argv.split(' '), { '': records });
    assert.equal(code, 0);
    assert.equal(
      written['']?.replaceAll('apiVersion: clarive.com/v1\n', ''),
      `kind: ClariveDispatcher
metadata:
  name: prod
  namespace: clarive
spec:
  replicas: 0
  image: r.example.com/clarive:7
  environment: prod
---
kind: ClariveDaemon
metadata:
  name: event
  namespace: clarive
spec:
  service: service.event.daemon
  id: srv.01
  replicas: 1
  dispatcherRef:
    name: prod
---
kind: ClariveDaemon
metadata:
  name: job-b
  namespace: clarive
spec:
  service: service.job.daemon
  id: b
  replicas: 1
  dispatcherRef:
    name: prod
---
kind: ClariveDaemon
metadata:
  name: job-d
  namespace: clarive
spec:
  service: service.job.daemon
  id: d
  replicas: 1
  dispatcherRef:
    name: prod
---
kind: ClariveDaemon
metadata:
  name: job-f
  namespace: clarive
spec:
  service: service.job.daemon
  id: f
  replicas: 1
  dispatcherRef:
    name: prod
`,
    );
  });

  test('prints no ClariveDispatcher with --no-dispatcher', async () => {
    const { written } = await run(['--no-dispatcher', '--image', 'clarive:7']);
    assert.doesNotMatch(written[''] ?? '', /ispatcher/);
    assert.match(written[''] ?? '', /\n {2}image: clarive:7\n/);
  });

  test('prints the good records and ends with 1 if there are bad ones', async () => {
    const { code, written, told } = await run([], { '': good + bad });
    assert.equal(code, 1);
    assert.match(written[''] ?? '', /name: event/);
    assert.match(told, /^record 2 .*error: active is "maybe"/m);
  });

  test('prints all records and ends with 1 if an id to be renamed is not among them', async () => {
    const records = '{"service":"service.job.daemon","active":"1","instances":[{"instance":"app1"}]}';
    const { code, written, told } = await run(['--rename-id', 'app1=app2,nosuch=x'], { '': records });
    assert.equal(code, 1);
    assert.match(written[''] ?? '', /id: app2/);
    assert.match(
      told,
      /^error: --rename-id 'nosuch=x' fits no daemon of the records: the ids are "app1"; correct or drop it, and import again$/m,
    );
    assert.equal(told.match(/error: /g)?.length, 1);
  });

  for (const [what, input, says] of [
    ['only bad records', bad, /^record 1 .*error: active/],
    ['no records', '[]', /^There is no record in the input: export the collection "daemon"/],
    ['only the Dispatcher', '{"service":"service.dispatcher","active":"1"}', /left out, because/],
  ] as const)
    test(`prints nothing and ends with 2 for ${what}`, async () => {
      const { code, written, told } = await run([], { '': input });
      assert.equal(code, 2);
      assert.deepEqual(written, {});
      assert.match(told, says);
    });

  const wrong: [argv: string, problem: string][] = [
    ['--dispatchr x', '--dispatchr is unknown: did you mean --dispatcher?'],
    ['--frobnicate', '--frobnicate is unknown: see --help for all settings'],
    ['--image', '--image has no value: set it to an image such as "registry.example.com/clarive:7.13"'],
    ['--output --stopped', '--output has no value: set it to the path of a file'],
    ['--stopped=yes', '--stopped is "yes": set it to true or false'],
    [
      '--namespace A',
      '--namespace is "A": set it to the name of a namespace: at most 63 lower-case letters, digits and "-"',
    ],
    [
      '--dispatcher Main',
      '--dispatcher is "Main": set it to a name of at most 63 lower-case letters, digits and "-"',
    ],
    [
      '--id a_',
      '--id is "a_": set it to an id: 1 to 63 letters, digits, "-", "_" or ".", with a letter or digit at both ends',
    ],
    [
      '--rename-id a',
      '--rename-id is "a": set it to two ids such as "app_1_=app1", of which the new one has 1 to 63 letters, digits, "-", "_" or ".", with a letter or digit at both ends',
    ],
    [
      '--rename-id =a',
      '--rename-id is "=a": set it to two ids such as "app_1_=app1", of which the new one has 1 to 63 letters, digits, "-", "_" or ".", with a letter or digit at both ends',
    ],
    ['a.json b.json', '"b.json" is too much: give one FILE'],
    ['--no-dispatcher --stopped', '--stopped has no meaning with --no-dispatcher: leave one of them out'],
    [
      '--no-dispatcher --dispatcher main',
      '--dispatcher has no meaning with --no-dispatcher: leave one of them out',
    ],
    [
      '--no-dispatcher --environment x',
      '--environment has no meaning with --no-dispatcher: leave one of them out',
    ],
  ];
  for (const [argv, problem] of wrong)
    test(`refuses "${argv}" with 2 and the remedy`, async () => {
      const { code, written, told } = await run(argv.split(' '));
      assert.deepEqual(
        { code, written, told },
        { code: 2, written: {}, told: `Cannot use the command line\n  ${problem}\n` },
      );
    });

  test('names a file that it cannot read or write, with 2', async () => {
    assert.deepEqual(await run(['none.json']), {
      code: 2,
      written: {},
      told: 'Cannot import: There is no file "none.json"\n',
    });
    const { code, told } = await run(['--output', '/readonly/x']);
    assert.deepEqual([code, told], [2, 'Cannot import: Cannot write "/readonly/x"\n']);
  });

  for (const argv of [['--help'], ['-h'], ['--help', '--frobnicate']])
    test(`shows its help with ${argv.join(' ')}`, async () => {
      const { code, written } = await run(argv);
      assert.equal(code, 0);
      assert.match(written[''] ?? '', /^Usage: clarive-operator import \[flags\] \[FILE\]\n/);
      for (const line of (written[''] ?? '').split('\n')) assert.ok(line.length <= 120, line);
    });
});

/** The program itself, with real files and pipes. */
suite('node src/main.ts import', () => {
  const main = join(import.meta.dirname, '../src/main.ts');
  const start = (args: string[], input: string) =>
    new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
      const child = execFile(process.execPath, [main, 'import', ...args], (error, stdout, stderr) =>
        resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
      );
      child.stdin?.end(input);
    });

  test('reads standard input, writes manifests to standard output and the report to standard error', async () => {
    const { code, stdout, stderr } = await start(['--no-dispatcher'], good + bad);
    assert.equal(code, 1);
    assert.match(stdout, /^apiVersion: clarive\.com\/v1\nkind: ClariveDaemon\n[^]*replicas: 1\n$/);
    assert.match(stderr, /^record 1 [^]*\nTo do:\n/);
  });

  test('reads and writes files', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'clarive-import-'));
    try {
      const [input, output] = [join(folder, 'daemons.json'), join(folder, 'daemons.yaml')];
      await writeFile(input, good);
      const { code, stdout } = await start([input, '--output', output], '');
      assert.deepEqual([code, stdout], [0, '']);
      assert.match(await readFile(output, 'utf8'), /kind: ClariveDispatcher/);
      assert.equal((await start([join(folder, 'none')], '')).code, 2);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

test('the page on moving in names only flags that there are', async () => {
  const page = await readFile(join(import.meta.dirname, '../docs/migration.md'), 'utf8');
  const { written } = await run(['--help']);
  const commands = page.match(/clarive-operator import [^\n`]*/g) ?? [];
  const named =
    [...commands, ...(page.match(/`--(?:id|rename-id)[^`]*`/g) ?? [])].join(' ').match(/--[a-z-]+/g) ?? [];
  assert.ok(named.length > 4, 'The page has lost its commands');
  for (const flag of named) assert.match(written[''] ?? '', new RegExp(`^ {2}${flag}\\b`, 'm'));
});
