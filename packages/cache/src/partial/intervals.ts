/**
 * Sets of whole numbers as sorted intervals [start, end), the same for bytes and rows.
 *
 * A list is in order of `start`; intervals may touch, since joining what they carry would copy it. All functions are
 * O(intervals) and leave their arguments as they are. `Infinity` as an end is the end of the data, wherever it is.
 */
export interface Interval {
  readonly start: number;
  /** The first that is not in it. */
  readonly end: number;
}

/** The parts of `wanted` that no interval of the list covers, in order. The list's intervals may overlap here. */
export function gaps(held: Iterable<Interval>, wanted: Interval): Interval[] {
  const missing: Interval[] = [];
  let { start } = wanted;
  for (const interval of held) {
    if (interval.start >= wanted.end) break;
    if (interval.start > start) missing.push({ start, end: interval.start });
    start = Math.max(start, interval.end);
  }
  if (start < wanted.end) missing.push({ start, end: wanted.end });
  return missing;
}

/** The list with `added` in it, which takes the place of all that it covers; `cut` makes a smaller one of an interval. */
export function insert<T extends Interval>(
  held: readonly T[],
  added: T,
  cut: (interval: T, start: number, end: number) => T,
): T[] {
  const before: T[] = [];
  const after: T[] = [];
  for (const interval of held) {
    const { start, end } = interval;
    if (start < added.start) before.push(end <= added.start ? interval : cut(interval, start, added.start));
    if (end > added.end) after.push(start >= added.end ? interval : cut(interval, added.end, end));
  }
  return [...before, added, ...after];
}

/** What of the list lies in `wanted`, in order. */
export function within<T extends Interval>(
  held: readonly T[],
  wanted: Interval,
  cut: (interval: T, start: number, end: number) => T,
): T[] {
  return held
    .filter((interval) => overlap(interval, wanted))
    .map((interval) => {
      const start = Math.max(interval.start, wanted.start);
      const end = Math.min(interval.end, wanted.end);
      return start === interval.start && end === interval.end ? interval : cut(interval, start, end);
    });
}

export function overlap(a: Interval, b: Interval): boolean {
  return a.start < b.end && b.start < a.end;
}
