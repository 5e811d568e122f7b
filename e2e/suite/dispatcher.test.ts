/** One Clarive installation: its dispatcher as a switch, and a change of it that comes to one daemon after the other. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { installation } from '../../test/api/manifests.ts';
import { clariveDaemons, clariveDispatchers, pods, type Scale } from '../../test/support/resources.ts';
import { until, untilList } from '../../test/support/until.ts';
import { adapted, condition, daemon, patience, release, untilDispatcher, untilReason } from './daemons.ts';
import { withKubectl, type Given } from './kubectl.ts';

const ofMain = { labelSelector: 'clarive.com/dispatcher=main' };

/** As long as a daemon has to run well before the next one takes its turn. */
const provenMs = 10_000;

/** The sample, which the documentation shows: a dispatcher and the seven standard daemons. */
async function applySample({ apply }: Given): Promise<string[]> {
  const [dispatcher, ...daemons] = await installation();
  await apply(dispatcher);
  for (const manifest of daemons) await apply(adapted(manifest));
  return daemons.map(({ metadata }) => metadata.name).toSorted();
}

/** A dispatcher with few daemons. */
/** Of each an installation runs one only. */
const singletons = ['service.sem.daemon', 'service.event.daemon', 'service.daemon.email'];

async function applyFew({ apply }: Given, ...names: string[]): Promise<void> {
  await apply({
    apiVersion: 'clarive.com/v1',
    kind: 'ClariveDispatcher',
    metadata: { name: 'main' },
    spec: {},
  });
  for (const [index, name] of names.entries())
    await apply(daemon(name, { dispatcherRef: { name: 'main' }, service: singletons[index] ?? '' }));
}

test('scaled to 0 it stops all seven daemons, and scaled to 1 it brings back each as its own switch says', (t) =>
  withKubectl(t, async (given) => {
    const { kubectl, kube } = given;
    const names = await applySample(given);
    await untilDispatcher(given, 'main', 'Running');
    assert.match(await kubectl('get', 'cldisp'), /NAME +ACTIVE +STATE +AGE\s+main +7\/7 +Running/);
    await kubectl('scale', 'cld/purge', '--replicas=0');
    await untilReason(given, 'purge', 'Stopped');

    await kubectl('scale', 'cldisp/main', '--replicas=0');
    const stopped = await untilDispatcher(given, 'main', 'Stopped');
    assert.equal(stopped.status?.active, '0/7');
    assert.equal(condition(stopped, 'Ready')?.status, 'True');
    assert.deepEqual(await podNames(given), []);
    for (const { metadata, spec, status } of await kube.list(clariveDaemons)) {
      const isOff = metadata.name === 'purge';
      assert.equal(spec.replicas, isOff ? 0 : 1, 'its own switch is left as it was');
      assert.equal(status?.conditions?.[0]?.reason, isOff ? 'Stopped' : 'DispatcherStopped', metadata.name);
    }
    const scale = await kube.getSubresource<Scale>(clariveDispatchers, 'main', 'scale');
    assert.equal(scale.status?.replicas, 0);

    await kubectl('scale', 'cldisp/main', '--replicas=1');
    await kubectl('wait', '--for=condition=Ready', '--timeout=120s', 'cldisp/main');
    const running = await kube.get(clariveDispatchers, 'main');
    assert.equal(running.status?.active, '6/7');
    for (const name of names.filter((each) => each !== 'purge')) await untilReason(given, name, 'Running');
    assert.equal(condition(await kube.get(clariveDaemons, 'purge'), 'Ready')?.reason, 'Stopped');
  }));

test('a new release comes to all seven daemons, one after the other', (t) =>
  withKubectl(t, async (given) => {
    const { kubectl, kube } = given;
    const names = await applySample(given);
    await untilDispatcher(given, 'main', 'Running');
    const before = await podNames(given);
    await kubectl('patch', 'cldisp/main', '--type=merge', '-p', JSON.stringify({ spec: release('next') }));
    await untilDispatcher(given, 'main', 'RollingOut');
    const waiting = await untilReason(given, 'semaphore', 'WaitingForTurn');
    assert.equal(condition(waiting, 'Active')?.status, 'True');
    assert.match(
      condition(waiting, 'Ready')?.message ?? '',
      /^Takes over the new settings of the ClariveDispatcher "main" as soon as scheduler has run well/,
    );
    await untilDispatcher(given, 'main', 'Running', { timeoutMs: 200_000 });

    const started = (await kube.list(clariveDaemons))
      .toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
      .map(({ status }) => Date.parse(status?.pod?.startedAt ?? ''));
    assert.equal(started.length, names.length);
    for (const [index, startedMs] of started.entries()) {
      const last = started[index - 1];
      if (last !== undefined)
        assert.ok(
          startedMs - last >= provenMs,
          `${names[index]} came ${startedMs - last} ms after ${names[index - 1]}`,
        );
    }
    const after = await podNames(given);
    assert.deepEqual(
      after.filter((name) => before.includes(name)),
      [],
    );
  }));

