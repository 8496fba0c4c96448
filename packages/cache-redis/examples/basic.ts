import { once } from 'node:events';
import { ResponseCache } from '@forge/cache';
import { redisBus, redisStore } from '@forge/cache-redis';
import { createClient } from 'redis';

const url = process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379';
const client = createClient({ url });
client.on('error', (error: Error) => {
  console.error(`This example needs a Redis at ${url}, or another in REDIS_URL: ${error.message}`);
  process.exit(1);
});
await client.connect();

// Two caches, as two processes would have them.
const open = (): ResponseCache<string> =>
  new ResponseCache<string>({ defaultTTL: 60_000, store: redisStore(client), bus: redisBus(client) });
const here = open();
const there = open();

let loads = 0;
const load = (): string => `load ${++loads}`;
const tags = ['items'];
console.log(await here.getOrSet('item:7', load, { tags })); // load 1
console.log(await there.getOrSet('item:7', load, { tags })); // load 1, by way of Redis

const told = once(there, 'cacheInvalidated');
await here.invalidateTag('items');
await told; // by the bus: what it held itself is gone too
console.log(await there.getOrSet('item:7', load, { tags })); // load 2

await here.clear();
await Promise.all([here.close(), there.close()]);
client.destroy();
