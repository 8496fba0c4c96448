import type { Bench } from '../src/bench.ts';

const operations = 2_000_000;
const warmup = 1_000_000;

export const bench: Bench = {
  title: 'A bounded cache under a skewed load',
  load:
    'Keys of 34 characters, drawn by Zipf’s law (exponent 0.9) from one seeded stream, made before the clock starts; ' +
    'caches of 10,000 entries. `map` never evicts: the bound of what a lookup costs, not a cache.',
  cases: [
    { id: 'get', operation: 'one `get` that hits, on a full cache', operations, warmup },
    { id: 'mixed', operation: 'one `get` over 100,000 keys, and a `set` if it missed', operations, warmup },
  ],
  contestants: [
    {
      id: 'forge',
      role: 'forge',
      package: '@forge/cache',
      module: import.meta.resolve('../contestants/cache-zipf/forge.ts'),
    },
    {
      id: 'lru-cache',
      role: 'rival',
      package: 'lru-cache',
      module: import.meta.resolve('../contestants/cache-zipf/lru-cache.ts'),
    },
    { id: 'map', role: 'yardstick', module: import.meta.resolve('../contestants/cache-zipf/map.ts') },
  ],
  bars: [
    { case: 'get', figure: 'cpu', contestant: 'forge', rival: 'lru-cache', atLeast: 1 },
    { case: 'mixed', figure: 'cpu', contestant: 'forge', rival: 'lru-cache', atLeast: 1 },
    { case: 'mixed', observation: 'hits %', contestant: 'forge', rival: 'lru-cache', morePoints: 7 },
  ],
};
