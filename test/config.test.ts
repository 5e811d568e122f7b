import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { type Config, type ConfigInput, readConfig } from '../src/config.ts';
import { settingsChapter } from '../src/config/help.ts';
import { flagOf } from '../src/config/setting.ts';
import { names, variableOf } from '../src/config/settings.ts';

interface Given {
  argv?: string[];
  env?: ConfigInput['env'];
  /** Text of operator.yaml, which is then named by the first flag. */
  file?: string;
  /** Namespace of the service account. */
  serviceAccount?: string;
}

function read({ argv = [], env = {}, file, serviceAccount }: Given) {
  const files: Record<string, string | undefined> = {
    'operator.yaml': file,
    '/var/run/secrets/kubernetes.io/serviceaccount/namespace': serviceAccount,
  };
  return readConfig({
    argv: file === undefined ? argv : ['--config', 'operator.yaml', ...argv],
    env,
    readFile: (path) => {
      const text = files[path];
      if (text === undefined) throw new Error(`There is no file "${path}"`);
      return text;
    },
  });
}

function configOf(given: Given): Config {
  const result = read(given);
  assert.ok('config' in result, JSON.stringify(result));
  return result.config;
}

function problemsOf(given: Given): string[] {
  const result = read(given);
  assert.ok('problems' in result, JSON.stringify(result));
  return result.problems;
}

test('has a default for everything', () => {
  assert.deepEqual(configOf({}), {
    namespaces: [],
    selector: undefined,
    defaults: { images: {}, environment: 'clarive' },
    restartOn: [],
    leaderElection: { namespace: 'default', name: 'clarive-operator' },
    workers: 16,
    logLevel: 'info',
    healthAddress: { port: 8081 },
    metricsAddress: { port: 8080 },
    context: undefined,
  });
});

test('takes every setting from flags, environment and file alike', () => {
  const everything = {
    namespaces: ['one', 'two'],
    selector: 'team in (blue, green),!test',
    defaults: {
      image: 'registry.example.com:5000/clarive:7.13',
      images: { 'service.job.daemon': 'jobs:1', 'service.scheduler': 'scheduler:2' },
      environment: 'production',
      runAsUser: 1001,
    },
    restartOn: ['ConfigMap', 'Secret'],
    leaderElection: { namespace: 'operators', name: 'clarive.blue' },
    workers: 4,
    logLevel: 'debug',
    healthAddress: { host: '127.0.0.1', port: 9001 },
    metricsAddress: { host: '::1', port: 0 },
    context: 'kind',
  };
  const texts: Record<string, string> = {
    namespaces: 'one,two',
    selector: 'team in (blue, green),!test',
    defaultImage: 'registry.example.com:5000/clarive:7.13',
    images: 'service.job.daemon=jobs:1, service.schedule daemon=scheduler:2',
    environment: 'production',
    runAsUser: '1001',
    restartOnConfigmapChange: 'true',
    restartOnSecretChange: 'true',
    leaderElection: 'true',
    leaderElectionNamespace: 'operators',
    leaderElectionName: 'clarive.blue',
    workers: '4',
    logLevel: 'debug',
    healthAddress: '127.0.0.1:9001',
    metricsAddress: '[::1]:0',
    context: 'kind',
  };
  const given = names.filter((name) => name !== 'config');
  assert.deepEqual(Object.keys(texts), given);
  const argv = given.map((name) => `${flagOf(name)}=${texts[name]}`);
  const env = Object.fromEntries(given.map((name) => [variableOf(name), texts[name]]));
  const file = given.map((name) => `${name}: ${JSON.stringify(texts[name])}`).join('\n');
  assert.deepEqual(configOf({ argv }), everything);
  assert.deepEqual(configOf({ env }), everything);
  assert.deepEqual(configOf({ file }), everything);
});

test('takes numbers, switches, lists and maps of the file as YAML has them', () => {
  const file = `
workers: 4
leaderElection: false
metricsAddress: 0
healthAddress: 9001
selector:
namespaces:
  - one
  - two
images:
  service.job.daemon: jobs:1
  service.schedule daemon: scheduler:2
`;
  const { workers, leaderElection, metricsAddress, healthAddress, selector, namespaces, defaults } = configOf(
    {
      file,
    },
  );
  assert.deepEqual(
    [workers, leaderElection, metricsAddress, healthAddress, selector, namespaces],
    [4, undefined, undefined, { port: 9001 }, undefined, ['one', 'two']],
  );
  assert.deepEqual(defaults.images, { 'service.job.daemon': 'jobs:1', 'service.scheduler': 'scheduler:2' });
});

test('prefers a flag to the environment, that to the file, and that to the default', () => {
  const file = 'workers: 3';
  const env = { CLARIVE_OPERATOR_WORKERS: '2' };
  assert.equal(configOf({ argv: ['--workers', '1'], env, file }).workers, 1);
  assert.equal(configOf({ env, file }).workers, 2);
  assert.equal(configOf({ file }).workers, 3);
});

