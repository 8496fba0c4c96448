import type { Setup } from '../../src/bench.ts';
import { contestant } from './load.ts';

/** It evicts nothing, so it is given half: as many as the caches hold. */
export const setup: Setup = contestant((entries) => {
  const map = new Map<string, object>();
  return {
    set(key, value) {
      if (map.size < entries) map.set(key, value);
    },
  };
});
