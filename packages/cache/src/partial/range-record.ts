import { isStrong } from './etag.ts';
import { gaps, insert, within, type Interval } from './intervals.ts';

/** Bytes or rows. */
export type RangeData = Uint8Array | readonly unknown[];

/** A run of the data that was loaded. */
export interface Part<Data extends RangeData> extends Interval {
  readonly data: Data;
}

/** A part with what its load told of the whole. */
export interface LoadedPart<Data extends RangeData> extends Part<Data> {
  readonly etag: string | undefined;
  /** Undefined when it is not known. */
  readonly total: number | undefined;
}

/** What is known of one resource under one validator. It is never changed. */
export interface RangeRecord<Data extends RangeData> {
  readonly etag: string | undefined;
  readonly total: number | undefined;
  readonly parts: readonly Part<Data>[];
  /** No data, of the right kind. */
  readonly empty: Data;
}

/** More parts than this are joined where they touch. */
const MOST_PARTS = 256;
/** What a part costs besides its data, in units, so that scattered crumbs are bounded too. */
const PART_COST = 64;

/** The record with the part in it; undefined when they are not of one state of the resource, or may not be. */
export function combine<Data extends RangeData>(
  record: RangeRecord<Data> | undefined,
  part: LoadedPart<Data>,
): RangeRecord<Data> | undefined {
  const { start, end, data, etag, total } = part;
  const added: Part<Data> = { start, end, data };
  if (record === undefined) {
    return { etag, total, parts: end > start ? [added] : [], empty: pick(data, 0, 0) };
  }
  if (!isStrong(etag) || etag !== record.etag) return undefined;
  if (total !== undefined && record.total !== undefined && total !== record.total) return undefined;
  const parts = end > start ? insert(record.parts, added, cut) : record.parts;
  return {
    ...record,
    total: total ?? record.total,
    parts: parts.length > MOST_PARTS ? joinTouching(parts) : parts,
  };
}

/** What is missing of the wanted part; nothing behind the end of the data. */
export function missing(record: RangeRecord<RangeData> | undefined, wanted: Interval): Interval[] {
  return record === undefined ? [wanted] : gaps(record.parts, clip(wanted, record.total));
}

/** The wanted data, when nothing of it is missing. */
export function extract<Data extends RangeData>(record: RangeRecord<Data>, wanted: Interval): Data {
  const parts = within(record.parts, wanted, cut).map(({ data }) => data);
  return parts.length === 0 ? record.empty : join(parts);
}

export function clip({ start, end }: Interval, total: number | undefined): Interval {
  return total === undefined ? { start, end } : { start: Math.min(start, total), end: Math.min(end, total) };
}

/** In units: bytes or rows. */
export function costOf({ parts }: RangeRecord<RangeData>): number {
  return parts.reduce((sum, { start, end }) => sum + end - start + PART_COST, PART_COST);
}

function cut<Data extends RangeData>(part: Part<Data>, start: number, end: number): Part<Data> {
  return { start, end, data: pick(part.data, start - part.start, end - part.start) };
}

/** Of bytes a view. */
function pick<Data extends RangeData>(data: Data, from: number, to: number): Data {
  return (data instanceof Uint8Array ? data.subarray(from, to) : data.slice(from, to)) as Data;
}

function join<Data extends RangeData>(parts: readonly Data[]): Data {
  const [first] = parts;
  if (parts.length === 1) return first!;
  if (!(first instanceof Uint8Array)) return (parts as readonly (readonly unknown[])[]).flat() as unknown as Data;
  const joined = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts as readonly Uint8Array[]) {
    joined.set(part, at);
    at += part.length;
  }
  return joined as Data & Uint8Array;
}

function joinTouching<Data extends RangeData>(parts: readonly Part<Data>[]): Part<Data>[] {
  const runs: Part<Data>[][] = [];
  for (const part of parts) {
    const run = runs.at(-1);
    if (run !== undefined && run.at(-1)!.end === part.start) run.push(part);
    else runs.push([part]);
  }
  return runs.map((run) => ({
    start: run[0]!.start,
    end: run.at(-1)!.end,
    data: join(run.map(({ data }) => data)),
  }));
}
