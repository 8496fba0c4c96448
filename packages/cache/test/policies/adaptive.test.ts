import { describe, expect, it } from 'vitest';
import { AdaptivePolicy, type Stance, type Tuner } from '../../src/policies/adaptive.ts';
import { LruPolicy } from '../../src/policies/lru.ts';
import { range, repeated, replay } from './replay.ts';

const DUEL: Stance = { window: 0.1, admission: 'duel' };
const RECENCY: Stance = { window: 0.5, admission: 'always' };
const never = (): number => 1;

function policyOf(stance: Stance = DUEL, random: () => number = never): AdaptivePolicy {
  return new AdaptivePolicy({ stance, random });
}

describe('AdaptivePolicy', () => {
  it('keeps what was used through a scan that is longer than the cache', () => {
    const hot = range(50);
    const keys = [...repeated(hot, 4), ...range(1000, 1000), ...hot];
    expect(replay(policyOf(), keys, 100).hits.slice(-50).every(Boolean)).toBe(true);
    expect(replay(new LruPolicy(), keys, 100).hits.slice(-50).some(Boolean)).toBe(false);
  });

  it('keeps a part of a loop that is larger than the cache, where LRU hits nothing', () => {
    const loop = repeated(range(200), 20);
    expect(replay(new LruPolicy(), loop, 100).hitRatio).toBe(0);
    expect(replay(policyOf(), loop, 100).hitRatio).toBeGreaterThan(0.4);
  });

  it('lets a key in that comes back often, though each of its visits was short', () => {
    const keys: number[] = [...range(100)];
    // Each pass of fresh keys pushes the guest out of the window before it returns.
    for (let visit = 0; visit < 5; visit++) keys.push(7777, ...range(20, 10_000 + visit * 20));
    expect(replay(policyOf(), keys, 100).held.has(7777)).toBe(true);
  });

  it('asks a newcomer to be ahead by two', () => {
    // A window of one, and a main part of which nothing was used. Each visit but the last adds one to the guest's count.
    const visits = (count: number): number[] => [...range(10), ...repeated([77, 78], count), 79, 80];
    expect(replay(policyOf(), visits(2), 10).held.has(77)).toBe(false);
    expect(replay(policyOf(), visits(3), 10).held.has(77)).toBe(true);
  });

  it('counts what was won with once', () => {
    const guests = range(40, 100);
    const keys = [...range(10), ...guests.flatMap((guest) => [guest, guest, guest, guest])];
    const { held } = replay(policyOf(), keys, 10);
    // If each brought its uses along, the first of them would sit there and beat those that follow.
    expect(guests.slice(-8).every((guest) => held.has(guest))).toBe(true);
  });

  it('lets an often used loser in by chance, so that nobody can pin what is held', () => {
    const held = range(9);
    // All come to the highest count, and so does the guest: a tie at each of its visits.
    const keys = [...held, 500];
    for (let round = 0; round < 40; round++) keys.push(...repeated(held, 4), 77, 1000 + round, 2000 + round);
    const visitsHit = (random: () => number): number => {
      const { hits } = replay(policyOf(DUEL, random), keys, 10);
      return keys.filter((key, index) => key === 77 && hits[index]).length;
    };
    expect(visitsHit(never)).toBe(0);
    expect(visitsHit(() => 0)).toBeGreaterThan(0);
  });

  it('forgets old counts, so that yesterday’s favourites leave', () => {
    const favourites = range(9);
    const keys = [...favourites, 500];
    for (let round = 0; round < 20; round++) keys.push(...repeated(favourites, 4), 1000 + round);
    keys.push(...range(1000, 10_000).flatMap((guest) => [guest, guest, guest, guest]));
    const { held } = replay(policyOf(), keys, 10);
    expect(favourites.some((key) => held.has(key))).toBe(false);
  });

  it('comes near to LRU when it always admits', () => {
    // Each key is asked for twice, at a distance of exactly the cache.
    const keys = range(40).flatMap((block) => repeated(range(100, block * 100), 2));
    expect(replay(policyOf(RECENCY), keys, 100).hitRatio).toBeGreaterThan(0.45);
    expect(replay(policyOf(DUEL), keys, 100).hitRatio).toBeLessThan(0.1);
  });

  it('works with room for one entry', () => {
    expect(replay(policyOf(), [1, 1, 2, 2, 1], 1).hits).toEqual([false, true, false, true, false]);
  });

  it('evicts in bounded time when all entries were used', () => {
    const policy = policyOf();
    const count = 50_000;
    policy.grow(count + 1);
    const all = range(count + 1, 1);
    for (const slot of all) policy.insert(slot, { fingerprint: slot, weight: 1, cost: 1 });
    for (let use = 0; use < 3; use++) for (const slot of all) policy.touch(slot);
    // By then a thousand entries were passed by, not all of them, three times: it is the one after these that leaves.
    expect(policy.evict()).toBe(1025);
  });

  it('follows its tuner, and tells it of the reads of sampled keys alone', () => {
    const told: [number, boolean][] = [];
    const tuner: Tuner = {
      stance: DUEL,
      fit: () => {},
      samples: (fingerprint) => fingerprint === 5,
      read: (fingerprint, hit) => void told.push([fingerprint, hit]),
    };
    const policy = new AdaptivePolicy({ tuner, random: never });
    policy.grow(4);
    for (const slot of [2, 3, 4]) policy.insert(slot, { fingerprint: slot + 10, weight: 1, cost: 1 });
    // Nobody is told before something must leave.
    expect([policy.evict(), told]).toEqual([2, []]);
    policy.insert(1, { fingerprint: 5, weight: 1, cost: 1 });
    for (let use = 0; use < 5; use++) policy.touch(1);
    policy.update(1);
    policy.touch(4);
    expect(told).toEqual([[5, false], ...Array.from({ length: 6 }, () => [5, true])]);
    // What it is told of is also what it counts: the sampled entry wins its duel.
    expect(policy.evict()).toBe(3);
  });

  it('asks for the fingerprints that it needs when something leaves, and for none before', () => {
    const asked: number[] = [];
    const fingerprintOf = (slot: number): number => {
      asked.push(slot);
      return slot + 100;
    };
    const policy = new AdaptivePolicy({ stance: DUEL, fingerprintOf, random: never });
    policy.grow(8);
    const unnamed = { fingerprint: 0, weight: 1, cost: 1 };
    for (const slot of [1, 2, 3]) policy.insert(slot, unnamed);
    policy.touch(1);
    expect(asked).toEqual([]);
    expect([policy.evict(), asked]).toEqual([2, [2]]);
    policy.insert(4, unnamed);
    expect(asked).toEqual([2, 4]);
    // Its slot has another entry now, and another fingerprint.
    expect(policy.evict()).not.toBe(2);
    policy.insert(2, unnamed);
    expect(asked.filter((slot) => slot === 2)).toEqual([2, 2]);
  });

  it('tells its tuner of entries that were there before they were sampled, once they were passed by', () => {
    let sampling = false;
    let reads = 0;
    const tuner: Tuner = {
      stance: DUEL,
      fit: () => {},
      samples: () => sampling,
      read: () => void (reads += 1),
    };
    const policy = new AdaptivePolicy({ tuner, random: never });
    policy.grow(4);
    for (const slot of [1, 2, 3]) policy.insert(slot, { fingerprint: slot, weight: 1, cost: 1 });
    policy.touch(1);
    sampling = true;
    policy.touch(1);
    expect(reads).toBe(0);
    policy.evict();
    policy.touch(1);
    expect(reads).toBe(1);
  });
});
