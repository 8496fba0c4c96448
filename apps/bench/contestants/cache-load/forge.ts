import { ResponseCache } from '@forge/cache';
import type { Setup } from '../../src/bench.ts';
import { CAPACITY, contestant, type Value } from './load.ts';

export const setup: Setup = contestant((load) => {
  const cache = new ResponseCache<Value>({ maxSize: CAPACITY });
  return (key) => cache.getOrSet(key, load);
});
