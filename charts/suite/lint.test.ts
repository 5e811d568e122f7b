import assert from 'node:assert/strict';
import { test } from 'node:test';
import { charts, helm, objectsOf, scenarios, template, tool } from './helm.ts';

for (const scenario of scenarios()) {
  test(`helm lint --strict has nothing to say of ${scenario.name}`, async () => {
    await helm('lint', '--strict', scenario.chart, ...scenario.args);
  });

  test(`rendering ${scenario.name} twice gives the same text`, async () => {
    const once = await template(scenario);
    assert.ok(objectsOf(once).length > 0);
    assert.equal(await template(scenario), once);
  });
}

for (const chart of charts) {
  test(`the unit tests of ${chart} pass`, async (t) => {
    const output = await tool('untt', ['--strict', '--file', 'tests/*_test.yaml', chart]);
    const [, passed] = /Tests: +(\d+) passed/.exec(output) ?? [];
    assert.ok(Number(passed) > 0, output);
    t.diagnostic(`${passed} tests`);
  });
}
