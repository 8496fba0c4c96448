import type { Interval } from './intervals.ts';

/**
 * The `Content-Range` of an answer (RFC 9110 §14.4), `bytes 0-99/1000`, for a status of 206. Where the slice is empty it
 * has a star for the positions and goes with a 416.
 */
export function contentRange(slice: Interval & { readonly total: number | undefined }, unit: string = 'bytes'): string {
  const { start, end, total } = slice;
  return `${unit} ${end > start ? `${start}-${end - 1}` : '*'}/${total ?? '*'}`;
}

/** What a 206's `Content-Range` says, in any unit; undefined when it is absent, malformed or that of a 416. */
export function parseContentRange(
  header: string | null | undefined,
): (Interval & { total: number | undefined }) | undefined {
  const match = /^[!#$%&'*+.^_`|~\w-]{1,32} (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/.exec(header ?? '');
  if (match === null) return undefined;
  const start = Number(match[1]);
  const end = Number(match[2]) + 1;
  const total = match[3] === '*' ? undefined : Number(match[3]);
  return start < end && (total === undefined || end <= total) ? { start, end, total } : undefined;
}

/**
 * The one range that a `Range` header asks for (RFC 9110 §14.2); undefined when there is none, it is malformed, asks for
 * several or in another unit: such a header is to be ignored. It may begin behind the end, for which a read gives an empty
 * slice; its own end is Infinity when it reaches to that of the data.
 *
 * @param total needed for a suffix, `bytes=-500`, which is undefined without it
 */
export function parseRange(
  header: string | null | undefined,
  total?: number,
  unit: string = 'bytes',
): Interval | undefined {
  const match = /^([!#$%&'*+.^_`|~\w-]{1,32})=[ \t]?(\d{0,15})-(\d{0,15})$/.exec(header ?? '');
  if (match === null || match[1]!.toLowerCase() !== unit) return undefined;
  const [, , first, last] = match as unknown as [string, string, string, string];
  if (first === '' && (last === '' || total === undefined)) return undefined;
  const start = first === '' ? Math.max(0, total! - Number(last)) : Number(first);
  const end = first === '' || last === '' ? Infinity : Number(last) + 1;
  return start < end ? { start, end } : undefined;
}
