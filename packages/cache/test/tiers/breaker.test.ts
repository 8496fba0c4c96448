import { describe, expect, it } from 'vitest';
import { Breaker } from '../../src/tiers/breaker.ts';

/** A breaker on a clock that is moved by hand, without jitter. */
function setUp() {
  const time = { now: 0 };
  const breaker = new Breaker({ now: () => time.now }, () => 0);
  const call = (succeeded: boolean): void => breaker.leave(breaker.enter()!, succeeded);
  return { time, breaker, call };
}

describe('Breaker', () => {
  it('opens after five failures in a row', () => {
    const { breaker, call } = setUp();
    for (let failure = 0; failure < 4; failure++) call(false);
    expect(breaker.state).toBe('closed');
    call(false);
    expect(breaker.state).toBe('open');
    expect(breaker.enter()).toBeUndefined();
  });

  it('opens for failures that successes do not outweigh', () => {
    const { breaker, call } = setUp();
    for (let round = 0; round < 5; round++)
      for (const outcome of [false, true, false]) if (breaker.state === 'closed') call(outcome);
    expect(breaker.state).toBe('open');
  });

  it('stays closed when each failure is followed by a success', () => {
    const { breaker, call } = setUp();
    for (let round = 0; round < 100; round++) for (const outcome of [false, true]) call(outcome);
    expect(breaker.state).toBe('closed');
  });

  it('lets one call through after the pause, and closes when it succeeds', () => {
    const { time, breaker, call } = setUp();
    breaker.open();
    time.now = 99;
    expect(breaker.enter()).toBeUndefined();
    time.now = 100;
    const probe = breaker.enter()!;
    expect(breaker.state).toBe('probing');
    expect(breaker.enter()).toBeUndefined();
    breaker.leave(probe, true);
    expect(breaker.state).toBe('closed');
    for (let failure = 0; failure < 4; failure++) call(false);
    expect(breaker.state).toBe('closed');
  });

  it('doubles its pause with each probe that fails, up to ten seconds, and begins anew after a success', () => {
    const { time, breaker, call } = setUp();
    const pauses: number[] = [];
    for (let probe = 0; probe < 9; probe++) {
      if (probe === 0) breaker.open();
      else call(false);
      pauses.push(breaker.retryAt - time.now);
      time.now = breaker.retryAt;
    }
    expect(pauses).toEqual([100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
    call(true);
    breaker.open();
    expect(breaker.retryAt - time.now).toBe(100);
  });

  it('ignores the outcome of a call that began before it changed', () => {
    const { time, breaker } = setUp();
    const early = Array.from({ length: 20 }, () => breaker.enter()!);
    for (const pass of early) breaker.leave(pass, false);
    time.now = 100;
    const probe = breaker.enter()!;
    breaker.leave(early[0]!, true);
    expect(breaker.state).toBe('probing');
    breaker.leave(probe, true);
    for (const pass of early) breaker.leave(pass, false);
    expect(breaker.state).toBe('closed');
  });

  it('shortens its pauses at random, by up to a half', () => {
    const breaker = new Breaker({ now: () => 0 }, () => 0.5);
    breaker.open();
    expect(breaker.retryAt).toBe(75);
  });
});
