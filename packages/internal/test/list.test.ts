import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { List, type Link } from '../src/index.ts';

class Item implements Link<Item> {
  readonly id: number;
  list: List<Item> | undefined;
  previous: Item | undefined;
  next: Item | undefined;
  constructor(id: number) {
    this.id = id;
  }
}

describe('List', () => {
  it('agrees with an array under random pushes, insertions and removals', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom('push', 'insert', 'remove'), fc.nat({ max: 20 }))), (steps) => {
        const list = new List<Item>();
        const model: Item[] = [];
        for (const [step, at] of steps) {
          const item = new Item(model.length);
          if (step === 'push') {
            list.push(item);
            model.push(item);
          } else if (step === 'insert') {
            const previous = model[at];
            list.insertAfter(previous, item);
            model.splice(previous === undefined ? 0 : at + 1, 0, item);
          } else if (model.length > 0) {
            const [gone] = model.splice(at % model.length, 1);
            if (gone !== undefined) list.remove(gone);
          }
          expect([...list]).toEqual(model);
          expect([list.first, list.last, list.size]).toEqual([model[0], model.at(-1), model.length]);
          for (const [index, { previous, next }] of model.entries()) {
            expect([previous, next]).toEqual([model[index - 1], model[index + 1]]);
          }
        }
      }),
    );
  });

  it('ignores the removal of an item that is in another list or in none', () => {
    const [list, other] = [new List<Item>(), new List<Item>()];
    const item = new Item(1);
    list.push(item);
    other.remove(item);
    expect([list.size, other.size]).toEqual([1, 0]);
    list.remove(item);
    list.remove(item);
    expect(list.size).toBe(0);
    expect(item.list).toBeUndefined();
  });
});
