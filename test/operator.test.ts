import assert from 'node:assert/strict';
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, mock, test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import dotI from '@dot-i/k8s-operator';
import { KubeConfig } from '@kubernetes/client-node';
import type { ClariveDaemon, ClariveDaemonStatus } from '../src/api/clarive-daemon.ts';
import { readConfig } from '../src/config.ts';
import { createLogger } from '../src/logger.ts';
import { Metrics } from '../src/metrics.ts';
import { desiredDeployment } from '../src/desired/deployment.ts';
import { overlayChild } from '../src/desired/overlay.ts';
import { ClariveOperator, type OperatorOptions } from '../src/operator.ts';
import { type Received, ScriptedServer } from './kube/scripted-server.ts';
import { endOfList } from './kube/watch-events.ts';
import {
  at,
  rawDeployment,
  rawMountFailure,
  rawPod,
  setUpFailed,
  waiting,
  type MountFailureOptions,
} from './status/observed-builders.ts';
import { aDaemon } from './support/builders.ts';
import { VirtualClock } from './support/virtual-clock.ts';

const restarting = {
  CLARIVE_OPERATOR_RESTART_ON_CONFIGMAP_CHANGE: 'true',
  CLARIVE_OPERATOR_RESTART_ON_SECRET_CHANGE: 'true',
};

/** Of another service than the builder's, so that the two don't contend. */
const email = 'service.daemon.email';

type Members = Record<string, (...args: unknown[]) => unknown>;

const root = join(import.meta.dirname, '..');
const base = dotI.default.prototype as unknown as Members;
const ours = ClariveOperator.prototype as unknown as Members;
const inherited = Object.getOwnPropertyNames(base).filter((name) => name !== 'constructor');
const lifeCycle = ['start', 'stop', 'watchResource'];

