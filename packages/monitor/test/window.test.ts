import { describe, expect, it } from 'vitest';
import { SlidingWindow } from '../src/window.ts';

interface Part {
  count: number;
}

interface Counting {
  readonly add: (now: number) => void;
  readonly total: (now: number) => number;
  readonly window: SlidingWindow<Part>;
}

/** A window of 12 sub-windows of 10 ms. */
function counting(start = 0): Counting {
  const window = new SlidingWindow<Part>(120, start, () => ({ count: 0 }));
  return {
    window,
    add(now) {
      window.at(now).count++;
    },
    total: (now) => window.recent(now).reduce((sum, { count }) => sum + count, 0),
  };
}

describe('SlidingWindow', () => {
  it('keeps a value for at least the window and at most a twelfth longer', () => {
    const { add, total } = counting();
    add(9);
    expect(total(9 + 120)).toBe(1);
    expect(total(9 + 121)).toBe(0);
    add(200);
    expect(total(329.999)).toBe(1);
    expect(total(330)).toBe(0);
  });

  it('lets go of one part at a time as they leave', () => {
    const { add, total } = counting();
    for (let now = 0; now < 130; now += 10) add(now);
    expect([129, 130, 145, 150].map(total)).toEqual([13, 12, 11, 10]);
  });

  it('forgets everything after a pause of any length', () => {
    const { add, total } = counting(1e6);
    for (let now = 1e6; now < 1e6 + 130; now += 3) add(now);
    expect(total(1e12)).toBe(0);
    add(1e12);
    expect(total(1e12 + 120)).toBe(1);
  });

  it('makes no part when it is only read', () => {
    const { window } = counting();
    window.turn(500);
    window.span(600);
    expect(window.recent(700)).toEqual([]);
  });

  it('takes a clock that goes back for one that stands still', () => {
    const { add, total } = counting();
    add(50);
    add(5);
    expect(total(-1000)).toBe(2);
    expect(total(50 + 130)).toBe(0);
  });

  it('covers the time since the start, then between one window and a twelfth more', () => {
    const { window } = counting(1000);
    expect([1000, 1007, 1100].map((now) => window.span(now))).toEqual([0, 7, 100]);
    for (let now = 1120; now < 3000; now += 7) {
      expect(window.span(now)).toBeGreaterThanOrEqual(120);
      expect(window.span(now)).toBeLessThan(130);
    }
  });

  it('lets go of all its parts and begins anew when it is restarted', () => {
    const { add, total, window } = counting();
    for (let now = 0; now < 100; now += 10) add(now);
    window.restart(104);
    expect(total(104)).toBe(0);
    expect(window.span(110)).toBe(6);
    add(104);
    expect(total(233)).toBe(1);
    expect(total(234)).toBe(0);
  });
});
