import { describe, expect, it } from 'vitest';
import { LruPolicy } from '../../src/policies/lru.ts';

function policyWith(slots: readonly number[]): LruPolicy {
  const policy = new LruPolicy();
  policy.grow(8);
  for (const slot of slots) policy.insert(slot);
  return policy;
}

function drained(policy: LruPolicy, count: number): number[] {
  return Array.from({ length: count }, () => policy.evict());
}

describe('LruPolicy', () => {
  it('evicts the slot that was inserted, touched or updated longest ago', () => {
    const policy = policyWith([1, 2, 3, 4, 5]);
    policy.touch(2);
    policy.touch(4);
    policy.touch(4);
    policy.update(1);
    expect(drained(policy, 5)).toEqual([3, 5, 2, 4, 1]);
  });

  it('keeps the order when it grows and when a slot comes back', () => {
    const policy = policyWith([2, 1]);
    policy.grow(16);
    policy.insert(16);
    policy.remove(2);
    policy.insert(2);
    expect(drained(policy, 3)).toEqual([1, 16, 2]);
  });
});