describe('of the base class', () => {
  test('every member that does input or output is overridden', () => {
    const left = inherited.filter((name) => !Object.hasOwn(ours, name));
    // Both are private there: the first only turns an error into text.
    assert.deepEqual(left.toSorted(), ['errorToJson', 'resourceStatusRequest']);
    const callers = inherited.filter((name) => String(base[name]).includes('this.resourceStatusRequest('));
    assert.deepEqual(callers.toSorted(), ['patchResourceStatus', 'setResourceStatus']);
    assert.ok(callers.every((name) => Object.hasOwn(ours, name)));
    assert.doesNotMatch(sourceOf('operator.ts'), /resourceStatusRequest|super\.(?!logger)\w+\(/);
  });

  test('what would talk to the API server by itself is refused by name', () => {
    const refused = inherited.filter((name) => Object.hasOwn(ours, name) && !lifeCycle.includes(name));
    assert.ok(refused.length >= 8, refused.join());
    for (const name of refused) {
      assert.throws(() => ours[name]?.call({}), new RegExp(`does not offer "${name}"`));
    }
  });

  test('only operator.ts knows', () => {
    const importers = sources().filter((file) => sourceOf(file).includes('@dot-i/k8s-operator'));
    assert.deepEqual(importers, ['operator.ts']);
  });
});

describe('every watch', () => {
  test('is declared through watchResource: without it nothing is asked of the API server', async (t) => {
    const server = await ScriptedServer.start(t);
    const operator = anOperator(t, server);
    const declare = mock.method(operator as unknown as Members, 'watchResource', () => Promise.resolve());
    await operator.start();
    await operator.stop();
    const probed = server.transport(t).request({ method: 'GET', path: '/probe' });
    const first = await server.next();
    assert.equal(first.path, '/probe', 'what the operator asked would have come before');
    first.answer(200, {});
    await probed;
    assert.equal(server.connections, 1);
    assert.ok(declare.mock.callCount() >= 4);
  });

  test('that is declared is opened once, at the place that was declared', async (t) => {
    const scopes = [
      {},
      { CLARIVE_OPERATOR_NAMESPACES: 'one,two' },
      { CLARIVE_OPERATOR_NAMESPACES: 'one,two', ...restarting },
    ];
    for (const scope of scopes) {
      const server = await ScriptedServer.start(t);
      const operator = anOperator(t, server, scope);
      const declare = mock.method(operator as unknown as Members, 'watchResource');
      const starting = operator.start();
      const opened: string[] = [];
      const isStarted = starting.then(() => undefined);
      const next = () => Promise.race([server.next(), isStarted]);
      for (let received = await next(); received; received = await next()) {
        assert.equal(received.query.get('watch'), 'true');
        opened.push(received.path);
        received.open().send(endOfList(1));
      }
      assert.ok(operator.ready);
      await operator.stop();
      const declared = declare.mock.calls.map((call) => pathOf(call.arguments as string[]));
      assert.deepEqual(opened.toSorted(), declared.toSorted());
      assert.equal(new Set(opened).size, opened.length);
    }
  });

  for (const [switches, watched] of [
    [{}, []],
    [restarting, ['configmaps', 'secrets']],
    [{ CLARIVE_OPERATOR_RESTART_ON_CONFIGMAP_CHANGE: 'true' }, ['configmaps']],
    [{ CLARIVE_OPERATOR_RESTART_ON_SECRET_CHANGE: 'true' }, ['secrets']],
  ] as const)
    test(`of what pods name is opened with its switch only: ${watched.join(' and ') || 'none'}`, async (t) => {
      const server = await ScriptedServer.start(t);
      const operator = anOperator(t, server, switches);
      const declare = mock.method(operator as unknown as Members, 'watchResource', () => Promise.resolve());
      await operator.start();
      await operator.stop();
      const declared = declare.mock.calls.map((call) => pathOf(call.arguments as string[]));
      const named = ['configmaps', 'secrets'].filter((plural) => declared.includes(`/api/v1/${plural}`));
      assert.deepEqual(named, watched);
    });

  test('is made nowhere but there', () => {
    const makers = sources().filter((file) => sourceOf(file).includes('new Reflector'));
    assert.deepEqual(makers, ['view.ts']);
    const users = sources().filter((file) => /\.watcher\(/.test(sourceOf(file)));
    assert.deepEqual(users, ['operator.ts']);
    const uses = sourceOf('operator.ts').match(/\.watcher\(/g) ?? [];
    assert.equal(uses.length, 1);
    assert.match(String(ours['watchResource']), /\.watcher\(/);
  });
});

describe("the kubelet's Events about volumes", () => {
  const missing = setUpFailed('conf', 'configmap "settings" not found');
  const beingCreated = { phase: 'Pending', container: waiting('ContainerCreating') };
  const creating = rawPod(beingCreated);
  const creatingEmail = rawPod({ ...beingCreated, name: 'email-1', daemon: 'email', service: email });

  test('are told of a daemon, also if they are seen before its pod', async (t) => {
    const { events, pods, untilTold } = await aStage(t);
    events.send({ type: 'ADDED', object: failure(1, missing) });
    pods.send({ type: 'ADDED', object: creating });
    await untilTold('purge', 'configmap "settings" not found');
    events.send({ type: 'MODIFIED', object: failure(2, setUpFailed('conf', 'secret "ssh" not found')) });
    await untilTold('purge', 'secret "ssh" not found');
  });

  test('lead to no visit when they are told again, nor when they are of pods that are not ours', async (t) => {
    const { events, pods, untilTold, visits } = await aStage(t);
    pods.send({ type: 'ADDED', object: creating }, { type: 'ADDED', object: creatingEmail });
    events.send({ type: 'ADDED', object: failure(1, missing) });
    await untilTold('email', 'Pod email-1 is starting');
    await untilTold('purge', 'configmap "settings" not found');
    const visitsBefore = await visits();
    events.send(
      { type: 'MODIFIED', object: failure(2, missing, { toldAt: at(1) }) },
      { type: 'ADDED', object: failure(3, missing, { pod: 'other-5d8f7c9b8-x2x4z' }) },
      { type: 'ADDED', object: failure(4, missing, { pod: 'email-1' }) },
    );
    await untilTold('email', 'configmap "settings" not found');
    const toEmail = ['to hold the status back', 'to write it'];
    assert.equal((await visits()) - visitsBefore, toEmail.length);
  });

  test('are kept of pods that are ours, or may be so by their names', async (t) => {
    const { events, pods, untilTold, told } = await aStage(t);
    const named = 'purge-5d8f7c9b8-x2x4z';
    events.send({ type: 'ADDED', object: failure(1, missing, { pod: 'foreign-5d8f7c9b8-x2x4z' }) });
    events.send({ type: 'ADDED', object: failure(2, missing, { pod: named }) });
    pods.send({ type: 'ADDED', object: rawPod({ ...beingCreated, name: named }) });
    await untilTold('purge', 'configmap "settings" not found');
    pods.send({
      type: 'ADDED',
      object: rawPod({ ...beingCreated, name: 'foreign-5d8f7c9b8-x2x4z', daemon: 'email', service: email }),
    });
    await untilTold('email', 'Pod foreign-5d8f7c9b8-x2x4z is starting');
    assert.doesNotMatch(told('email'), /not found/);
  });

  function failure(version: number, message: string, options: MountFailureOptions = {}): object {
    const event = rawMountFailure(message, { toldAt: at(0), ...options }) as { metadata: object };
    return { ...event, metadata: { ...event.metadata, resourceVersion: String(version) } };
  }

  /** An operator that leads and knows two daemons with their Deployments, on a server that takes every write. */
  async function aStage(t: TestContext) {
    const daemons = new Map(['purge', 'email'].map((name) => [name, daemonOf(name)]));
    const children = [...daemons.values()].map(childOf);
    const watches = new Map<string, Received>();
    const messages: string[] = [];

    const server = await ScriptedServer.start(t);
    const serve = (received: Received) => {
      const [resource = '', name = ''] = received.path.split('/').slice(-3);
      if (received.query.has('watch')) return serveWatch(received);
      const daemon = daemons.get(name);
      if (!daemon || resource !== 'clarivedaemons') return received.answer(201, {});
      const status = { ...daemon.status, ...(received.body as { status: ClariveDaemonStatus }).status };
      messages.push(`${name}: ${status.conditions?.[0]?.message}`);
      const metadata = { ...daemon.metadata, resourceVersion: String(1 + messages.length) };
      daemons.set(name, { ...daemon, metadata, status });
      received.answer(200, daemons.get(name));
    };
    const serveWatch = (received: Received) => {
      const resource = received.path.split('/').at(-1) ?? '';
      const existing = { clarivedaemons: daemons.values(), deployments: children }[resource] ?? [];
      watches.set(resource, received.open());
      for (const object of existing) received.send({ type: 'ADDED', object });
      received.send(endOfList(1));
    };
    void (async () => {
      for (;;) serve(await server.next());
    })();

    const metrics = new Metrics({ version: '1', workers: 1, lease: undefined });
    const visited = mock.method(metrics, 'onReconcile');
    const clock = new VirtualClock();
    const env = { CLARIVE_OPERATOR_DEFAULT_IMAGE: 'clarive:7' };
    const operator = anOperator(t, server, env, { metrics, clock });
    t.after(() => operator.stop());
    await operator.start();
    const told = (name: string) => messages.filter((message) => message.startsWith(`${name}: `)).join('\n');
    const untilTold = async (name: string, message: string) => {
      while (!told(name).includes(message)) await clock.advance(1);
    };
    for (const name of daemons.keys()) await untilTold(name, 'Waiting for the pod');
    const visits = async () => {
      const isBusy = () =>
        operator.queue.unfinishedSeconds().length > 0 || [...operator.queue.depths().values()].some(Boolean);
      while (isBusy()) await clock.advance(1);
      return visited.mock.callCount();
    };
    const watch = (resource: string) => watches.get(resource) ?? assert.fail(`Nobody watches ${resource}`);
    return {
      events: watch('events'),
      pods: watch('pods'),
      untilTold,
      told,
      visits,
    };
  }

  function daemonOf(name: string): ClariveDaemon {
    const metadata = { name, uid: `uid-of-${name}`, resourceVersion: '1' };
    return aDaemon({ metadata, ...(name === 'email' && { service: email }) });
  }

  function childOf(daemon: ClariveDaemon): object {
    const desired = desiredDeployment(daemon, { image: 'clarive:7', images: {}, environment: 'clarive' });
    assert.ok('deployment' in desired);
    return overlayChild(rawDeployment({ daemon }), desired.deployment);
  }
});

describe('a kubeconfig that can not be used', () => {
  const config = (server: string) => `apiVersion: v1
kind: Config
clusters: [{ name: here, cluster: { server: "${server}" } }]
contexts: [{ name: here, context: { cluster: here, user: me } }]
users: [{ name: me, user: {} }]
current-context: here
`;
  const refusals: [name: string, kubeconfig: string, argv: string[], reason: RegExp][] = [
    ['is not there', '', [], /no such file or directory, open '.*kubeconfig'/],
    ['is no kubeconfig', 'purge', [], /No active cluster/],
    ['lacks the context', config('https://127.0.0.1:1'), ['--context=x'], /it has no context "x"/],
    ['is without TLS', config('http://127.0.0.1:1'), [], /"http:.*" is reached without TLS/],
  ];
  for (const [name, kubeconfig, argv, reason] of refusals) {
    test(`${name}: the operator does not start, and says what to do`, (t) => {
      const refusal = refusalOf(t, kubeconfig, ...argv);
      assert.match(refusal, reason);
      assert.match(
        refusal,
        /^Cannot use the kubeconfig: .*[^!]\. Set KUBECONFIG to one with a current context/,
      );
    });
  }
});

describe('the client', () => {
  test('is installed once', () => {
    const found = globSync('node_modules/**/@kubernetes/client-node/package.json', { cwd: root });
    assert.deepEqual(found, ['node_modules/@kubernetes/client-node/package.json']);
  });

  test('of the base class is the very module that we import', () => {
    const dotIPath = fileURLToPath(import.meta.resolve('@dot-i/k8s-operator'));
    const requireThere = createRequire(dotIPath);
    const ownPath = fileURLToPath(import.meta.resolve('@kubernetes/client-node'));
    assert.equal(requireThere.resolve('@kubernetes/client-node'), ownPath);
    const theirs = requireThere('@kubernetes/client-node') as { KubeConfig: unknown };
    assert.equal(theirs.KubeConfig, KubeConfig);
  });
});

function pathOf([group, version, plural, , namespace]: string[]): string {
  const api = group ? `/apis/${group}/${version}` : `/api/${version}`;
  return namespace ? `${api}/namespaces/${namespace}/${plural}` : `${api}/${plural}`;
}

function sources(): string[] {
  return globSync('**/*.ts', { cwd: join(root, 'src') }).toSorted();
}

function sourceOf(file: string): string {
  return readFileSync(join(root, 'src', file), 'utf8');
}

/** What creating an operator throws with this kubeconfig. */
function refusalOf(t: TestContext, kubeconfig: string, ...argv: string[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'clarive-operator-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'kubeconfig');
  if (kubeconfig !== '') writeFileSync(file, kubeconfig);
  try {
    operatorWith(file, {}, {}, argv);
  } catch (error) {
    return (error as Error).message;
  }
  return 'none';
}

/** An operator that takes the scripted server for its cluster and elects no leader. */
function anOperator(
  t: TestContext,
  server: ScriptedServer,
  env: Record<string, string> = {},
  parts: Partial<Pick<OperatorOptions, 'metrics' | 'clock'>> = {},
): ClariveOperator {
  const folder = mkdtempSync(join(tmpdir(), 'clarive-operator-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'kubeconfig');
  writeFileSync(file, server.kubeConfig().exportConfig());
  return operatorWith(file, env, parts);
}

function operatorWith(
  kubeconfig: string,
  env: Record<string, string> = {},
  parts: Partial<Pick<OperatorOptions, 'metrics' | 'clock'>> = {},
  argv: string[] = [],
): ClariveOperator {
  const before = process.env['KUBECONFIG'];
  process.env['KUBECONFIG'] = kubeconfig;
  try {
    const given = { CLARIVE_OPERATOR_LEADER_ELECTION: 'false', ...env };
    const result = readConfig({ argv, env: given, readFile: () => assert.fail('No file is read') });
    assert.ok('config' in result, JSON.stringify(result));
    return ClariveOperator.create({
      config: result.config,
      logger: createLogger('silent'),
      metrics: new Metrics({ version: '1', workers: 1, lease: undefined }),
      clock: new VirtualClock(),
      random: () => 0.5,
      userAgent: 'test',
      identity: 'test',
      ...parts,
    });
  } finally {
    if (before === undefined) delete process.env['KUBECONFIG'];
    else process.env['KUBECONFIG'] = before;
  }
}
