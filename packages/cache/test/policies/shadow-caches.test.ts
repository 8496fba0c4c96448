import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LruPolicy } from '../../src/policies/lru.ts';
import { ShadowCaches } from '../../src/policies/shadow-caches.ts';
import { range, replay } from './replay.ts';

function shadowsOf(...bounds: { maxSize?: number; maxBytes?: number }[]): ShadowCaches {
  return new ShadowCaches(
    bounds.map(({ maxSize = Infinity, maxBytes = Infinity }) => ({ policy: new LruPolicy(), maxSize, maxBytes })),
  );
}

describe('ShadowCaches', () => {
  it('tells for each cache whether it held the key', () => {
    const shadows = shadowsOf({ maxSize: 1 }, { maxSize: 2 });
    const read = (fingerprint: number): number => shadows.read({ fingerprint, weight: 1, cost: 1 });
    expect([1, 1, 2, 1, 2 ** 32 - 1, 1].map(read)).toEqual([0, 0b11, 0, 0b10, 0, 0b10]);
  });

  it('hits what the same policy hits in a cache of its own', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 30 }), { maxLength: 300 }), (keys) => {
        const shadows = shadowsOf({ maxSize: 4 }, { maxSize: 9 }, { maxSize: 20 });
        const hits = keys.map((fingerprint) => shadows.read({ fingerprint, weight: 1, cost: 1 }));
        for (const [index, maxSize] of [4, 9, 20].entries()) {
          expect(hits.map((bits) => ((bits >>> index) & 1) === 1)).toEqual(replay(new LruPolicy(), keys, maxSize).hits);
        }
      }),
    );
  });

  it('bounds bytes, and does not store what is larger than the whole cache', () => {
    const shadows = shadowsOf({ maxBytes: 100 });
    const read = (fingerprint: number, weight: number): number => shadows.read({ fingerprint, weight, cost: 1 });
    read(1, 60);
    read(2, 40);
    expect(read(1, 60)).toBe(1);
    read(3, 101);
    expect(read(3, 101)).toBe(0);
    expect([read(1, 60), read(2, 40)]).toEqual([1, 1]);
    read(1, 60);
    read(4, 41);
    expect([read(4, 41), read(2, 40)]).toEqual([1, 0]);
    expect(shadows.size).toBe(2);
  });

  it('forgets a key with its last holder, so that it knows no more keys than are held', () => {
    const shadows = shadowsOf({ maxSize: 3 }, { maxSize: 5 });
    for (const fingerprint of range(1000)) shadows.read({ fingerprint, weight: 1, cost: 1 });
    expect(shadows.size).toBe(5);
  });
});