test('a release that fails halts at the first daemon, and goes on when it is mended', (t) =>
  withKubectl(t, async (given) => {
    const { kubectl, kube } = given;
    await applyFew(given, 'a', 'b', 'c');
    await untilDispatcher(given, 'main', 'Running');
    const before = await podNames(given, 'b', 'c');
    await kubectl('patch', 'cldisp/main', '--type=merge', '-p', JSON.stringify({ spec: release('failing') }));
    await untilReason(given, 'a', 'CrashLooping');
    const stalled = await untilDispatcher(given, 'main', 'DaemonsStalled');
    assert.equal(condition(stalled, 'Stalled')?.status, 'True');
    assert.match(
      condition(stalled, 'Ready')?.message ?? '',
      /^a is CrashLooping; waiting for their turn: b, c; a: /,
    );
    for (const name of ['b', 'c']) {
      const says =
        /^Keeps its old settings, because a fails with the new settings of the ClariveDispatcher "main"/;
      const held = await until(
        kube,
        clariveDaemons,
        name,
        (object) => says.test(condition(object, 'Ready')?.message ?? ''),
        { ...patience, describe: `"${name}" to name the one that fails` },
      );
      assert.equal(condition(held, 'Active')?.status, 'True');
    }
    assert.deepEqual(await podNames(given, 'b', 'c'), before);

    await kubectl('patch', 'cldisp/main', '--type=merge', '-p', '{"spec":{"image":null,"env":null}}');
    await untilDispatcher(given, 'main', 'Running');
    assert.deepEqual(
      await podNames(given, 'b', 'c'),
      before,
      'What never took the change need not be changed back',
    );

    await kubectl('patch', 'cldisp/main', '--type=merge', '-p', JSON.stringify({ spec: release('next') }));
    await untilDispatcher(given, 'main', 'RollingOut');
    await untilDispatcher(given, 'main', 'Running');
    assert.notDeepEqual(await podNames(given, 'b', 'c'), before);
  }));

test('a daemon whose dispatcher is missing waits for it, and one whose dispatcher goes runs on', (t) =>
  withKubectl(t, async (given) => {
    const { apply, kubectl, kube } = given;
    await apply(daemon('a', { dispatcherRef: { name: 'main' } }));
    const waiting = await untilReason(given, 'a', 'MissingReference');
    assert.match(condition(waiting, 'Ready')?.message ?? '', /^Can't find the ClariveDispatcher "main"/);
    await applyFew(given);
    const running = await untilReason(given, 'a', 'Running');
    await kubectl('delete', 'cldisp/main');
    const left = await untilReason(given, 'a', 'MissingReference');
    assert.equal(condition(left, 'Active')?.status, 'True');
    assert.deepEqual(await podNames(given, 'a'), [running.status?.pod?.name]);
    await kubectl('scale', 'cld/a', '--replicas=0');
    await untilReason(given, 'a', 'Stopped');
    await untilList(kube, pods, ofMain, (found) => found.length === 0, {
      ...patience,
      describe: 'no pod to be left',
    });
  }));

test('a dispatcher says that it has no daemons, and which of them it is told to leave alone', (t) =>
  withKubectl(t, async (given) => {
    const { apply, kubectl } = given;
    await applyFew(given);
    await untilDispatcher(given, 'main', 'NoDaemons');
    await apply(daemon('a', { dispatcherRef: { name: 'main' } }));
    await untilDispatcher(given, 'main', 'Running');
    const change = { spec: { paused: true, args: ['--frequency', '5'] } };
    await kubectl('patch', 'cld/a', '--type=merge', '-p', JSON.stringify(change));
    const paused = await untilDispatcher(given, 'main', 'DaemonsPaused');
    assert.match(condition(paused, 'Ready')?.message ?? '', /: a$/);
  }));

/** Of the daemons of these names, or of all; without pods that are over. */
async function podNames({ kube }: Given, ...names: string[]): Promise<string[]> {
  const found = await kube.list(pods, ofMain);
  const live = found.filter(({ status }) => status?.phase !== 'Succeeded' && status?.phase !== 'Failed');
  const wanted = live.filter(
    ({ metadata }) =>
      names.length === 0 || names.includes(metadata?.labels?.['app.kubernetes.io/instance'] ?? ''),
  );
  return wanted.map(({ metadata }) => metadata?.name ?? '').toSorted();
}
