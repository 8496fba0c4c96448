import type { CacheEvents, ResponseCache } from '../../src/index.ts';

export interface Load<V> {
  readonly signal: AbortSignal;
  readonly resolve: (value: V) => void;
  readonly reject: (error: unknown) => void;
}

/** A loader whose loads end when the test says so. */
export function manualLoader<V>(): { load: (context: { signal: AbortSignal }) => Promise<V>; loads: Load<V>[] } {
  const loads: Load<V>[] = [];
  return {
    loads,
    load: ({ signal }) => new Promise<V>((resolve, reject) => loads.push({ signal, resolve, reject })),
  };
}

export const EVENTS: readonly (keyof CacheEvents)[] = [
  'cacheHit',
  'cacheMiss',
  'cacheSet',
  'cacheEviction',
  'cacheInvalidated',
  'cacheCleared',
  'cacheError',
];

/** All that the cache tells of from now on. */
export function recorded<V>(cache: ResponseCache<V>): [name: string, event: object][] {
  const events: [string, object][] = [];
  for (const name of EVENTS) cache.on(name, (event: object) => events.push([name, event]));
  return events;
}

/** Lets every promise job run that is due. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
