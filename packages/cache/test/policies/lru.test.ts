import { describe, expect, it } from 'vitest';
import { LruPolicy } from '../../src/policies/lru.ts';

function drained(policy: LruPolicy, count: number): number[] {
  return Array.from({ length: count }, () => {
    const slot = policy.victim();
    policy.remove(slot);
    return slot;
  });
}

describe('LruPolicy', () => {
  it('names the slot that was inserted or touched longest ago', () => {
    const policy = new LruPolicy();
    policy.grow(4);
    for (const slot of [1, 2, 3, 4]) policy.insert(slot);
    policy.touch(2);
    policy.touch(4);
    policy.touch(4);
    policy.touch(1);
    expect(drained(policy, 4)).toEqual([3, 2, 4, 1]);
  });

  it('keeps the order when it grows and when a slot comes back', () => {
    const policy = new LruPolicy();
    policy.grow(2);
    policy.insert(2);
    policy.insert(1);
    policy.grow(8);
    policy.insert(8);
    policy.remove(2);
    policy.insert(2);
    expect(drained(policy, 3)).toEqual([1, 8, 2]);
  });

  it('forgets all slots when it is cleared', () => {
    const policy = new LruPolicy();
    policy.grow(2);
    policy.insert(1);
    policy.clear();
    policy.grow(2);
    policy.insert(2);
    expect(policy.victim()).toBe(2);
  });
});
