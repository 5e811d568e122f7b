import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Heap, type HeapItem } from '../../src/controller/heap.ts';
import { seededRandom, seeds } from '../support/random.ts';

interface Numbered extends HeapItem {
  value: number;
}

const numbered = (value: number): Numbered => ({ value, heapIndex: 0 });
const ascending = () => new Heap<Numbered>((a, b) => a.value < b.value);

test('is empty at first and after it was cleared', () => {
  const heap = ascending();
  assert.equal(heap.first(), undefined);
  heap.push(numbered(1));
  heap.clear();
  assert.equal(heap.size, 0);
  assert.equal(heap.first(), undefined);
});

for (const seed of seeds(20)) {
  test(`has the smallest item first whatever was pushed and removed, seed ${seed}`, () => {
    const random = seededRandom(seed);
    const heap = ascending();
    const model: Numbered[] = [];
    for (let step = 0; step < 500; step++) {
      if (model.length === 0 || random() < 0.55) {
        const item = numbered(Math.floor(random() * 50));
        heap.push(item);
        model.push(item);
      } else {
        const [item] = model.splice(Math.floor(random() * model.length), 1);
        assert.ok(item);
        heap.remove(item);
      }
      const smallest = model.length === 0 ? undefined : Math.min(...model.map(({ value }) => value));
      assert.equal(heap.first()?.value, smallest);
      assert.equal(heap.size, model.length);
    }
    assert.deepEqual(new Set(heap.values()), new Set(model));
  });
}
