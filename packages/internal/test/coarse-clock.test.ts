import { AsyncLocalStorage } from 'node:async_hooks';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { coarse, monotonic } from '../src/index.ts';

describe('coarse', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('asks each time while reads are few', () => {
    const clock = coarse(monotonic);
    for (let read = 0; read < 50; read++) {
      expect(clock.now()).toBe(performance.now());
      vi.advanceTimersByTime(0.1);
    }
    expect(vi.getTimerCount()).toBe(0);
  });

  it('asks once a millisecond while reads are many, and sets no further timer when they end', () => {
    const clock = coarse(monotonic);
    const read = vi.spyOn(performance, 'now');
    for (let count = 0; count < 1000; count++) clock.now();
    expect(read).toHaveBeenCalledTimes(16);
    vi.advanceTimersByTime(1);
    expect(vi.getTimerCount()).toBe(0);
    expect(clock.now()).toBe(performance.now());
  });

  it('is never more than a millisecond late, and never runs back', () => {
    const clock = coarse(monotonic);
    let last = -Infinity;
    for (let count = 0; count < 10_000; count++) {
      const now = clock.now();
      expect(now).toBeGreaterThanOrEqual(last);
      expect(performance.now() - now).toBeLessThanOrEqual(1);
      last = now;
      vi.advanceTimersByTime(0.01);
    }
  });

  it('keeps no context of a reader alive', () => {
    const storage = new AsyncLocalStorage<number>();
    const seen: unknown[] = [];
    const clock = coarse(monotonic);
    const set = vi.spyOn(globalThis, 'setTimeout').mockImplementation(() => {
      seen.push(storage.getStore());
      return { unref() {} } as unknown as ReturnType<typeof setTimeout>;
    });
    storage.run(1, () => {
      for (let count = 0; count < 16; count++) clock.now();
    });
    expect(seen).toEqual([undefined]);
    set.mockRestore();
  });

  it('asks a clock of somebody else each time', () => {
    const now = vi.fn(() => 0);
    const clock = coarse({ now });
    for (let count = 0; count < 100; count++) clock.now();
    expect(now).toHaveBeenCalledTimes(100);
  });
});
