import { afterEach, expect, it, vi } from 'vitest';
import { monotonic } from '../src/index.ts';

afterEach(() => {
  vi.useRealTimers();
});

it('monotonic reads the time of the timers when they are fake and when they are real again', () => {
  const before = performance.now();
  expect(monotonic.now()).toBeGreaterThanOrEqual(before);
  vi.useFakeTimers();
  const faked = monotonic.now();
  vi.advanceTimersByTime(3_600_000);
  expect(monotonic.now() - faked).toBe(3_600_000);
  vi.useRealTimers();
  expect(Math.abs(monotonic.now() - performance.now())).toBeLessThan(1_000);
});
