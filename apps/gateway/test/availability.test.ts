import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Availability } from '../src/upstreams/availability.ts';

describe('Availability', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('pauses after each outage that goes on for twice as long, up to 30 s, until it is reached', () => {
    const availability = new Availability();
    expect(availability.isUp).toBe(true);
    const pauses: number[] = [];
    for (let n = 0; n < 7; n += 1) {
      availability.unreachable(new Error('refused'));
      let pause = 0;
      for (; availability.refusal !== undefined; pause += 500) vi.advanceTimersByTime(500);
      pauses.push(pause);
    }
    expect(pauses).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
    expect([availability.isUp, availability.failure?.message]).toEqual([false, 'refused']);
    availability.reached();
    expect([availability.isUp, availability.failure]).toEqual([true, undefined]);
  });

  it('counts attempts that fail together as one', () => {
    const availability = new Availability();
    for (let n = 0; n < 8; n += 1) availability.unreachable(`refused ${n}`);
    expect(availability.refusal?.message).toBe('refused 0');
    vi.advanceTimersByTime(1000);
    expect(availability.refusal).toBeUndefined();
  });

  it('does not pause connections for a list that came late, and is up again when one comes', () => {
    const availability = new Availability();
    availability.late(new Error('no list'));
    expect([availability.isUp, availability.refusal, availability.failure?.message]).toEqual([
      false,
      undefined,
      'no list',
    ]);
    availability.reached();
    expect(availability.isUp).toBe(false);
    availability.listed();
    expect(availability.isUp).toBe(true);
  });
});
