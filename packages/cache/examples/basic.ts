import { setTimeout as sleep } from 'node:timers/promises';
import { ResponseCache } from '@forge/cache';

const cache = new ResponseCache<string>({ maxSize: 10_000, defaultTTL: 60_000 });

let price = 10;
const load = async (): Promise<string> => {
  const answer = `price ${price}`;
  await sleep(20);
  return answer;
};

// Three callers, one load.
console.log(await Promise.all([1, 2, 3].map(() => cache.getOrSet('item:7', load, { tags: ['items'] }))));
console.log(cache.getMetrics().loads); // 1

// The price changes while the old one is on its way: whoever waits gets it, but it is not stored.
await cache.invalidate('item:7');
const before = cache.getOrSet('item:7', load, { tags: ['items'] });
price = 12;
await cache.invalidateTag('items');
console.log(await before, '->', await cache.getOrSet('item:7', load)); // price 10 -> price 12

await cache.close();
