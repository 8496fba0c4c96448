import type { Bench } from '../src/bench.ts';

export const bench: Bench = {
  title: 'A cache that loads what it misses',
  load:
    'Keys of 34 characters, made before the clock starts, and a loader that answers at once (`async () => value`), so that ' +
    'what is measured is the cache alone; caches of 10,000 entries, full, at their defaults. forge is asked by `getOrSet`, ' +
    'lru-cache by `fetch`; every answer is awaited. `map` keeps promises and never evicts: the bound of what one load for ' +
    'all costs, not a cache.',
  cases: [
    { id: 'hit', operation: 'one value that is there', operations: 1_000_000, warmup: 500_000 },
    { id: 'miss', operation: 'one value that is loaded, and evicts another', operations: 300_000, warmup: 200_000 },
    {
      id: 'coalesced',
      operation: 'one of 32 callers that ask for the same missing key at once',
      operations: 960_000,
      warmup: 480_000,
    },
  ],
  contestants: [
    {
      id: 'forge',
      role: 'forge',
      package: '@forge/cache',
      module: import.meta.resolve('../contestants/cache-load/forge.ts'),
    },
    {
      id: 'lru-cache',
      role: 'rival',
      package: 'lru-cache',
      module: import.meta.resolve('../contestants/cache-load/lru-cache.ts'),
    },
    { id: 'map', role: 'yardstick', module: import.meta.resolve('../contestants/cache-load/map.ts') },
  ],
};