test('reads the file that the environment names', () => {
  assert.deepEqual(problemsOf({ env: { CLARIVE_OPERATOR_CONFIG: 'absent.yaml' } }), [
    'CLARIVE_OPERATOR_CONFIG is "absent.yaml": set it to a file that can be read (There is no file "absent.yaml")',
  ]);
});

test('takes commas without a name for the mistake that they are', () => {
  for (const value of [',', ' , ,']) {
    const result = readConfig({ argv: ['--namespaces', value], env: {}, readFile: () => '' });
    assert.deepEqual('problems' in result && result.problems.map((problem) => problem.split(':')[0]), [
      `--namespaces is "${value}"`,
    ]);
  }
});

test('takes an empty value for none', () => {
  const env = { CLARIVE_OPERATOR_WORKERS: '', CLARIVE_OPERATOR_IMAGES: undefined };
  const { workers, selector } = configOf({ env, argv: ['--selector='], file: 'workers: 3\nselector: ""' });
  assert.deepEqual([workers, selector], [3, undefined]);
});

test('takes the later of two flags, and all of a flag that is a list', () => {
  const argv = ['--workers=1', '--workers=2', '--namespaces=b', '--namespaces', 'a,b'];
  const { workers, namespaces } = configOf({ argv });
  assert.deepEqual([workers, namespaces], [2, ['b', 'a']]);
});

test('takes a switch without value for true', () => {
  const argv = ['--leader-election', '--leader-election-namespace=ours'];
  const env = { CLARIVE_OPERATOR_LEADER_ELECTION: 'false' };
  assert.deepEqual(configOf({ argv, env }).leaderElection, { namespace: 'ours', name: 'clarive-operator' });
});

test('elects the leader in the namespace of its own pod', () => {
  const serviceAccount = 'account\n';
  const namespaceOf = (given: Given) => configOf(given).leaderElection?.namespace;
  assert.equal(namespaceOf({ env: { POD_NAMESPACE: 'pod' }, serviceAccount }), 'pod');
  assert.equal(namespaceOf({ serviceAccount }), 'account');
  assert.equal(namespaceOf({ serviceAccount: '' }), 'default');
  assert.equal(namespaceOf({}), 'default');
});

test('is frozen', () => {
  const config = configOf({ argv: ['--images=service.job.daemon=jobs:1'] });
  const parts = [config, config.namespaces, config.defaults, config.defaults.images, config.leaderElection];
  for (const part of [...parts, config.healthAddress, config.metricsAddress])
    assert.ok(Object.isFrozen(part));
});

test('asks for help or the version before anything is wrong', () => {
  const help = read({ argv: ['--workers=x', '-h'] });
  assert.ok('help' in help);
  for (const name of names) {
    assert.match(help.help, new RegExp(`^  ${flagOf(name)}\\b`, 'm'));
    assert.match(help.help, new RegExp(`\\[${variableOf(name)}\\]`));
  }
  assert.deepEqual(read({ argv: ['--workers=x', '--version'] }), { version: true });
});

test('names everything that is wrong at once', () => {
  const argv = ['--wokers=3', '--run-as-user=root'];
  const env = { CLARIVE_OPERATOR_LOG_LEVEL: 'verbose' };
  assert.deepEqual(problemsOf({ argv, env, file: 'defaultimage: x\nworkers: 0' }), [
    '--wokers is unknown: did you mean --workers?',
    'defaultimage (operator.yaml, line 1) is unknown: did you mean defaultImage?',
    '--run-as-user is "root": set it to a whole number from 1 to 2147483647',
    'workers (operator.yaml, line 2) is "0": set it to a whole number from 1 to 256',
    'CLARIVE_OPERATOR_LOG_LEVEL is "verbose": set it to one of trace, debug, info, warn, error, fatal, silent',
  ]);
});

