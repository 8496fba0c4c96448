import { describe, expect, it, vi } from 'vitest';
import { randomRatios } from '@forge/internal';
import { AdaptivePolicy, type Stance } from '../../src/policies/adaptive.ts';
import { mix } from '../../src/policies/key-hash.ts';
import { LruPolicy } from '../../src/policies/lru.ts';
import { ShadowCaches } from '../../src/policies/shadow-caches.ts';
import { WindowTuner } from '../../src/policies/window-tuner.ts';
import { range, repeated, replay } from './replay.ts';

const never = (): number => 1;

function stanceAfter(keys: readonly number[], maxSize: number): Stance {
  const tuner = new WindowTuner(never);
  replay(new AdaptivePolicy({ tuner, random: never }), keys, maxSize);
  return tuner.stance;
}

/** Each key is asked for twice, at a distance of the cache's size. */
function twice(blocks: number, size: number): number[] {
  return range(blocks).flatMap((block) => repeated(range(size, block * size), 2));
}

describe('WindowTuner', () => {
  it('stays with a window of a tenth while there is nothing to tell', () => {
    expect(stanceAfter(range(20_000), 100)).toEqual({ window: 0.1, admission: 'duel' });
  });

  it('goes over to recency where each key is read twice and never again', () => {
    expect(stanceAfter(twice(200, 90), 100).admission).toBe('always');
    expect(stanceAfter(twice(60, 1900), 2000).admission).toBe('always');
  });

  it('takes the best stance at once where it gains very much', () => {
    expect(stanceAfter(twice(4, 90), 100).admission).toBe('always');
  });

  it('does not take chance for evidence', () => {
    // Keys at random, each as likely as the other: no stance is better.
    const random = randomRatios(5);
    const keys = range(20_000).map(() => Math.floor(random() * 400));
    expect(stanceAfter(keys, 100)).toEqual({ window: 0.1, admission: 'duel' });
  });

  // Wherever in a pause the change may come.
  it.each([300, 316, 332])(
    'pauses while a loop goes round %d times, and looks again when the hit ratio moves',
    (rounds) => {
      const read = vi.spyOn(ShadowCaches.prototype, 'read');
      let whileEven = 0;
      function* load(): Iterable<number> {
        yield* repeated(range(150), rounds);
        whileEven = read.mock.calls.length;
        yield* range(3000, 1000);
      }
      replay(new AdaptivePolicy({ tuner: new WindowTuner(never), random: never }), load(), 100);
      expect(whileEven / (rounds * 150)).toBeLessThan(0.3);
      expect((read.mock.calls.length - whileEven) / 3000).toBeGreaterThan(0.4);
      read.mockRestore();
    },
  );

  it('goes back to duels when a loop follows', () => {
    const keys = [...twice(200, 90), ...repeated(range(150, 1_000_000), 400)];
    expect(stanceAfter(keys, 100).admission).toBe('duel');
  });

  it('brings the policy near to the better of LRU and a fixed stance', () => {
    const keys = [...twice(400, 90), ...repeated(range(200, 1_000_000), 300)];
    const { hitRatio } = replay(new AdaptivePolicy({ tuner: new WindowTuner(never), random: never }), keys, 100);
    expect(hitRatio).toBeGreaterThan(replay(new LruPolicy(), keys, 100).hitRatio + 0.1);
    expect(hitRatio).toBeGreaterThan(replay(new AdaptivePolicy({ random: never }), keys, 100).hitRatio + 0.1);
  });

  it('samples nothing before the cache is full, then all keys of a small one and few of a large one', () => {
    const shareAt = (capacity: number): number => {
      const tuner = new WindowTuner();
      if (capacity > 0) tuner.fit(capacity);
      return range(20_000).filter((key) => tuner.samples(mix(key))).length / 20_000;
    };
    expect(shareAt(0)).toBe(0);
    expect(shareAt(1)).toBe(1);
    expect(shareAt(250)).toBe(1);
    expect(shareAt(1000)).toBeCloseTo(1 / 4, 1);
    expect(shareAt(1_000_000)).toBeLessThan(1 / 100);
  });

  it('keeps its sample while the number of entries wavers, and takes another when it has doubled', () => {
    const tuner = new WindowTuner();
    tuner.fit(1000);
    const sample = (): number[] => range(500).filter((key) => tuner.samples(mix(key)));
    const first = sample();
    for (let eviction = 0; eviction < 50; eviction++) tuner.fit(eviction % 2 === 0 ? 400 : 3000);
    expect(sample()).toEqual(first);
    for (let eviction = 0; eviction < 500; eviction++) tuner.fit(9000);
    expect(sample().length).toBeLessThan(first.length / 2);
  });
});
