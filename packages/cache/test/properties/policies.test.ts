import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LruPolicy } from '../../src/policies/lru.ts';
import { evictionPolicy, type PolicyName } from '../../src/policies/policy-by-name.ts';
import { PriorityHeap } from '../../src/policies/priority-heap.ts';
import type { EvictionPolicy } from '../../src/policies/eviction-policy.ts';

type Use = 'insert' | 'touch' | 'update' | 'remove';
type Step =
  | { readonly does: Use; readonly pick: number; readonly cost: number }
  | { readonly does: 'evict' | 'evictAll' };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 30,
      arbitrary: fc.record({
        does: fc.constantFrom<Use[]>('insert', 'insert', 'touch', 'update', 'remove'),
        pick: fc.nat({ max: 1000 }),
        cost: fc.double(),
      }),
    },
    { weight: 10, arbitrary: fc.constant({ does: 'evict' as const }) },
    { weight: 1, arbitrary: fc.constant({ does: 'evictAll' as const }) },
  ),
  { maxLength: 400 },
);

/** A user of policies that knows which slots it has given out, as a cache does. */
class Model {
  readonly held = new Set<number>();
  readonly #policy: EvictionPolicy;
  readonly #free: number[] = [];
  #capacity = 0;

  constructor(policy: EvictionPolicy) {
    this.#policy = policy;
  }

  run(step: Step): void {
    if ('pick' in step) {
      if (step.does === 'insert') this.#insert(step.pick, step.cost);
      else this.#use(step.does, step.pick, step.cost);
    } else {
      do this.#evict();
      while (step.does === 'evictAll' && this.held.size > 0);
    }
  }

  slots(): Iterable<number> {
    return this.#policy.slots();
  }

  #insert(pick: number, cost: number): void {
    if (this.#free.length === 0) this.#grow();
    const slot = this.#free.pop()!;
    this.held.add(slot);
    this.#policy.insert(slot, { fingerprint: Math.imul(pick, 0x9e3779b1) >>> 0, weight: pick + 1, cost });
  }

  #use(does: Exclude<Use, 'insert'>, pick: number, cost: number): void {
    const slots = [...this.held];
    const slot = slots[pick % slots.length];
    if (slot === undefined) return;
    if (does === 'touch') this.#policy.touch(slot);
    else if (does === 'update') this.#policy.update(slot, { fingerprint: pick, weight: pick + 1, cost });
    else {
      this.#policy.remove(slot);
      this.held.delete(slot);
      this.#free.push(slot);
    }
  }

  #evict(): void {
    if (this.held.size === 0) return;
    const slot = this.#policy.evict();
    if (!this.held.delete(slot)) throw new Error(`The policy evicted slot ${slot}, which it did not hold`);
    this.#free.push(slot);
  }

  #grow(): void {
    const capacity = Math.max(2, this.#capacity * 2);
    this.#policy.grow(capacity);
    for (let slot = capacity; slot > this.#capacity; slot--) this.#free.push(slot);
    this.#capacity = capacity;
  }
}

describe.each<PolicyName>(['adaptive', 'gdsf', 'lru'])('policy %s', (name) => {
  it('holds what was put in until it leaves, and evicts nothing else', () => {
    fc.assert(
      fc.property(steps, (each) => {
        const model = new Model(evictionPolicy(name));
        for (const step of each) {
          model.run(step);
          expect(new Set(model.slots())).toEqual(model.held);
        }
        model.run({ does: 'evictAll' });
        expect(model.held.size).toBe(0);
      }),
      { numRuns: 150 },
    );
  });
});

describe('LruPolicy', () => {
  it('evicts in the order of a Map that puts what is used last', () => {
    const use = fc.record({ does: fc.constantFrom('use', 'evict'), slot: fc.integer({ min: 1, max: 20 }) });
    fc.assert(
      fc.property(fc.array(use, { maxLength: 200 }), (uses) => {
        const policy = new LruPolicy();
        policy.grow(20);
        const model = new Set<number>();
        for (const { does, slot } of uses) {
          if (does === 'use') {
            if (model.delete(slot)) policy.touch(slot);
            else policy.insert(slot);
            model.add(slot);
          } else if (model.size > 0) {
            const [oldest] = model;
            expect(policy.evict()).toBe(oldest);
            model.delete(oldest!);
          }
        }
      }),
    );
  });
});

describe('PriorityHeap', () => {
  it('has the slot with the lowest priority at its top, whatever moved or left', () => {
    const change = fc.record({ slot: fc.integer({ min: 1, max: 30 }), priority: fc.option(fc.integer()) });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 200 }), (changes) => {
        const heap = new PriorityHeap();
        heap.grow(30);
        const model = new Map<number, number>();
        const tops: number[] = [];
        const lowest: number[] = [];
        for (const { slot, priority } of changes) {
          if (priority === null) {
            if (model.delete(slot)) heap.remove(slot);
          } else {
            if (model.has(slot)) heap.move(slot, priority);
            else heap.insert(slot, priority);
            model.set(slot, priority);
          }
          if (model.size === 0) continue;
          tops.push(heap.priorityOf(heap.top));
          lowest.push(Math.min(...model.values()));
        }
        expect(tops).toEqual(lowest);
      }),
    );
  });
});
