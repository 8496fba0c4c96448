import type { Setup } from '../../src/bench.ts';
import { contestant, type Value } from './load.ts';

export const setup: Setup = contestant((load) => {
  const loads = new Map<string, Promise<Value>>();
  return (key) => {
    const known = loads.get(key);
    if (known !== undefined) return known;
    const loaded = load();
    loads.set(key, loaded);
    return loaded;
  };
});
