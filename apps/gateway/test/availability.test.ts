import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Availability } from '../src/upstreams/availability.ts';

describe('Availability', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('pauses after each failure for twice as long, up to 30 s, until an answer', () => {
    const availability = new Availability();
    expect([availability.isUp, availability.isPaused]).toEqual([true, false]);
    const pauses: number[] = [];
    for (let n = 0; n < 7; n += 1) {
      availability.failed(new Error('refused'));
      let pause = 0;
      for (; availability.isPaused; pause += 500) vi.advanceTimersByTime(500);
      pauses.push(pause);
    }
    expect(pauses).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
    expect([availability.isUp, availability.failure?.message]).toEqual([false, 'refused']);
    availability.answered();
    expect([availability.isUp, availability.isPaused, availability.failure]).toEqual([true, false, undefined]);
    availability.failed('a text');
    vi.advanceTimersByTime(1000);
    expect([availability.isPaused, availability.failure?.message]).toEqual([false, 'a text']);
  });
});
