import { describe, expect, it } from 'vitest';
import { Cost } from '../../src/balancing/cost.ts';

describe('Cost', () => {
  it('knows nothing before the first sample, and then that', () => {
    const cost = new Cost();
    expect([cost.latency, cost.expected(0), cost.penalty(0)]).toEqual([undefined, undefined, 1]);
    cost.succeeded(40, 1_000);
    expect([cost.latency, cost.expected(1_000)]).toEqual([40, 40]);
  });

  it('weighs samples by the time between them, so that a crowd of them says no more than one', () => {
    const [often, once] = [new Cost(), new Cost()];
    for (const cost of [often, once]) cost.succeeded(100, 0);
    for (let now = 1; now <= 10_000; now += 1) often.succeeded(10, now);
    once.succeeded(10, 10_000);
    expect(often.latency).toBeCloseTo(10 + 90 / Math.E, 6);
    expect(once.latency).toBeCloseTo(10 + 90 / Math.E, 6);
  });

  it('takes an eighth of a sample above the mean, however soon it comes', () => {
    const cost = new Cost();
    cost.succeeded(10, 0);
    cost.succeeded(810, 0);
    expect(cost.latency).toBe(110);
    cost.succeeded(10, 0);
    expect(cost.latency).toBe(110);
  });

  it('sinks without samples, and is corrected by the next one', () => {
    const cost = new Cost();
    cost.succeeded(100, 0);
    expect(cost.expected(10_000)).toBeCloseTo(100 / Math.E, 6);
    expect(cost.expected(1e9)).toBe(0.01);
    cost.succeeded(100, 1e9);
    expect(cost.expected(1e9)).toBe(100);
  });

  it('doubles a penalty with each failure up to 32, which fades', () => {
    const cost = new Cost();
    const penalties = [1, 2, 3, 4, 5, 6].map(() => {
      cost.failed(0);
      return cost.penalty(0);
    });
    expect(penalties).toEqual([2, 4, 8, 16, 32, 32]);
    expect(cost.penalty(10_000)).toBeCloseTo(1 + 31 / Math.E, 6);
    expect(cost.penalty(60_000)).toBeLessThan(1.1);
    expect(cost.latency).toBeUndefined();
  });

  it('stands a clock that goes back', () => {
    const cost = new Cost();
    cost.succeeded(10, 1_000);
    cost.succeeded(20, 500);
    expect(cost.expected(0)).toBe(11.25);
  });
});
