/** Who has a say in what a daemon is run with, and who goes before whom. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import type { ClariveDaemon, ClariveDaemonSpec } from '../../src/api/clarive-daemon.ts';
import type { ClariveDispatcher, ClariveDispatcherSpec } from '../../src/api/clarive-dispatcher.ts';
import type { PodTemplateOverlay } from '../../src/api/kubernetes.ts';
import { configAnnotation } from '../../src/api/labels.ts';
import { desiredDeployment } from '../../src/desired/deployment.ts';
import { mergeOverlays, overlayTemplate } from '../../src/desired/overlay.ts';
import { settingsOf, type DaemonDefaults } from '../../src/desired/settings.ts';
import { aDaemon, aDispatcher } from '../support/builders.ts';

const service = 'service.event.daemon';
const dispatcherRef = { name: 'main' };
const none: DaemonDefaults = { images: {}, environment: 'clarive' };

function settings(
  daemon: Partial<ClariveDaemonSpec>,
  dispatcher: Partial<ClariveDispatcherSpec> | undefined,
  defaults: Partial<DaemonDefaults> = {},
) {
  const given = dispatcher && aDispatcher(dispatcher);
  return settingsOf(aDaemon({ service, dispatcherRef, ...daemon }), given, { ...none, ...defaults });
}

function render(daemon: Partial<ClariveDaemonSpec>, dispatcher: ClariveDispatcher) {
  const defaults = { ...none, image: 'clarive:7' };
  return desiredDeployment(aDaemon({ service, dispatcherRef, ...daemon }), defaults, { dispatcher });
}

function templateOf(daemon: Partial<ClariveDaemonSpec>, dispatcher: ClariveDispatcher) {
  const desired = render(daemon, dispatcher);
  if ('invalid' in desired) assert.fail(desired.invalid);
  return desired.deployment.spec.template;
}

function fileOf(daemon: Partial<ClariveDaemonSpec>, dispatcher: Partial<ClariveDispatcherSpec>): unknown {
  const text = templateOf(daemon, aDispatcher(dispatcher)).metadata.annotations?.[configAnnotation];
  return text === undefined ? undefined : parse(text);
}

function invalidity(daemon: Partial<ClariveDaemonSpec>, dispatcher: Partial<ClariveDispatcherSpec>): string {
  const desired = render(daemon, aDispatcher(dispatcher));
  assert.ok('invalid' in desired, 'It was accepted');
  return desired.invalid;
}

describe('the image is the first of', () => {
  const own = { image: 'own:1' };
  const entry = { services: [{ service, image: 'entry:1' }] };
  const common = { image: 'dispatcher:1' };
  const forService = { images: { [service]: 'service:1', 'service.job.daemon': 'other:1' } };
  const fallback = { image: 'default:1' };
  const rows: [
    what: string,
    daemon: Partial<ClariveDaemonSpec>,
    dispatcher: Partial<ClariveDispatcherSpec> | undefined,
    defaults: Partial<DaemonDefaults>,
    image: string | undefined,
  ][] = [
    ["the daemon's", own, { ...common, ...entry }, { ...forService, ...fallback }, 'own:1'],
    [
      "the dispatcher's for the service",
      {},
      { ...common, ...entry },
      { ...forService, ...fallback },
      'entry:1',
    ],
    ["the dispatcher's", {}, common, { ...forService, ...fallback }, 'dispatcher:1'],
    [
      "the dispatcher's, if its entry is for another service",
      {},
      { ...common, services: [{ service: 'service.job.daemon', image: 'job:1' }] },
      fallback,
      'dispatcher:1',
    ],
    ["the operator's for the service", {}, {}, { ...forService, ...fallback }, 'service:1'],
    ["the operator's default", {}, undefined, fallback, 'default:1'],
    ['nobody', {}, {}, {}, undefined],
  ];
  for (const [what, daemon, dispatcher, defaults, image] of rows)
    test(what, () => assert.equal(settings(daemon, dispatcher, defaults).image, image));

  test('either name of the scheduler', () => {
    const services = [{ service: 'service.schedule daemon', image: 'scheduler:1' }];
    for (const name of ['service.scheduler', 'service.schedule daemon'])
      assert.equal(settings({ service: name }, { services }).image, 'scheduler:1');
  });
});

test("the environment is the dispatcher's, else the operator's", () => {
  assert.equal(settings({}, { environment: 'prod' }).environment, 'prod');
  assert.equal(settings({}, {}).environment, 'clarive');
  const container = templateOf({}, aDispatcher({ environment: 'prod' })).spec.containers[0];
  assert.equal(container?.args?.join(' ').includes('-c prod'), true);
  assert.equal(container?.env?.find(({ name }) => name === 'CLARIVE_ENV')?.value, 'prod');
});

test("variables are merged by name, whole, the daemon's before the dispatcher's before the operator's", () => {
  const secret = { name: 'B', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } };
  const env = [{ name: 'A', value: '1' }, secret, { name: 'CLARIVE_ENV', value: 'mine' }];
  const template = templateOf({ env: [{ name: 'B', value: '2' }] }, aDispatcher({ env }));
  const found = new Map(template.spec.containers[0]?.env?.map((variable) => [variable.name, variable]));
  assert.deepEqual(found.get('A'), { name: 'A', value: '1' });
  assert.deepEqual(found.get('B'), { name: 'B', value: '2' });
  assert.equal(found.get('CLARIVE_ENV')?.value, 'mine');
});

test("the daemon's envFrom comes after the dispatcher's, because the last key of a name counts", () => {
  const [first, second] = [{ secretRef: { name: 'shared' } }, { configMapRef: { name: 'own' } }];
  assert.deepEqual(settings({ envFrom: [second] }, { envFrom: [first] }).spec.envFrom, [first, second]);
  assert.deepEqual(settings({}, { envFrom: [first] }).spec.envFrom, [first]);
  assert.deepEqual(settings({ envFrom: [second] }, {}).spec.envFrom, [second]);
});

describe('the config file', () => {
  test("has the dispatcher's settings at its top level and the daemon's in its section", () => {
    const file = fileOf({ config: { timeout: 60 } }, { config: { mongo: { dbname: 'cla' } } });
    assert.deepEqual(file, { mongo: { dbname: 'cla' }, [service]: { timeout: 60 } });
  });

  test('is there as soon as anybody has a setting', () => {
    assert.deepEqual(fileOf({}, { config: { debug: 1 } }), { debug: 1 });
    assert.deepEqual(fileOf({}, { services: [{ service, config: { frequency: 5 } }] }), {
      [service]: { frequency: 5 },
    });
    assert.equal(
      fileOf({}, { services: [{ service: 'service.job.daemon', config: { frequency: 5 } }] }),
      undefined,
    );
  });

  test('is merged key by key at any depth; lists and null are values', () => {
    const file = fileOf(
      { config: { deep: { a: 1, list: [3] }, gone: null } },
      {
        config: { [service]: { deep: { c: 3, a: 0 }, base: true } },
        services: [{ service, config: { deep: { b: 2, a: 0, list: [1, 2] }, gone: 1 } }],
      },
    );
    assert.deepEqual(file, { [service]: { base: 1, deep: { a: 1, b: 2, c: 3, list: [3] }, gone: null } });
  });

  test("has the dispatcher's section under the manual's name of a service under the registry key, beneath all others", () => {
    const alias = { 'service.schedule daemon': { a: 1, b: 1, c: 1, d: 1 }, debug: 1 };
    const key = { 'service.scheduler': { b: 2, c: 2, d: 2 } };
    const services = [{ service: 'service.schedule daemon', config: { c: 3, d: 3 } }];
    const own = { service: 'service.schedule daemon', config: { d: 4 } };
    assert.deepEqual(fileOf(own, { config: { ...alias, ...key }, services }), {
      debug: 1,
      'service.scheduler': { a: 1, b: 2, c: 3, d: 4 },
    });
    assert.deepEqual(fileOf({}, { config: alias }), {
      debug: 1,
      'service.scheduler': alias['service.schedule daemon'],
    });
  });

  test("keeps a setting of the daemon's own that is called like a service in the manual", () => {
    const config = { 'service.schedule daemon': { a: 1 } };
    assert.deepEqual(fileOf({ config }, {}), { [service]: config });
  });

  test('is refused with the key that the user has written', () => {
    assert.match(
      invalidity({}, { config: { 'service.schedule daemon': { big: 2 ** 60 } } }),
      /^The number spec\.config\.service\.schedule daemon\.big of the ClariveDispatcher "main" /,
    );
  });

  test('has any key that JSON can hold', () => {
    const odd = JSON.parse('{"__proto__": {"a": 1}, "constructor": 2}') as Record<string, unknown>;
    const also = JSON.parse('{"__proto__": {"b": 2}}') as Record<string, unknown>;
    const text = templateOf({ config: also }, aDispatcher({ services: [{ service, config: odd }] })).metadata
      .annotations?.[configAnnotation];
    assert.equal(text, `${service}:\n  __proto__:\n    a: 1\n    b: 2\n  constructor: 2\n`);
  });
});

describe('the pod template', () => {
  const at = (mountPath: string, name: string): PodTemplateOverlay => ({
    spec: {
      volumes: [{ name, emptyDir: {} }],
      containers: [{ name: 'daemon', volumeMounts: [{ name, mountPath }] }],
    },
  });

  test("is the preset's, under the dispatcher's, under the daemon's", () => {
    const dispatcher = aDispatcher({
      template: {
        spec: { terminationGracePeriodSeconds: 100, nodeSelector: { disk: 'ssd' }, priorityClassName: 'low' },
      },
    });
    const { spec } = templateOf({ template: { spec: { priorityClassName: 'high' } } }, dispatcher);
    assert.equal(spec.terminationGracePeriodSeconds, 100);
    assert.deepEqual(spec.nodeSelector, { disk: 'ssd' });
    assert.equal(spec.priorityClassName, 'high');
  });

  test('has the volumes of both, merged by name', () => {
    const claim = { name: 'jobs', persistentVolumeClaim: { claimName: 'jobs' } };
    const dispatcher = aDispatcher({
      template: { spec: { volumes: [claim, { name: 'tmp', emptyDir: {} }] } },
    });
    const own = { name: 'tmp', hostPath: { path: '/tmp' } };
    const { volumes } = templateOf({ template: { spec: { volumes: [own] } } }, dispatcher).spec;
    assert.deepEqual(
      volumes?.find(({ name }) => name === 'jobs'),
      claim,
    );
    assert.deepEqual(
      volumes?.find(({ name }) => name === 'tmp'),
      own,
    );
  });

  const overlays: [what: string, first: PodTemplateOverlay, second: PodTemplateOverlay][] = [
    ['volumes and mounts', at('/a', 'one'), at('/b', 'two')],
    ['the same mount', at('/a', 'one'), at('/a', 'two')],
    [
      'a probe of another kind',
      {
        spec: {
          containers: [{ name: 'daemon', livenessProbe: { exec: { command: ['a'] }, periodSeconds: 5 } }],
        },
      },
      { spec: { containers: [{ name: 'daemon', livenessProbe: { tcpSocket: { port: 1 } } }] } },
    ],
    [
      'the pace of a probe',
      { spec: { containers: [{ name: 'daemon', livenessProbe: { tcpSocket: { port: 1 } } }] } },
      { spec: { containers: [{ name: 'daemon', livenessProbe: { periodSeconds: 9 } }] } },
    ],
    [
      'labels and atomic lists',
      { metadata: { labels: { a: '1', b: '1' } }, spec: { tolerations: [{ key: 'a' }] } },
      { metadata: { labels: { b: '2' } }, spec: { tolerations: [] } },
    ],
  ];
  for (const [what, first, second] of overlays)
    test(`comes out as if both were laid over it one after the other: ${what}`, () => {
      const base = templateOf({}, aDispatcher());
      assert.deepEqual(
        overlayTemplate(base, mergeOverlays(first, second)),
        overlayTemplate(overlayTemplate(base, first), second),
      );
    });

  test('carries the name of the dispatcher as a label, which its scale selects by', () => {
    assert.equal(templateOf({}, aDispatcher()).metadata.labels['clarive.com/dispatcher'], 'main');
  });
});

test('the documented example is true', () => {
  const daemon = { env: [{ name: 'TZ', value: 'UTC' }], config: { timeout: 60 } };
  const dispatcher = {
    image: 'clarive:7',
    env: [
      { name: 'TZ', value: 'CET' },
      { name: 'A', value: '1' },
    ],
    config: { mongo: { dbname: 'cla' } },
    services: [{ service, config: { timeout: 30, frequency: 15 } }],
  };
  const { image, spec } = settings(daemon, dispatcher);
  assert.equal(image, 'clarive:7');
  assert.deepEqual(spec.env, [
    { name: 'TZ', value: 'UTC' },
    { name: 'A', value: '1' },
  ]);
  assert.deepEqual(fileOf(daemon, dispatcher), {
    mongo: { dbname: 'cla' },
    [service]: { frequency: 15, timeout: 60 },
  });
});

describe('what cannot be rendered names the place to mend:', () => {
  const main = 'of the ClariveDispatcher "main"';
  test("an integer in the dispatcher's config", () => {
    assert.equal(
      invalidity({}, { config: { mongo: { port: 2 ** 60 } } }),
      `The number spec.config.mongo.port ${main} is beyond 2^53 and would lose digits: write it as a string`,
    );
  });

  test('an integer in its entry for the service', () => {
    assert.equal(
      invalidity({}, { services: [{ service, config: { frequency: 2 ** 60 } }] }),
      `The number spec.services[${service}].config.frequency ${main} is beyond 2^53 and would lose digits: write it as a string`,
    );
  });

  test("a file that the dispatcher's config alone makes too big", () => {
    assert.match(
      invalidity({ config: { a: 1 } }, { config: { text: 'x'.repeat(131_072) } }),
      new RegExp(`^The file of spec.config ${main} has 1310\\d\\d bytes: reduce it to 131072 or fewer$`),
    );
  });

  test('a file that both make too big together', () => {
    const half = 'x'.repeat(70_000);
    assert.match(
      invalidity({ config: { a: half } }, { config: { b: half } }),
      new RegExp(`^The file of spec.config ${main} and spec.config has 1400\\d\\d bytes: reduce it`),
    );
  });

  test('a mount in the place of the file', () => {
    const volumeMounts = [{ name: 'mine', mountPath: '/opt/clarive/config/clarive.yml' }];
    const template = { spec: { containers: [{ name: 'daemon', volumeMounts }] } };
    assert.equal(
      invalidity({ config: { a: 1 } }, { template }),
      `The container "daemon" in spec.template ${main} mounts "/opt/clarive/config/clarive.yml", where the file of spec.config goes: remove one of the two`,
    );
  });

  test('a memory limit in which nothing can start', () => {
    const containers = [{ name: 'daemon', resources: { limits: { memory: '512' } } }];
    assert.equal(
      invalidity({}, { template: { spec: { containers } } }),
      `The memory limit "512" in spec.template.spec.containers[0].resources.limits.memory ${main} is too small for any process: raise it, with a unit as in "512Mi"`,
    );
  });

  test('no image at all', () => {
    const desired = desiredDeployment(aDaemon({ service, dispatcherRef }), none, {
      dispatcher: aDispatcher(),
    });
    assert.deepEqual(desired, {
      invalid: `No image is known for "${service}": set spec.image, here or ${main}, or a default image in the operator's configuration`,
    });
  });
});

test('the example of the documentation is true', () => {
  const page = readFileSync(new URL('../../docs/clarivedispatcher.md', import.meta.url), 'utf8');
  const [dispatcher, daemon, file] = page
    .matchAll(/^```yaml\n(.*?)^```/gms)
    .map(([, text = '']) => parse(text) as unknown);
  const { spec } = daemon as ClariveDaemon;
  const given = dispatcher as ClariveDispatcher;
  assert.deepEqual(fileOf(spec, given.spec), file);
  assert.equal(spec.dispatcherRef?.name, given.metadata.name);
  const { env } = templateOf(spec, given).spec.containers[0] ?? {};
  assert.deepEqual(
    env?.filter(({ name }) => name === 'TZ'),
    spec.env,
  );
  assert.equal(spec.env?.[0]?.value, 'UTC');
});
