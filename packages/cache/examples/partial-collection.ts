import { ResponseCache } from '@forge/cache';
import { Collection } from '@forge/cache/partial';

interface User {
  readonly id: number;
  readonly name: string;
}

const table = new Map(['Ada', 'Alan', 'Edsger', 'Grace', 'Tony'].map((name, id) => [id, { id, name }]));
const cache = new ResponseCache();
const users = new Collection({
  cache,
  name: 'users',
  // Such as: SELECT … WHERE id IN (…)
  load: (ids: readonly number[]) => {
    console.log('load', ids.join(','));
    return ids.map((id) => table.get(id)).filter((user): user is User => user !== undefined);
  },
  idOf: (user) => user.id,
  ttl: 60_000,
});

await users.getMany([0, 1]); // load 0,1
await Promise.all([users.getMany([0, 1, 2]), users.getMany([2, 3, 9])]); // load 2,3,9: both wait for one load

// The list of a page has a life of its own; the items that it brings are those of getMany.
const firstPage = (): Promise<readonly User[]> =>
  users.page('by-name:1', () => ({ items: [...table.values()].slice(0, 3) })).then(({ items }) => items);
await firstPage();

// One item changes: it is loaded alone, and the list stays.
table.set(1, { id: 1, name: 'Alan Turing' });
await users.invalidate(1);
console.log((await firstPage()).map(({ name }) => name).join(', ')); // load 1

await cache.close();
