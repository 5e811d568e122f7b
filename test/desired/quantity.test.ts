import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isLess, isSameQuantity } from '../../src/desired/quantity.ts';

describe('quantities', () => {
  const same: [unknown, unknown][] = [
    ['1', '1000m'],
    [1, '1'],
    [0.5, '500m'],
    ['0.1', '100m'],
    ['0.3', '300m'],
    ['0.0015k', '1500m'],
    ['1Gi', 1073741824],
    ['1Gi', '1024Mi'],
    ['1.5Gi', '1536Mi'],
    ['1k', '1000'],
    ['1M', '1e6'],
    ['1E', '1000P'],
    ['1Ei', '1024Pi'],
    ['2E3', '2k'],
    ['1u', '1000n'],
    ['0.0001', '1m'],
    ['0', '0m'],
    ['-1', '-1000m'],
    ['+1', '1'],
    ['.5', '500m'],
    ['1.', '1'],
  ];
  for (const [one, other] of same)
    test(`${one} is ${other}`, () => {
      assert.ok(isSameQuantity(one, other));
      assert.ok(isSameQuantity(other, one));
    });

  const different: [unknown, unknown][] = [
    ['1', '1001m'],
    ['1Gi', '1G'],
    ['1M', '1m'],
    ['1Gi', 1073741825],
    ['1Ti', '1099511627777'],
    ['1', '-1'],
    ['1x', '1x'],
    ['', ''],
    ['1..', '1..'],
    [undefined, undefined],
  ];
  for (const [one, other] of different)
    test(`${one} is not ${other}`, () => {
      assert.ok(!isSameQuantity(one, other));
      assert.ok(!isSameQuantity(other, one));
    });

  const rising: [unknown, unknown][] = [
    ['512', '1Mi'],
    [512, '1Mi'],
    ['1m', '1'],
    ['1M', '1Mi'],
    ['-1', '0'],
  ];
  for (const [less, more] of rising)
    test(`${less} is less than ${more}`, () => {
      assert.ok(isLess(less, more));
      assert.ok(!isLess(more, less));
    });

  for (const [one, other] of [
    ['1Mi', '1024Ki'],
    ['1x', '1Mi'],
    [undefined, '1Mi'],
  ])
    test(`${one} is not less than ${other}`, () => assert.ok(!isLess(one, other)));
});
