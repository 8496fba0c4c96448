import { describe, expect, it } from 'vitest';
import { GdsfPolicy } from '../../src/policies/gdsf.ts';

function policyWith(entries: readonly { weight?: number; cost?: number }[]): GdsfPolicy {
  const policy = new GdsfPolicy();
  policy.grow(entries.length + 1);
  for (const [index, { weight = 1, cost = 1 }] of entries.entries()) {
    policy.insert(index + 1, { fingerprint: index, weight, cost });
  }
  return policy;
}

function drained(policy: GdsfPolicy, count: number): number[] {
  return Array.from({ length: count }, () => policy.evict());
}

describe('GdsfPolicy', () => {
  it('evicts the largest first when all cost the same', () => {
    expect(drained(policyWith([{ weight: 10 }, { weight: 1000 }, { weight: 100 }]), 3)).toEqual([2, 3, 1]);
  });

  it('evicts the cheapest first when all weigh the same', () => {
    expect(drained(policyWith([{ cost: 100 }, { cost: 900 }, { cost: 5 }]), 3)).toEqual([3, 1, 2]);
  });

  it('counts uses', () => {
    const policy = policyWith([{ weight: 30 }, { weight: 20 }, { weight: 10 }]);
    for (let use = 0; use < 5; use++) policy.touch(1);
    expect(drained(policy, 3)).toEqual([2, 3, 1]);
  });

  it('weighs an updated entry anew, up and down, and counts the use', () => {
    const policy = policyWith([{ weight: 10 }, { weight: 15 }, { weight: 20 }]);
    policy.update(1, { fingerprint: 0, weight: 1000, cost: 1 });
    policy.update(3, { fingerprint: 2, weight: 20, cost: 1 });
    expect(drained(policy, 3)).toEqual([1, 2, 3]);
  });

  it('lets go of a valuable entry once enough has come and gone', () => {
    const policy = policyWith([{ cost: 50 }]);
    let evicted = 0;
    for (let round = 1; round < 2000 && evicted !== 1; round++) {
      policy.insert(2, { fingerprint: round, weight: 1, cost: 1 });
      evicted = policy.evict();
    }
    expect(evicted).toBe(1);
  });

  it('is aged less by what leaves unused than by what was used', () => {
    const roundsUntilEvicted = (uses: number): number => {
      const policy = policyWith([{ cost: 50 }]);
      for (let round = 1; ; round++) {
        policy.insert(2, { fingerprint: round, weight: 1, cost: 1 });
        for (let use = 1; use < uses; use++) policy.touch(2);
        if (policy.evict() === 1) return round;
      }
    };
    expect(roundsUntilEvicted(2)).toBeLessThan(50);
    expect(roundsUntilEvicted(1)).toBeGreaterThan(500);
  });

  it('counts the uses of a key before it left, once it is back', () => {
    const evictedAfter = (fingerprint: number): number => {
      const policy = policyWith([{}, {}, {}]);
      policy.touch(2);
      expect(drained(policy, 3)).toEqual([1, 3, 2]);
      policy.insert(1, { fingerprint, weight: 1, cost: 1 });
      policy.insert(2, { fingerprint: 77, weight: 1, cost: 1 });
      policy.touch(2);
      return policy.evict();
    };
    expect([evictedAfter(1), evictedAfter(78)]).toEqual([2, 1]);
  });

  it('asks for the fingerprints that it needs when something leaves, and for none before', () => {
    const asked: number[] = [];
    const policy = new GdsfPolicy((slot) => asked.push(slot));
    policy.grow(2);
    policy.insert(1, { fingerprint: 0, weight: 1, cost: 1 });
    policy.insert(2, { fingerprint: 0, weight: 2, cost: 1 });
    expect(asked).toEqual([]);
    policy.evict();
    policy.insert(2, { fingerprint: 0, weight: 2, cost: 1 });
    expect(asked).toEqual([2, 2]);
  });

  it('takes any cost and weight', () => {
    const odd = [NaN, -1, 0, -Infinity].map((cost) => ({ cost }));
    const policy = policyWith([...odd, { cost: 1 }, { cost: Infinity }, { weight: 0 }, { weight: Infinity }]);
    // What has no cost goes before what has one, and what weighs without end before all.
    const order = drained(policy, 8);
    expect(order[0]).toBe(8);
    expect(new Set(order.slice(1, 5))).toEqual(new Set([1, 2, 3, 4]));
    expect(order[7]).toBe(6);
  });

  it('still tells small values apart after its clock has gone round', () => {
    const policy = new GdsfPolicy();
    policy.grow(3);
    for (let round = 0; round < 20_000; round++) {
      policy.insert(1, { fingerprint: 1, weight: 1, cost: Infinity });
      policy.evict();
    }
    policy.insert(1, { fingerprint: 1, weight: 2_000_000, cost: 1 });
    policy.insert(2, { fingerprint: 2, weight: 4_000_000, cost: 1 });
    expect(drained(policy, 2)).toEqual([2, 1]);
  });

  it('looks at some hundreds and not at all when very many were used', () => {
    const policy = policyWith(Array.from({ length: 5000 }, () => ({})));
    for (let slot = 1; slot <= 5000; slot++) policy.touch(slot);
    for (let slot = 1; slot < 5000; slot++) policy.touch(slot);
    // The last is the one that was used the least, and so far from the top that it takes a second look to find it.
    expect(policy.evict()).not.toBe(5000);
  });

  it('evicts the least used of those that it looked at', () => {
    const policy = policyWith(Array.from({ length: 5000 }, () => ({})));
    for (let slot = 1; slot <= 5000; slot++) for (let use = 0; use <= slot % 7; use++) policy.touch(slot);
    expect(policy.evict() % 7).toBe(0);
  });
});
