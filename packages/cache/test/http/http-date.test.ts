import { describe, expect, it } from 'vitest';
import { formatHttpDate, parseHttpDate } from '../../src/http/http-date.ts';

const NOW = Date.UTC(2026, 0, 1);

describe('parseHttpDate', () => {
  it.each([
    'Sun, 06 Nov 1994 08:49:37 GMT',
    'Sunday, 06-Nov-94 08:49:37 GMT',
    'Sun Nov  6 08:49:37 1994',
    'sun, 06 nov 1994 08:49:37 gmt',
  ])('reads %j', (text) => {
    expect(parseHttpDate(text, NOW)).toBe(Date.UTC(1994, 10, 6, 8, 49, 37));
  });

  it.each([
    '0',
    '',
    '1994-11-06T08:49:37Z',
    'Sun, 6 Nov 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 8:49:37 GMT',
    'Sun, 06 Nov 1994 08:49:37 AEST',
    'Sun, 06 Nov 1994 08:49:37 UTC',
    'Sun, 06 Nov 1994 08:49:37',
    'Sun 06 Nov 1994 08:49:37 GMT',
    'Sun, 31 Feb 1994 08:49:37 GMT',
    'Sun, 00 Nov 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 24:49:37 GMT',
    'Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT',
  ])('refuses %j', (text) => {
    expect(parseHttpDate(text, NOW)).toBeUndefined();
  });

  it('takes a year of two digits for the past when it is more than 50 years ahead', () => {
    expect(parseHttpDate('Sunday, 06-Nov-76 00:00:00 GMT', NOW)).toBe(Date.UTC(2076, 10, 6));
    expect(parseHttpDate('Sunday, 06-Nov-77 00:00:00 GMT', NOW)).toBe(Date.UTC(1977, 10, 6));
  });

  it('reads what formatHttpDate writes', () => {
    expect(parseHttpDate(formatHttpDate(NOW), NOW)).toBe(NOW);
  });
});
