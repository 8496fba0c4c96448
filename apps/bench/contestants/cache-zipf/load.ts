/** The load of `cache-zipf`: the same keys, values and requests, in the same order, for every contestant. */
import type { Outcome, Setup } from '../../src/bench.ts';
import { seededRandom, shuffle } from '../../src/random.ts';
import { makeKey } from '../keys.ts';
import { zipf } from '../../src/zipf.ts';

export interface Value {
  readonly id: number;
}

interface Cache {
  get(key: string): Value | undefined;
  set(key: string, value: Value): unknown;
}

export const CAPACITY = 10_000;
const KEYS = 100_000;
const EXPONENT = 0.9;
const SEED = 20_260_101;

/** The setup of a contestant: `get` reads a full cache that misses nothing, `mixed` fills on each miss. */
export function contestant(create: () => Cache): Setup {
  return ({ case: { id, warmup, operations } }) => {
    const random = seededRandom(SEED);
    const population = id === 'get' ? CAPACITY : KEYS;
    const keys = shuffle(
      Array.from({ length: population }, (_, index) => makeKey(index)),
      random,
    );
    // Made here, so that a `set` allocates nothing but what the cache itself needs.
    const values = keys.map((_, rank): Value => ({ id: rank }));
    const next = zipf({ size: population, exponent: EXPONENT, random });
    const requests = Uint32Array.from({ length: warmup + operations }, next);
    const cache = create();
    if (id === 'get') for (const [rank, key] of keys.entries()) cache.set(key, values[rank]!);
    const go = id === 'get' ? read : readOrFill;
    let position = 0;
    return (count) => {
      const part = requests.subarray(position, position + count);
      position += count;
      return go(cache, part, { keys, values });
    };
  };
}

interface Content {
  readonly keys: readonly string[];
  readonly values: readonly Value[];
}

function read(cache: Cache, requests: Uint32Array, { keys }: Content): Outcome {
  let checksum = 0;
  for (let index = 0; index < requests.length; index++) {
    const value = cache.get(keys[requests[index]!]!);
    if (value === undefined) throw new Error('Cannot measure hits: a full cache missed');
    checksum += value.id;
  }
  return { checksum, observations: { 'hits %': 100 } };
}

function readOrFill(cache: Cache, requests: Uint32Array, { keys, values }: Content): Outcome {
  let checksum = 0;
  let hits = 0;
  for (let index = 0; index < requests.length; index++) {
    const rank = requests[index]!;
    const key = keys[rank]!;
    let value = cache.get(key);
    if (value === undefined) {
      value = values[rank]!;
      cache.set(key, value);
    } else {
      hits++;
    }
    checksum += value.id;
  }
  return { checksum, observations: { 'hits %': (100 * hits) / requests.length } };
}
