import { LRUCache } from 'lru-cache';
import type { Setup } from '../../src/bench.ts';
import { CAPACITY, contestant, type Value } from './load.ts';

export const setup: Setup = contestant((load) => {
  const cache = new LRUCache<string, Value>({ max: CAPACITY, fetchMethod: load });
  // Not `forceFetch`, which awaits the same once more.
  return (key) => cache.fetch(key) as Promise<Value>;
});
