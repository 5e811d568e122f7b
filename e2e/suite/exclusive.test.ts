/** A scheduler never runs twice, whatever happens to it. `npm run test:exclusive` is the long form, with two nodes. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { seededRandom, seeds } from '../../test/support/random.ts';
import { describeOverlaps, Game } from '../exclusive/game.ts';
import { condition, daemon, patience, untilNoPods, untilReason } from './daemons.ts';
import { clariveDaemons } from '../../test/support/resources.ts';
import { until } from '../../test/support/until.ts';
import { withKubectl, type Given } from './kubectl.ts';
import { OwnOperator, ownOperatorLabel } from './own-operator.ts';

const skip =
  process.env['STAND_IN_SHELL_IMAGE'] !== undefined &&
  'the stand-in can only write to a node that is this machine';

test('twenty random operations, a killed operator among them: its lives never overlap', { skip }, (t) =>
  withGame(t, async ({ game, operator }) => {
    await game.perform(15);
    await operator.kill();
    await game.perform(2);
    await operator.start();
    await game.perform(3);
    await game.untilRunning();
    const { lives, overlaps } = await game.result();
    t.diagnostic(`${lives.length} lives`);
    assert.deepEqual(describeOverlaps(overlaps), []);
    assert.ok(lives.length >= 2, 'it was started again and again');
  }),
);

test('without the gate its lives do overlap', { skip }, (t) =>
  withGame(t, async ({ game }) => {
    const ending = new AbortController();
    const lifting = game.withoutGate(ending.signal);
    for (let round = 0; (await game.result()).overlaps.length === 0 && round < 30; round++)
      await game.perform(1);
    ending.abort();
    await lifting;
    const { lives, overlaps } = await game.result();
    t.diagnostic(`${overlaps.length} overlaps of ${lives.length} lives`);
    assert.ok(overlaps.length > 0);
  }),
);

test('of two semaphore daemons the earlier runs, and the other when the last pod of the first is gone', (t) =>
  withKubectl(t, async (given) => {
    await given.apply(daemon('one'));
    await untilReason(given, 'one', 'Running');
    await given.apply(daemon('two'));
    const told = condition(await untilReason(given, 'two', 'Conflict'), 'Ready');
    assert.match(told?.message ?? '', /the ClariveDaemon "one" goes before: stop or delete one of the two/);
    await untilNoPods(given, 'two');
    await given.kubectl('delete', 'cld/one');
    const isActive = (found: Parameters<typeof condition>[0]) =>
      condition(found, 'Active')?.status === 'True';
    await until(given.kube, clariveDaemons, 'two', isActive, { ...patience, describe: '"two" to be active' });
    await untilNoPods(given, 'one');
    await untilReason(given, 'two', 'Running');
  }));

interface Scene {
  game: Game;
  operator: OwnOperator;
}

function withGame(t: TestContext, body: (scene: Scene) => Promise<void>): Promise<void> {
  const [seed = 0] = seeds(1);
  t.diagnostic(`SEED=${seed}`);
  const options = (given: Given) => ({
    kube: given.kube,
    random: seededRandom(seed),
    say: (line: string) => t.diagnostic(line),
    longestPauseMs: 3000,
    labels: { [ownOperatorLabel]: 'yes' },
  });
  return withKubectl(t, (given) =>
    OwnOperator.run(given, (operator) => Game.play(options(given), (game) => body({ game, operator }))),
  );
}
