import { ResponseCache } from '@forge/cache';

// Values are kept as bytes: nobody can change what others read, and long ones are compressed.
const cache = new ResponseCache<{ readonly items: string[] }>({
  maxBytes: 1_000_000,
  values: 'bytes',
  compressionEnabled: true,
});

const list = { items: Array.from({ length: 2000 }, (_, index) => `item number ${index}`) };
await cache.set('list', list);
const plain = Buffer.byteLength(JSON.stringify(list));
// It is kept at once; the compressed form takes its place when it is ready.
while (cache.getMetrics().totalSize > plain / 2) await new Promise((resolve) => setImmediate(resolve));

const mine = await cache.get('list');
mine!.items.length = 0;
console.log((await cache.get('list'))!.items.length); // 2000

await cache.close();
