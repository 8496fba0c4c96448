import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KeyIndex, type KeyIndexLimits } from '../../src/memory/key-index.ts';
import { keyHash } from '../../src/policies/key-hash.ts';

/** A user of an index who knows which slot has which key, as a table does, and how often it was asked. */
class Model {
  readonly slots = new Map<string, number>();
  readonly index: KeyIndex;
  asked = 0;
  readonly #keys: (string | undefined)[] = [undefined];
  readonly #free: number[] = [];

  constructor(limits?: KeyIndexLimits) {
    const keyOf = (slot: number): string | undefined => {
      this.asked++;
      return this.#keys[slot];
    };
    this.index = new KeyIndex({ keyOf }, limits);
  }

  add(key: string): void {
    if (this.slots.has(key)) return;
    const slot = this.#free.pop() ?? this.#keys.length;
    this.#keys[slot] = key;
    this.slots.set(key, slot);
    this.index.add(key, slot);
  }

  remove(key: string): void {
    const slot = this.slots.get(key);
    if (slot === undefined) return;
    this.index.remove(key, slot);
    this.#keys[slot] = undefined;
    this.#free.push(slot);
    this.slots.delete(key);
  }

  /** Keys that the index takes for absent or leads to another slot. */
  lost(): string[] {
    return [...this.slots].filter(([key, slot]) => this.index.get(key) !== slot).map(([key]) => key);
  }
}

/** So many keys that have the same hash under every seed: they differ where a long key is not read. */
function colliding(count: number): string[] {
  const [head, tail] = ['h'.repeat(197), 't'.repeat(399)];
  return Array.from({ length: count }, (_, index) => head + index.toString(20).padStart(4, '0') + tail);
}

const names = fc.oneof(
  fc.integer({ min: 0, max: 120 }).map((number) => `key ${number}`),
  fc.constantFrom('', '__proto__', 'constructor', '\uD800', '\uDC00', 'x'.repeat(2000)),
  fc.constantFrom(...colliding(20)),
);
const steps = fc.array(fc.record({ does: fc.constantFrom('add', 'add', 'remove', 'get', 'getToSet'), key: names }), {
  maxLength: 400,
});

describe('KeyIndex', () => {
  it.each([
    { where: 'a Map', limits: { mostInMap: 1000 } },
    { where: 'segments', limits: { mostInMap: 0, segmentBits: 3 } },
    { where: 'both while the keys move', limits: { mostInMap: 60, segmentBits: 3 } },
  ])('does what a Map does with its keys in $where', ({ limits }) => {
    fc.assert(
      fc.property(steps, (of) => {
        const model = new Model(limits);
        for (const { does, key } of of) {
          if (does === 'add') model.add(key);
          else if (does === 'remove') model.remove(key);
          expect(does === 'getToSet' ? model.index.getToSet(key) : model.index.get(key)).toBe(model.slots.get(key));
          expect(model.index.size).toBe(model.slots.size);
        }
        expect(model.lost()).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });

  it('does not take a key for absent that was missed before it was added', () => {
    for (const mostInMap of [1000, 0]) {
      const model = new Model({ mostInMap });
      const { index } = model;
      expect([index.get('a'), index.getToSet('a')]).toEqual([undefined, undefined]);
      model.add('a');
      expect([index.getToSet('a'), index.get('b'), index.getToSet('a')]).toEqual([1, undefined, 1]);
    }
  });

  it('tells the same hash of a key whenever it is asked, and another index another', () => {
    const model = new Model({ mostInMap: 2 });
    const before = model.index.hashOf('key');
    for (let count = 0; count < 100; count++) model.add(`other ${count}`);
    model.index.get('key');
    expect(model.index.hashOf('key')).toBe(before);
    model.add('key');
    expect(model.index.hashOf('key')).toBe(before);
    const others = Array.from({ length: 4 }, () => new Model().index.hashOf('key'));
    expect(others.some((hash) => hash !== before)).toBe(true);
  });

  it('has moved all keys soon after they have become many, a few with each that comes', () => {
    const model = new Model({ mostInMap: 4000, segmentBits: 8 });
    const asksOf = (act: () => void): number => {
      const before = model.asked;
      act();
      return model.asked - before;
    };
    for (let count = 0; count < 4000; count++) model.add(`key ${count}`);
    expect(asksOf(() => model.lost())).toBe(0);
    for (let count = 4000; count < 4300; count++) model.add(`key ${count}`);
    expect(asksOf(() => model.index.get('key 3'))).toBe(1);
    expect(asksOf(() => model.lost())).toBeGreaterThanOrEqual(4300);
  });

  it('finds a hundred thousand keys with the same hash, asking for a few other keys at most', () => {
    const keys = colliding(100_000);
    expect(new Set(keys.slice(-100).map((key) => keyHash(key, 20_261_123))).size).toBe(1);
    const model = new Model({ mostInMap: 100, segmentBits: 10 });
    let most = 0;
    for (const key of keys) {
      model.add(key);
      model.asked = 0;
      if (model.index.get(key) !== model.slots.get(key)) throw new Error(`Lost ${model.slots.get(key)}`);
      most = Math.max(most, model.asked);
    }
    expect(most).toBeLessThanOrEqual(8);
    for (const key of keys.slice(0, 50_000)) model.remove(key);
    for (const key of keys.slice(0, 10)) expect(model.index.get(key)).toBeUndefined();
    for (const key of keys.slice(50_000)) if (model.index.get(key) === undefined) throw new Error('Lost');
    expect(model.index.size).toBe(50_000);
  });

  it('keeps its keys through churn at a constant size', () => {
    const model = new Model({ mostInMap: 500, segmentBits: 7 });
    for (let count = 0; count < 60_000; count++) {
      model.add(`key ${count}`);
      if (count >= 1000) model.remove(`key ${count - 1000}`);
    }
    expect(model.index.size).toBe(1000);
    expect(model.lost()).toEqual([]);
    expect([0, 58_999].map((count) => model.index.get(`key ${count}`))).toEqual([undefined, undefined]);
  });
});
