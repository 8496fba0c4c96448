import { describe, expect, it } from 'vitest';
import { Breaker } from '../../src/creating/breaker.ts';
import { Failures } from '../../src/creating/failures.ts';
import { RetrySchedule } from '../../src/creating/retry-schedule.ts';

const almostOne = 1 - 2 ** -32;

/** A clock that the test moves. */
const stopped = (): { time: number; now(): number } => ({
  time: 1000,
  now() {
    return this.time;
  },
});

describe('RetrySchedule', () => {
  it('waits up to 50 ms after the first failure, twice as long after each, and 5 s at most', () => {
    const schedule = new RetrySchedule(stopped(), () => almostOne);
    const pauses = Array.from({ length: 9 }, () => {
      schedule.failed();
      return Math.round(schedule.next - 1000);
    });
    expect(pauses).toEqual([50, 100, 200, 400, 800, 1600, 3200, 5000, 5000]);
  });

  it('takes a random share of the pause, from nothing on, and none after a success', () => {
    const ratios = [0, 0.5];
    const schedule = new RetrySchedule(stopped(), () => ratios.shift() ?? 0);
    schedule.failed();
    expect(schedule.next).toBe(1000);
    schedule.failed();
    expect(schedule.next).toBe(1050);
    schedule.succeeded();
    expect([schedule.next, schedule.failures]).toEqual([-Infinity, 0]);
  });
});

describe('Breaker', () => {
  it('opens with the fifth failure in a row and closes with a success', () => {
    const breaker = new Breaker(stopped(), () => 0);
    for (const opens of [false, false, false, false, true]) expect(breaker.failed()).toBe(opens);
    expect(breaker.isOpen).toBe(true);
    breaker.succeeded();
    expect(breaker.isOpen).toBe(false);
    expect(breaker.failed()).toBe(false);
  });

  it('opens again with each probe that fails, for 1 s to 30 s', () => {
    const clock = stopped();
    const breaker = new Breaker(clock, () => almostOne);
    for (let failure = 0; failure < 4; failure += 1) breaker.failed();
    const pauses = Array.from({ length: 7 }, () => {
      expect(breaker.failed()).toBe(true);
      const pause = breaker.until - clock.time;
      clock.time = breaker.until;
      expect(breaker.isOpen).toBe(false);
      return Math.round(pause);
    });
    expect(pauses).toEqual([2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
  });
});

describe('Failures', () => {
  const failing = (retries: number): Failures => new Failures(retries, stopped(), () => 0);
  const error = new Error('refused');

  it('costs one caller with each try after the retries, and all when the breaker opens', () => {
    const failures = failing(2);
    const costs = Array.from({ length: 6 }, () => failures.failed(error, 'retryable', failures.round));
    expect(costs).toEqual(['nobody', 'nobody', 'one', 'nobody', 'all', 'all']);
  });

  it('counts what failed side by side as one failure', () => {
    const failures = failing(0);
    const { round } = failures;
    const costs = Array.from({ length: 10 }, () => failures.failed(error, 'retryable', round));
    expect(costs).toEqual(['one', ...Array.from({ length: 9 }, () => 'nobody')]);
    expect(failures.unavailable).toBe(false);
  });

  it('costs all at once when the failure is fatal', () => {
    const failures = failing(2);
    expect(failures.failed(error, 'fatal', failures.round)).toBe('all');
    expect(failures).toMatchObject({ unavailable: true, failing: true, last: error });
    failures.succeeded();
    expect(failures).toMatchObject({ unavailable: false, failing: false, last: undefined });
  });
});
