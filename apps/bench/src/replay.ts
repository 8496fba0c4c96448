import { optimalHitRatio } from './optimum.ts';
import type { SizedRequest, TraceName } from './traces.ts';

/** What a replay needs of a cache. */
export interface ReplayedCache {
  get(key: string): unknown;
  set(key: string, value: number, options?: { readonly size: number }): unknown;
}

/** A trace and a size of the cache in entries. */
export interface Cell {
  readonly trace: TraceName;
  readonly maxSize: number;
}

/** The cells for which hit ratios of other policies are published beside ours. */
export const CELLS: readonly Cell[] = [
  { trace: 'oltp', maxSize: 250 },
  { trace: 'oltp', maxSize: 1000 },
  { trace: 'oltp', maxSize: 2000 },
  { trace: 'scarab', maxSize: 1000 },
  { trace: 'scarab', maxSize: 25_000 },
  { trace: 'scarab', maxSize: 75_000 },
  { trace: 'corda', maxSize: 512 },
  { trace: 'mixed', maxSize: 512 },
  { trace: 'web12', maxSize: 300 },
  { trace: 'web12', maxSize: 1200 },
  { trace: 'gli', maxSize: 500 },
  { trace: 'gli', maxSize: 1000 },
  { trace: 'multi3', maxSize: 600 },
  { trace: 'loop', maxSize: 500 },
];

/** The hit ratio, 0 … 1, of a cache that is asked for each key, and given what it did not have. */
export function hitRatio(cache: ReplayedCache, trace: Uint32Array): number {
  // One string for a key: to build it anew for each request would cost more than the cache.
  const names: string[] = [];
  let hits = 0;
  for (const key of trace) {
    const name = (names[key] ??= `trace:key:${key}`);
    if (cache.get(name) === undefined) cache.set(name, key);
    else hits += 1;
  }
  return hits / trace.length;
}

/** The same with the bytes of each value. */
export function sizedHitRatio(cache: ReplayedCache, trace: readonly SizedRequest[]): number {
  let hits = 0;
  for (const { key, bytes } of trace) {
    const name = `trace:key:${key}`;
    if (cache.get(name) === undefined) cache.set(name, key, { size: bytes });
    else hits += 1;
  }
  return hits / trace.length;
}

/** Hit ratios of one cell, 0 … 1. */
export interface CellResult extends Cell {
  readonly lru: number;
  readonly adaptive: number;
  readonly optimum: number;
}

export interface Contenders {
  readonly lru: (maxSize: number) => ReplayedCache;
  readonly adaptive: (maxSize: number) => ReplayedCache;
}

export function replayCell(cell: Cell, trace: Uint32Array, { lru, adaptive }: Contenders): CellResult {
  return {
    ...cell,
    lru: hitRatio(lru(cell.maxSize), trace),
    adaptive: hitRatio(adaptive(cell.maxSize), trace),
    optimum: optimalHitRatio(trace, cell.maxSize),
  };
}

/** The mean share of the optimum that the adaptive policy reaches. */
export function meanOfOptimum(results: readonly CellResult[], contestant: 'adaptive' | 'lru' = 'adaptive'): number {
  return results.reduce((sum, result) => sum + result[contestant] / result.optimum, 0) / results.length;
}
