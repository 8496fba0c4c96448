/** The load of `cache-heap`: a cache that is full and has evicted as many again, and what it then holds of the heap. */
import type { Setup } from '../../src/bench.ts';
import { makeKey } from '../keys.ts';

interface Cache {
  set(key: string, value: object): unknown;
}

/** All entries share it, so that it costs nothing. */
const VALUE = Object.freeze({});

/**
 * The keys are made on the way and held by the cache alone, so they count; typed arrays lie outside of V8's heap, and
 * count as well.
 */
export function contestant(create: (entries: number) => Cache): Setup {
  return () => {
    const held: Cache[] = [];
    return (entries) => {
      // The last turn's cache is not this one's.
      held.length = 0;
      const before = occupied();
      const cache = create(entries);
      held.push(cache);
      for (let index = 0; index < 2 * entries; index++) cache.set(makeKey(index), VALUE);
      const bytes = (occupied() - before) / entries;
      return { checksum: entries, observations: { 'bytes per entry': bytes } };
    };
  };
}

function occupied(): number {
  // Twice, for array buffers are freed after the collection that finds them dead.
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