for (const [flag, expected] of [
  ['--namespaces=Blue', 'the name of a namespace: at most 63 lower-case letters, digits and "-"'],
  [
    `--namespaces=${'a'.repeat(64)}`,
    'the name of a namespace: at most 63 lower-case letters, digits and "-"',
  ],
  ['--selector=team in blue', 'a label selector such as "team=blue,tier!=test"'],
  ['--selector=a=b,,c=d', 'a label selector such as "team=blue,tier!=test"'],
  ['--default-image=clarive latest', 'an image such as "registry.example.com/clarive:7.13"'],
  ['--images=clarive:1', 'service=image, such as "service.job.daemon=registry.example.com/clarive:7.13"'],
  ['--images=job=clarive:1', 'service=image, such as "service.job.daemon=registry.example.com/clarive:7.13"'],
  [
    '--images=service.job.daemon=',
    'service=image, such as "service.job.daemon=registry.example.com/clarive:7.13"',
  ],
  ['--environment=../etc', 'a name of letters, digits, "_", "-" and "."'],
  ['--run-as-user=0', 'a whole number from 1 to 2147483647'],
  ['--run-as-user=1e3', 'a whole number from 1 to 2147483647'],
  ['--leader-election=yes', 'true or false'],
  ['--leader-election-name=Ours', 'the name of a Kubernetes object: lower-case letters, digits, "-" and "."'],
  ['--workers=257', 'a whole number from 1 to 256'],
  ['--log-level=warning', 'one of trace, debug, info, warn, error, fatal, silent'],
  ['--health-address=0', 'a port such as ":8080", or host and port such as "127.0.0.1:8080"'],
  ['--health-address=::1:80', 'a port such as ":8080", or host and port such as "127.0.0.1:8080"'],
  [
    '--metrics-address=:65536',
    'a port such as ":8080", or host and port such as "127.0.0.1:8080", or 0 for none',
  ],
  [
    '--metrics-address=localhost',
    'a port such as ":8080", or host and port such as "127.0.0.1:8080", or 0 for none',
  ],
] as const) {
  test(`refuses ${flag}`, () => {
    const [name, value = ''] = flag.split(/=(.*)/);
    assert.deepEqual(problemsOf({ argv: [flag] }), [`${name} is "${value}": set it to ${expected}`]);
  });
}

test('names each wrong entry of a list', () => {
  assert.deepEqual(
    problemsOf({ argv: ['--namespaces=A,b,C'] }).map((problem) => problem.split(':')[0]),
    ['--namespaces is "A"', '--namespaces is "C"'],
  );
});

for (const [argv, problem] of [
  [['--workers'], '--workers has no value: set it to a whole number from 1 to 256'],
  [['--workers', '--version=1'], '--workers has no value: set it to a whole number from 1 to 256'],
  [['--frobnicate'], '--frobnicate is unknown: see --help for all settings'],
  [['--namespace', 'one'], '--namespace is unknown: did you mean --namespaces?'],
  [['--logLevel=info'], '--logLevel is unknown: did you mean --log-level?'],
  [['start'], '"start" is no flag: see --help for all settings'],
  [['-w'], '-w is unknown: see --help for all settings'],
] as const) {
  test(`refuses the command line "${argv.join(' ')}"`, () => {
    assert.deepEqual(problemsOf({ argv: [...argv] }), [problem]);
  });
}

test('finds a mistyped variable, and leaves those of others alone', () => {
  const env = {
    CLARIVE_OPERATOR_NAMESPACE: 'one',
    CLARIVE_OPERATOR_METRICS_PORT: 'tcp://10.0.0.1:8080',
    CLARIVE_OPERATOR_SERVICE_HOST: '10.0.0.1',
    CLARIVE_WORKERS: 'x',
  };
  assert.deepEqual(problemsOf({ env }), [
    'CLARIVE_OPERATOR_NAMESPACE is unknown: did you mean CLARIVE_OPERATOR_NAMESPACES?',
  ]);
});

for (const [file, problem] of [
  [
    '- workers',
    'operator.yaml is no map of settings: write each as "name: value", see --help for all settings',
  ],
  ['workers: 1\nworkers: 2', 'operator.yaml, line 2 is no valid YAML: Map keys must be unique'],
  ['workers: [1]', 'workers (operator.yaml, line 1) is [1]: set it to a whole number from 1 to 256'],
  ['\ncontext: {a: 1}', 'context (operator.yaml, line 2) is {"a":1}: set it to the name of a context'],
  [
    'namespaces: [[a]]',
    'namespaces (operator.yaml, line 1) is [["a"]]: set it to a list, each the name of a namespace: at most 63 lower-case letters, digits and "-"',
  ],
  ['config: more.yaml', 'config (operator.yaml, line 1) is unknown: see --help for all settings'],
  ['[1]: 2', '[1] (operator.yaml, line 1) is unknown: see --help for all settings'],
] as const) {
  test(`refuses the file ${JSON.stringify(file)}`, () => {
    assert.deepEqual(problemsOf({ file }), [problem]);
  });
}

test('takes a file without settings', () => {
  assert.equal(configOf({ file: '# nothing yet\n' }).workers, 16);
});

test('tells of a file that cannot be read whatever is thrown', () => {
  const readFile = () => {
    // oxlint-disable-next-line typescript/only-throw-error
    throw 'no reason';
  };
  assert.deepEqual(readConfig({ argv: ['--config=a.yaml'], env: {}, readFile }), {
    problems: ['--config is "a.yaml": set it to a file that can be read (no reason)'],
  });
});

test('is documented: run "node docs/generate.ts" after a change of the settings', () => {
  const page = readFileSync(new URL('../docs/configuration.md', import.meta.url), 'utf8');
  const chapter = /<!-- settings -->\n\n([^]*)\n<!-- end of settings -->/.exec(page)?.[1];
  assert.equal(chapter, settingsChapter());
});
