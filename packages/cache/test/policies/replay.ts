import type { EvictionPolicy } from '../../src/policies/eviction-policy.ts';
import { mix } from '../../src/policies/key-hash.ts';

/** What a replay tells: whether each request was a hit, and which keys were held in the end. */
export interface Replay {
  readonly hits: readonly boolean[];
  readonly held: ReadonlySet<number>;
  readonly hitRatio: number;
}

/** Asks for the keys in turn, through the policy, with room for so many entries. */
export function replay(policy: EvictionPolicy, keys: Iterable<number>, maxSize: number): Replay {
  const slots = new Map<number, number>();
  const keyOf = new Map<number, number>();
  const free = Array.from({ length: maxSize }, (_, index) => maxSize - index);
  policy.grow(maxSize);
  const hits = Array.from(keys, (key) => {
    const held = slots.get(key);
    if (held !== undefined) {
      policy.touch(held);
      return true;
    }
    if (slots.size === maxSize) {
      const victim = policy.evict();
      slots.delete(keyOf.get(victim)!);
      free.push(victim);
    }
    const slot = free.pop()!;
    slots.set(key, slot);
    keyOf.set(slot, key);
    policy.insert(slot, { fingerprint: mix(key), weight: 1, cost: 1 });
    return false;
  });
  return { hits, held: new Set(slots.keys()), hitRatio: hits.filter(Boolean).length / hits.length };
}

export function range(count: number, first = 0): number[] {
  return Array.from({ length: count }, (_, index) => first + index);
}

export function repeated(keys: readonly number[], times: number): number[] {
  return Array.from({ length: times }, () => keys).flat();
}
