import assert from 'node:assert/strict';
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, mock, test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import dotI from '@dot-i/k8s-operator';
import { KubeConfig } from '@kubernetes/client-node';
import { readConfig } from '../src/config.ts';
import { createLogger } from '../src/logger.ts';
import { Metrics } from '../src/metrics.ts';
import { ClariveOperator } from '../src/operator.ts';
import { ScriptedServer } from './kube/scripted-server.ts';
import { endOfList } from './kube/watch-events.ts';
import { VirtualClock } from './support/virtual-clock.ts';

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
    assert.ok(declare.mock.callCount() >= 3);
  });

  test('that is declared is opened once, at the place that was declared', async (t) => {
    for (const namespaces of ['', 'one,two']) {
      const server = await ScriptedServer.start(t);
      const operator = anOperator(t, server, namespaces ? { CLARIVE_OPERATOR_NAMESPACES: namespaces } : {});
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

  test('is made nowhere but there', () => {
    const makers = sources().filter((file) => sourceOf(file).includes('new Reflector'));
    assert.deepEqual(makers, ['operator.ts']);
    const uses = sourceOf('operator.ts').match(/this\.#reflector\(/g) ?? [];
    assert.equal(uses.length, 1);
    assert.match(String(ours['watchResource']), /this\.#reflector\(/);
  });
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

/** An operator that takes the scripted server for its cluster and elects no leader. */
function anOperator(
  t: TestContext,
  server: ScriptedServer,
  env: Record<string, string> = {},
): ClariveOperator {
  const folder = mkdtempSync(join(tmpdir(), 'clarive-operator-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'kubeconfig');
  writeFileSync(file, server.kubeConfig().exportConfig());
  const before = process.env['KUBECONFIG'];
  process.env['KUBECONFIG'] = file;
  try {
    const given = { CLARIVE_OPERATOR_LEADER_ELECTION: 'false', ...env };
    const result = readConfig({ argv: [], env: given, readFile: () => assert.fail('No file is read') });
    assert.ok('config' in result, JSON.stringify(result));
    return new ClariveOperator({
      config: result.config,
      logger: createLogger('silent'),
      metrics: new Metrics({ version: '1', workers: 1, lease: undefined }),
      clock: new VirtualClock(),
      random: () => 0.5,
      userAgent: 'test',
      identity: 'test',
    });
  } finally {
    if (before === undefined) delete process.env['KUBECONFIG'];
    else process.env['KUBECONFIG'] = before;
  }
}
