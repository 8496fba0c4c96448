import { describe, expect, it, vi } from 'vitest';
import type { PolicyName } from '../../src/policies/policy-by-name.ts';
import { ShadowCaches } from '../../src/policies/shadow-caches.ts';
import { WhatIf } from '../../src/policies/what-if.ts';
import { range, repeated } from './replay.ts';

interface Given {
  readonly policy?: PolicyName;
  readonly maxSize?: number;
  readonly maxBytes?: number;
  readonly weight?: number;
}

function whatIfAfter(keys: readonly number[], given: Given): WhatIf {
  const { policy = 'lru', maxSize = Infinity, maxBytes = Infinity, weight = 1 } = given;
  const whatIf = new WhatIf({ policy, maxSize, maxBytes, seed: 42 });
  for (const key of keys) {
    const sample = whatIf.sample(`key ${key}`, weight, 1);
    if (sample !== undefined) whatIf.record(sample);
  }
  return whatIf;
}

describe('WhatIf', () => {
  it('tells nothing before it has seen enough', () => {
    expect(whatIfAfter(range(4000), { maxSize: 10 }).estimate()).toBeUndefined();
    expect(whatIfAfter(range(5000), { maxSize: 10 }).estimate()).toEqual({
      half: 0,
      actual: 0,
      double: 0,
      quadruple: 0,
    });
  });

  it('finds the size from which on a loop is held', () => {
    const estimate = whatIfAfter(repeated(range(150), 100), { maxSize: 100 }).estimate()!;
    expect(estimate).toMatchObject({ half: 0, actual: 0 });
    expect(estimate.double).toBeGreaterThan(0.98);
    expect(estimate.quadruple).toBeGreaterThan(0.98);
  });

  it('finds it by bytes, too', () => {
    const keys = repeated(range(150), 100);
    const estimate = whatIfAfter(keys, { maxSize: 2 ** 23, maxBytes: 100_000, weight: 1000 }).estimate()!;
    expect(estimate.actual).toBe(0);
    expect(estimate.double).toBeGreaterThan(0.98);
  });

  it('finds it from a sample of the keys when there are many', () => {
    const read = vi.spyOn(ShadowCaches.prototype, 'read');
    const keys = repeated(range(30_000), 12);
    const estimate = whatIfAfter(keys, { maxSize: 20_000 }).estimate()!;
    expect(estimate.actual).toBeLessThan(0.1);
    expect(estimate.double).toBeGreaterThan(0.85);
    expect(read.mock.calls.length).toBeLessThan(keys.length / 10);
    read.mockRestore();
  });

  it('follows a load that changes', () => {
    const estimate = whatIfAfter([...repeated(range(50), 200), ...range(20_000, 100)], { maxSize: 100 }).estimate()!;
    expect(estimate.actual).toBeLessThan(0.05);
  });

  it('simulates the policy that it was given', () => {
    const loop = repeated(range(150), 200);
    expect(whatIfAfter(loop, { maxSize: 100, policy: 'adaptive' }).estimate()!.actual).toBeGreaterThan(0.5);
  });
});
