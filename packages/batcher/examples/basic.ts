import { RequestBatcher } from '@forge/batcher';

const names = new Map([
  [1, 'Ada'],
  [2, 'Alan'],
]);
let queries = 0;

const users = new RequestBatcher({
  process: (ids: readonly number[]) => {
    queries++; // one query for all ids, such as: SELECT … WHERE id IN (…)
    return ids.map((id) => names.get(id) ?? new Error(`no user ${id}`));
  },
  dedupeBy: String, // equal ids share one place in the query
});

for await (const result of users.addRequests([1, 2, 1, 3])) {
  console.log(result.index, result.status === 'fulfilled' ? result.value : String(result.reason));
}
console.log(`${queries} query`);
await users.close();
