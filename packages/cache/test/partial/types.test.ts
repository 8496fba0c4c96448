import { describe, expectTypeOf, it } from 'vitest';
import { ResponseCache } from '../../src/index.ts';
import { Collection, leaf, type Leaf, type PartContext } from '../../src/partial/index.ts';

interface User {
  readonly id: number;
  readonly life: number;
}

const cache = new ResponseCache();
const load = (ids: readonly number[], _context: PartContext): Promise<User[]> =>
  Promise.resolve(ids.map((id) => ({ id, life: 1000 })));
const lifeOf = (user: User): number => user.life;

describe('Collection', () => {
  it('learns the types of ids and items from whichever function names them', () => {
    const collections = [
      new Collection({ cache, name: 'users', load, idOf: (user) => user.id, ttl: (user) => user.life }),
      new Collection({ cache, name: 'users', load, idOf: (user: User) => user.id, ttl: lifeOf }),
      new Collection({
        cache,
        name: 'users',
        load: async (ids: readonly number[], { signal }) => await load(ids, { signal }),
        idOf: (user) => user.id,
        ttl: 1000,
      }),
    ];
    expectTypeOf(collections).toEqualTypeOf<Collection<number, User>[]>();
  });
});

describe('leaf', () => {
  it('learns the type of its value from its loader', () => {
    const leaves = [
      leaf({ key: 'users', load: (context) => load([1], context), ttl: (users) => users[0]!.life }),
      leaf({ key: 'users', load: async ({ signal }) => await load([1], { signal }), ttl: 1000 }),
    ];
    expectTypeOf(leaves).toEqualTypeOf<Leaf<User[]>[]>();
  });
});
