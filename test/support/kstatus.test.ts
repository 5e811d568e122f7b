import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Condition, ConditionStatus } from '../../src/api/conditions.ts';
import { kstatus } from './kstatus.ts';

function condition(type: string, status: ConditionStatus = 'True'): Condition {
  return { type, status, reason: 'R', message: '', lastTransitionTime: '' };
}

test('kstatus judges by deletion, generation, Reconciling and Stalled, then Ready', () => {
  const of = (conditions: Condition[], observedGeneration = 2) =>
    kstatus({ metadata: { generation: 2 }, status: { observedGeneration, conditions } });
  assert.equal(kstatus({ metadata: {} }), 'Current');
  assert.equal(kstatus({ metadata: { generation: 1 } }), 'Current');
  assert.equal(kstatus({ metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } }), 'Terminating');
  assert.equal(of([condition('Ready')]), 'Current');
  assert.equal(of([condition('Ready')], 1), 'InProgress');
  assert.equal(of([condition('Ready', 'False')]), 'InProgress');
  assert.equal(of([condition('Ready', 'Unknown')]), 'InProgress');
  assert.equal(of([condition('Ready', 'False'), condition('Stalled')]), 'Failed');
  assert.equal(of([condition('Reconciling'), condition('Stalled')]), 'InProgress');
  assert.equal(of([condition('Reconciling', 'False'), condition('Stalled', 'False')]), 'Current');
});
