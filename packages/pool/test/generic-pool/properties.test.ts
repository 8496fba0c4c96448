import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { createPool } from '../../src/generic-pool/index.ts';
import { outcome } from '../support.ts';

type Step =
  | { readonly kind: 'acquire'; readonly priority: number }
  | { readonly kind: 'release' | 'destroy' | 'again'; readonly index: number }
  | { readonly kind: 'pass'; readonly ms: number }
  | { readonly kind: 'create' | 'validate'; readonly works: boolean }
  | { readonly kind: 'clear' };

const index = fc.nat(20);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('acquire' as const), priority: fc.integer({ max: 5 }) }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constantFrom('release' as const, 'destroy', 'again'), index }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.nat(2_000) }) },
  fc.record({ kind: fc.constantFrom('create' as const, 'validate'), works: fc.boolean() }),
  fc.constant({ kind: 'clear' as const }),
);

describe('Pool', () => {
  it('has one borrower for each resource, never more than max, and an end for every caller', async () => {
    vi.useFakeTimers();
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 60 }),
        fc.record({
          max: fc.integer({ min: 1, max: 4 }),
          min: fc.nat(2),
          fifo: fc.boolean(),
          priorityRange: fc.nat(4),
        }),
        fc.record({ testOnBorrow: fc.boolean(), testOnReturn: fc.boolean() }),
        check,
      ),
      { numRuns: 150 },
    );
    vi.useRealTimers();
  });
});

async function check(
  steps: Step[],
  sizes: { readonly max: number; readonly min: number },
  tests: object,
): Promise<void> {
  const works = { create: true, validate: true };
  const live = new Set<object>();
  const factory = {
    create: () => {
      if (!works.create) return Promise.reject(new Error('refused'));
      const resource = {};
      live.add(resource);
      return new Promise<object>((resolve) => setTimeout(() => resolve(resource), 5));
    },
    destroy: (resource: object) => {
      expect(live.delete(resource)).toBe(true);
      return Promise.resolve();
    },
    validate: () => Promise.resolve(works.validate),
  };
  const times = { acquireTimeoutMillis: 1_000, evictionRunIntervalMillis: 100, idleTimeoutMillis: 500 };
  const pool = createPool<object>(factory, { ...sizes, ...times, ...tests });
  const held = new Set<object>();
  const ended: object[] = [];
  const callers: Promise<unknown>[] = [];
  const borrow = async (priority: number): Promise<void> => {
    const end = await outcome(pool.acquire(priority));
    if ('error' in end) return;
    expect(held.has(end.value)).toBe(false);
    expect(live.has(end.value)).toBe(true);
    held.add(end.value);
  };
  const giveBack = async (kind: 'release' | 'destroy', resource: object): Promise<void> => {
    held.delete(resource);
    ended.push(resource);
    await pool[kind](resource);
  };
  const run = async (next: Step): Promise<unknown> => {
    if (next.kind === 'acquire') return callers.push(borrow(next.priority));
    if (next.kind === 'pass') return vi.advanceTimersByTimeAsync(next.ms);
    if (next.kind === 'clear') return callers.push(pool.clear());
    if ('works' in next) return (works[next.kind] = next.works);
    const resources = next.kind === 'again' ? ended : [...held];
    const resource = resources[next.index % resources.length];
    if (resource === undefined) return undefined;
    if (next.kind !== 'again') return giveBack(next.kind, resource);
    // Whoever has it now would lose it: the face cannot tell them apart.
    if (pool.isBorrowedResource(resource)) return undefined;
    return expect(pool.release(resource)).rejects.toThrow('not currently part');
  };
  for (const next of steps) {
    await run(next);
    await vi.advanceTimersByTimeAsync(0);
    expect(pool.size).toBeLessThanOrEqual(sizes.max);
    expect(pool.borrowed).toBe(held.size);
    for (const resource of [...live, ...ended]) expect(pool.isBorrowedResource(resource)).toBe(held.has(resource));
  }
  for (const resource of held) await giveBack('release', resource);
  const drained = pool.drain();
  while (pool.borrowed + pool.pending > 0) {
    await vi.advanceTimersByTimeAsync(100);
    for (const resource of held) await giveBack('release', resource);
  }
  await vi.advanceTimersByTimeAsync(40_000);
  await Promise.all([drained, ...callers]);
  expect(live.size).toBe(0);
  expect(vi.getTimerCount()).toBe(0);
}
