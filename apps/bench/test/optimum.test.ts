import { describe, expect, it } from 'vitest';
import { optimalHitRatio } from '../src/optimum.ts';
import { seededRandom } from '../src/random.ts';

/** The same by trying what leaves: for small traces alone. */
function mostHits(trace: readonly number[], maxSize: number, held: readonly number[] = []): number {
  const [key, ...rest] = trace;
  if (key === undefined) return 0;
  if (held.includes(key)) return 1 + mostHits(rest, maxSize, held);
  const all = [...held, key];
  if (all.length <= maxSize) return mostHits(rest, maxSize, all);
  return Math.max(
    ...all.map((left) =>
      mostHits(
        rest,
        maxSize,
        all.filter((other) => other !== left),
      ),
    ),
  );
}

describe('optimalHitRatio', () => {
  it('is what trying everything finds', () => {
    const random = seededRandom(1);
    for (let round = 0; round < 60; round++) {
      const trace = Array.from({ length: 10 }, () => Math.floor(random() * 5));
      for (const maxSize of [1, 2, 3]) {
        expect(optimalHitRatio(Uint32Array.from(trace), maxSize)).toBe(mostHits(trace, maxSize) / 10);
      }
    }
  });

  it('holds all but one of a loop that is one too long', () => {
    const trace = Uint32Array.from({ length: 1010 * 1000 }, (_, time) => time % 101);
    // 99 keys stay, and of the other two the last place holds each in turn once in a hundred requests.
    expect(optimalHitRatio(trace, 100)).toBeCloseTo(0.99, 2);
  });
});
