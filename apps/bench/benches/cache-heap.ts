import type { Bench } from '../src/bench.ts';

const operations = 1_000_000;

export const bench: Bench = {
  title: 'What an entry costs in memory',
  load:
    'A cache of 100,000 entries that is full and has evicted as many again; keys of 34 characters, which count, and ' +
    'one value for all, which does not. V8’s heap and array buffers, after a collection. `map` holds as many entries and never evicts.',
  rounds: 5,
  checkRounds: 3,
  cases: [{ id: 'full', operation: 'one entry held, for which two are set', operations, warmup: 100_000 }],
  contestants: [
    {
      id: 'forge',
      role: 'forge',
      package: '@forge/cache',
      module: import.meta.resolve('../contestants/cache-heap/forge.ts'),
    },
    {
      id: 'lru-cache',
      role: 'rival',
      package: 'lru-cache',
      module: import.meta.resolve('../contestants/cache-heap/lru-cache.ts'),
    },
    { id: 'map', role: 'yardstick', module: import.meta.resolve('../contestants/cache-heap/map.ts') },
  ],
  bars: [{ case: 'full', observation: 'bytes per entry', contestant: 'forge', atMost: 300 }],
};
