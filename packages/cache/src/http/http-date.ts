import type { Milliseconds } from '../units.ts';

/**
 * HTTP-date in its three formats (RFC 9110 §5.6.7), and nothing else that `Date.parse` would take: a date that is not
 * understood must count as expired. Letters match in any case, and no zone but GMT is taken, as RFC 9111 §4.2 asks of
 * caches.
 */
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
/** `60` is a leap second, which `Date` shows as the next second. */
const TIME = String.raw`(?<hour>[01]\d|2[0-3]):(?<minute>[0-5]\d):(?<second>[0-5]\d|60)`;
const MONTH = `(?<month>${MONTHS.join('|')})`;
const DAY = '(?:mon|tue|wed|thu|fri|sat|sun)';
const FORMATS = [
  // Sun, 06 Nov 1994 08:49:37 GMT
  new RegExp(String.raw`^${DAY}, (?<day>\d\d) ${MONTH} (?<year>\d{4}) ${TIME} gmt$`, 'i'),
  // Sunday, 06-Nov-94 08:49:37 GMT
  new RegExp(
    String.raw`^(?:mon|tues|wednes|thurs|fri|satur|sun)day, (?<day>\d\d)-${MONTH}-(?<year>\d\d) ${TIME} gmt$`,
    'i',
  ),
  // Sun Nov  6 08:49:37 1994
  new RegExp(String.raw`^${DAY} ${MONTH} (?<day>[ \d]\d) ${TIME} (?<year>\d{4})$`, 'i'),
];
const FIFTY_YEARS = 50;
const CENTURY = 100;

/** Since the epoch; undefined when it is no HTTP-date. @param now decides the century of a year of two digits */
export function parseHttpDate(text: string, now: Milliseconds): Milliseconds | undefined {
  for (const format of FORMATS) {
    const parts = format.exec(text)?.groups;
    if (parts === undefined) continue;
    const { day, month, year, hour, minute, second } = parts as Record<string, string>;
    const monthIndex = MONTHS.indexOf(month!.toLowerCase());
    const fullYear = year!.length === 2 ? centuryOf(Number(year), now) : Number(year);
    const date = new Date(0);
    date.setUTCFullYear(fullYear, monthIndex, Number(day));
    // A day that the month does not have would be one of its neighbours'.
    if (date.getUTCMonth() !== monthIndex) return undefined;
    return date.setUTCHours(Number(hour), Number(minute), Number(second));
  }
  return undefined;
}

export function formatHttpDate(time: Milliseconds): string {
  return new Date(time).toUTCString();
}

/** A year that seems more than 50 years ahead is the latest past year with these digits. */
function centuryOf(year: number, now: Milliseconds): number {
  const thisYear = new Date(now).getUTCFullYear();
  const candidate = thisYear - (thisYear % CENTURY) + year;
  return candidate > thisYear + FIFTY_YEARS ? candidate - CENTURY : candidate;
}
