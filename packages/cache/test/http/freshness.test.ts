import { describe, expect, it } from 'vitest';
import { parseCacheControl } from '../../src/http/cache-control.ts';
import { ageOf, lifetimeOf, type TimedResponse } from '../../src/http/freshness.ts';
import { formatHttpDate } from '../../src/http/http-date.ts';
import { fields, type Fields } from './origin.ts';

const NOW = Date.UTC(2026, 0, 1);
const at = (seconds: number): string => formatHttpDate(NOW + seconds * 1000);
const response = (headers: Fields, more: Partial<TimedResponse> = {}): TimedResponse => ({
  status: 200,
  headers: fields(headers),
  requestedAt: NOW,
  receivedAt: NOW,
  ...more,
});
const lifetime = (headers: Fields, { shared = true, status = 200 } = {}): number => {
  const timed = response(headers, { status });
  return lifetimeOf(timed, parseCacheControl(timed.headers)!, shared) / 1000;
};

describe('ageOf', () => {
  it('grows with the time that it is held', () => {
    expect(ageOf(response({ Date: at(0) }), NOW + 5000)).toBe(5000);
  });

  it('counts from the Date when that is older', () => {
    expect(ageOf(response({ Date: at(-60) }), NOW)).toBe(60_000);
  });

  it('is not raised by what Date cuts off', () => {
    expect(ageOf(response({ Date: at(0) }, { receivedAt: NOW + 900, requestedAt: NOW + 900 }), NOW + 950)).toBe(50);
  });

  it('adds the time of the request to the stated Age', () => {
    expect(ageOf(response({ Date: at(0), Age: '30' }, { requestedAt: NOW - 2000 }), NOW + 1000)).toBe(33_000);
  });

  it.each([
    ['7200, 0', 7200],
    ['0, 7200', 0],
    ['abc', 0],
    ['-7200', 0],
    ['7200.0', 0],
    ['7200;a=b', 0],
    ['99999999999', 2 ** 31],
  ])('reads the Age %j as %i', (age, seconds) => {
    expect(ageOf(response({ Age: age }), NOW)).toBe(seconds * 1000);
  });

  it('is never younger for a wall clock that goes back', () => {
    expect(ageOf(response({ Date: at(0), Age: '10' }), NOW - 3_600_000)).toBe(10_000);
  });
});

describe('lifetimeOf', () => {
  it('prefers s-maxage, then max-age, then Expires', () => {
    const headers = { 'Cache-Control': 's-maxage=1, max-age=2', Expires: at(3), Date: at(0) };

    expect(lifetime(headers)).toBe(1);
    expect(lifetime(headers, { shared: false })).toBe(2);
    expect(lifetime({ ...headers, 'Cache-Control': 'public' })).toBe(3);
  });

  it('counts Expires from the Date, or without a valid one from the receipt', () => {
    expect(lifetime({ Expires: at(100), Date: at(40) })).toBe(60);
    expect(lifetime({ Expires: at(100), Date: 'yesterday' })).toBe(100);
  });

  it.each(['0', 'never', at(-1)])('is 0 for Expires: %s', (expires) => {
    expect(lifetime({ Expires: expires, Date: at(0), 'Last-Modified': at(-100_000) })).toBe(0);
  });

  it('is 0 for several Expires that disagree', () => {
    expect(lifetime({ Expires: [at(10), at(20)], Date: at(0) })).toBe(0);
  });

  it('is a tenth of the time since the last modification, and at most a day', () => {
    expect(lifetime({ 'Last-Modified': at(-1000), Date: at(0) })).toBe(100);
    expect(lifetime({ 'Last-Modified': at(-10_000_000), Date: at(0) })).toBe(86_400);
  });

  it('guesses nothing without Last-Modified, nor for a status that is not cacheable by default', () => {
    expect(lifetime({ ETag: '"a"', Date: at(0) })).toBe(0);
    expect(lifetime({ 'Last-Modified': at(-1000), Date: at(0) }, { status: 302 })).toBe(0);
    expect(lifetime({ 'Last-Modified': at(-1000), Date: at(0), 'Cache-Control': 'public' }, { status: 302 })).toBe(100);
  });
});
