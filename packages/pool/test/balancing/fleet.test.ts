import { describe, expect, it } from 'vitest';
import { between, quantile, run, share, site, type Site } from './fleet.ts';

const SEEDS = [1, 2, 3, 4];

function many(count: number): readonly Site[] {
  return Array.from({ length: count }, () => site(10));
}

describe('Balancer over a simulated fleet', () => {
  it.each([100, 1_000, 4_000])('gives one slow endpoint of ten less than 3 %% of %i calls per second', (rate) => {
    for (const seed of SEEDS) {
      const { uses } = run({ sites: [site(100), ...many(9)], rate, end: 30_000, seed });
      const fast = run({ sites: many(9), rate, end: 30_000, seed });
      const settled = between(uses, 1_000, 30_000);
      expect(share(settled, (use) => use.site === 0)).toBeLessThan(0.03);
      expect(quantile(settled, 0.99) / quantile(fast.uses, 0.99)).toBeLessThan(1.2);
    }
  });

  it('is fair between equal endpoints, and keeps their queues level', () => {
    for (const seed of SEEDS) {
      const { uses } = run({ sites: many(5), rate: 3_000, end: 10_000, seed });
      for (const at of [0, 1, 2, 3, 4]) {
        expect(share(uses, (use) => use.site === at)).toBeCloseTo(0.2, 1);
      }
      expect(quantile(uses, 0.99)).toBeLessThan(60);
    }
  });

  it('finds the one of two dead endpoints that is back within a second (nodejs/undici#4839)', () => {
    for (const seed of SEEDS) {
      const dead = [site(10, [10_000, 40_000]), site(10, [10_000, 100_000])];
      const { uses, ejections } = run({ sites: dead, rate: 200, end: 200_000, seed });
      const failures = (from: number, to: number): number =>
        between(uses, from, to).filter(({ failed }) => failed).length;
      expect(share(between(uses, 11_000, 40_000), ({ failed }) => failed)).toBe(1);
      expect(failures(40_000, 41_000)).toBeLessThan(20);
      // Afterwards only the probes of the other.
      expect(failures(41_000, 100_000)).toBeLessThanOrEqual(ejections[1]!);
      expect(ejections[1]).toBeLessThan(10);
      expect(failures(100_000, 200_000)).toBe(0);
      expect(share(between(uses, 180_000, 200_000), (use) => use.site === 1)).toBeCloseTo(0.5, 1);
    }
  });

  it('uses all endpoints again a minute after all were dead, and none fails from the moment they are back', () => {
    for (const seed of SEEDS) {
      const sites = many(4).map(() => site(10, [10_000, 40_000]));
      const { uses } = run({ sites, rate: 400, end: 150_000, seed });
      expect(between(uses, 40_000, 150_000).filter(({ failed }) => failed)).toEqual([]);
      const late = between(uses, 110_000, 150_000);
      for (const at of sites.keys()) expect(share(late, (use) => use.site === at)).toBeCloseTo(0.25, 1);
    }
  });

  it('loses less than 0.5 % of all calls to one of three endpoints that is down every other two seconds', () => {
    for (const seed of SEEDS) {
      const flapping: Site = { latency: () => 10, fails: (now) => Math.floor(now / 2_000) % 2 === 1 };
      const { uses } = run({ sites: [flapping, ...many(2)], rate: 300, end: 120_000, seed });
      expect(share(uses, ({ failed }) => failed)).toBeLessThan(0.005);
    }
  });

  it('lets an endpoint that is restored come back slowly, and wholly', () => {
    for (const seed of SEEDS) {
      const { uses } = run({ sites: [site(10, [10_000, 20_000]), ...many(4)], rate: 1_000, end: 120_000, seed });
      const back = uses.find((use) => use.at >= 20_000 && use.site === 0)!.at;
      const shareIn = (from: number, to: number): number =>
        share(between(uses, back + from, back + to), (use) => use.site === 0);
      expect(shareIn(0, 1_000)).toBeLessThan(0.1);
      expect(shareIn(20_000, 30_000)).toBeLessThan(0.2);
      expect(shareIn(60_000, 80_000)).toBeGreaterThan(0.15);
      const highest = Math.max(...between(uses, back, back + 5_000).map((use) => (use.site === 0 ? use.load : 0)));
      expect(highest).toBeLessThan(5);
    }
  });
});
