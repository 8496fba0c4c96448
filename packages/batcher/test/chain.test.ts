import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Chain } from '../src/chain.ts';

interface Node {
  readonly id: number;
  previous: Node | undefined;
  next: Node | undefined;
}

function walk(from: Node | undefined, link: 'next' | 'previous'): number[] {
  const ids: number[] = [];
  for (let node = from; node !== undefined; node = node[link]) ids.push(node.id);
  return ids;
}

describe('Chain', () => {
  it('agrees with an array, read from both ends, under random pushes and removals', () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.nat(), { nil: undefined }), { maxLength: 60 }), (commands) => {
        const chain = new Chain<Node>();
        const model: Node[] = [];
        const removed: Node[] = [];
        for (const [id, pick] of commands.entries()) {
          const node = pick === undefined ? undefined : model[pick % Math.max(model.length, 1)];
          if (node === undefined) {
            const added: Node = { id, previous: undefined, next: undefined };
            model.push(added);
            chain.push(added);
          } else {
            model.splice(model.indexOf(node), 1);
            chain.remove(node);
            removed.push(node);
          }
          const ids = model.map((each) => each.id);
          expect(walk(chain.first, 'next')).toEqual(ids);
          expect(walk(chain.last, 'previous')).toEqual(ids.toReversed());
          expect(chain.size).toBe(model.length);
          expect(removed.every(({ previous, next }) => previous === undefined && next === undefined)).toBe(true);
        }
      }),
    );
  });
});
