/**
 * Partial reads of one resource, answered from the parts that earlier reads loaded.
 *
 * RFC 9111 §3.4 lets a cache combine partial responses that share a strong validator [1]; RFC 9110 §14 says how a part
 * is named and answered [2]. Here the same is done for any source that numbers its units, bytes or rows: what is held is
 * a set of intervals under one validator, a read loads the gaps, and a part with another validator drops all that came
 * before it.
 *
 * Loads of one resource may overlap in time, and nothing in a validator says which of two is newer. So a load that began
 * before the present validator was first seen is not allowed to replace it: the order of arrival proves nothing.
 *
 * 1. R. Fielding et al., RFC 9111, §3.3–3.4, 2022.
 * 2. R. Fielding et al., RFC 9110, §13.1.5 (If-Range), §14, 2022.
 */
import { AbortWatch, functionOption, numberOption, objectOption, signalOption, stringOption } from '@forge/internal';
import { CacheError } from '../errors.ts';
import { Flight, type Caller } from '../response/loading/flight.ts';
import { optionNames, type OptionNames } from '../option-names.ts';
import type { Milliseconds } from '../units.ts';
import { isStrong } from './etag.ts';
import { gaps, overlap, type Interval } from './intervals.ts';
import type { PartContext, PartMemory, ReadOptions } from './part-caches.ts';
import { partKey, partPrefix } from './part-key.ts';
import {
  clip,
  combine,
  costOf,
  extract,
  missing,
  type LoadedPart,
  type RangeData,
  type RangeRecord,
} from './range-record.ts';

/** How often the validator may change during one read. */
const MOST_CHANGES = 4;

/** What the loader of a range gets besides the key and the range. */
export interface RangeContext extends PartContext {
  /** The validator of the parts that are held, for `If-Range` or its like. */
  readonly etag: string | undefined;
}

/** What a loader brings. */
export interface RangeAnswer<Data extends RangeData> {
  readonly data: Data;
  /** The validator of the whole. A weak one (`W/…`), or none, forbids to combine and to store. */
  readonly etag?: string | undefined;
  /** Where the data begins, when not where it was asked for: a source may answer with the whole. */
  readonly start?: number | undefined;
  /** How long the whole is. Without it, an answer that is shorter than asked for ends where the data ends. */
  readonly total?: number | undefined;
}

export type RangeLoader<Data extends RangeData> = (
  key: string,
  /** `end` may be Infinity: to the end. */
  range: Interval,
  context: RangeContext,
) => RangeAnswer<Data> | PromiseLike<RangeAnswer<Data>>;

/** Options of a `RangeCache`. */
export interface RangeCacheOptions<Data extends RangeData> {
  /** Holds the parts; a resource counts as its bytes or rows, and 64 for each part. */
  readonly cache: PartMemory;
  /** Keeps its keys apart from others in the cache. */
  readonly name: string;
  readonly load: RangeLoader<Data>;
  /** How long parts live after the last load that confirmed their validator. @default the cache's defaultTTL */
  readonly ttl?: Milliseconds;
}

/** A part of a resource, as it was at one moment. */
export interface RangeSlice<Data extends RangeData> extends Interval {
  /** May share memory with the cache: do not write to it. Empty when the range begins behind the end. */
  readonly data: Data;
  readonly etag: string | undefined;
  /** Undefined when it is not known. */
  readonly total: number | undefined;
}

interface Held<Data extends RangeData> {
  readonly record: RangeRecord<Data>;
  /** The number of the last load that had begun when the validator was first seen. */
  readonly since: number;
}

interface RangeLoad<Data extends RangeData> extends Interval {
  readonly flight: Flight<LoadedPart<Data>>;
}

/** The loads of one key that run. Taken out of the map by an invalidation, it is the fence: none of them is stored. */
type Run<Data extends RangeData> = Set<RangeLoad<Data>>;

const NAMES: OptionNames<RangeCacheOptions<never>> = { cache: true, name: true, load: true, ttl: true };

/**
 * Bytes or rows of resources, by range: a read loads only what earlier reads have not, and shares what is under way.
 *
 * Every slice is of one state of the resource: parts are combined only under one strong validator. Invalidate through
 * this class and not on the memory cache, which knows nothing of the loads that run.
 *
 * @example
 * const films = new RangeCache({ cache: new MemoryCache({ maxBytes: 2 ** 28 }), name: 'films', load: fetchRange });
 * const { data } = await films.read('/a.mp4', { start: 0, end: 65_536 });
 */
export class RangeCache<Data extends RangeData> {
  readonly #cache: PartMemory;
  readonly #prefix: string;
  readonly #load: RangeLoader<Data>;
  readonly #ttl: Milliseconds | undefined;
  readonly #runs = new Map<string, Run<Data>>();
  readonly #watch = new AbortWatch<Caller<LoadedPart<Data>>>((caller, reason) => caller.flight.leave(caller, reason));
  #loads = 0;

  /** @throws TypeError or RangeError when an option has the wrong type or is out of range */
  constructor(options: RangeCacheOptions<Data>) {
    const subject = 'create a RangeCache';
    objectOption(subject, 'the options', options);
    optionNames(subject, options, NAMES);
    const { cache, name, load, ttl } = options;
    objectOption(subject, 'cache', cache);
    functionOption(subject, 'cache.delete', cache.delete);
    stringOption(subject, 'name', name);
    functionOption(subject, 'load', load);
    this.#cache = cache;
    this.#prefix = partPrefix(name, 'range');
    this.#load = load;
    this.#ttl = ttl === undefined ? undefined : numberOption(subject, 'ttl', ttl, 0);
  }

  /**
   * The units from `start` up to `end`, one at least, or to the end of the data without one.
   *
   * When the validator changes under way the read begins anew: at first from what is held under the new one, from the
   * second time on with nothing, so that one load may bring the whole range and need no combining.
   *
   * @throws CacheError `CACHE_RANGE_UNSTABLE` when it changes again and again; `CACHE_PART_INVALID` when a loader's
   * answer has not even the first unit that it was asked for
   */
  read(
    key: string,
    range: { start: number; end?: number | undefined },
    options?: ReadOptions,
  ): Promise<RangeSlice<Data>> {
    const subject = 'read a range';
    stringOption(subject, 'the key', key);
    objectOption(subject, 'the range', range);
    const whole = { integer: true, max: Number.MAX_SAFE_INTEGER };
    const start = numberOption(subject, 'start', range.start, NaN, whole);
    if (Number.isNaN(start)) throw new TypeError(`Cannot ${subject}: start must be a number, got undefined`);
    const end = numberOption(subject, 'end', range.end, Infinity, { integer: true, min: start + 1 });
    signalOption(subject, options?.signal);
    return this.#read(key, { start, end }, options?.signal);
  }

  /** Drops the parts of the resource and fences its loads; returns whether there were any parts. */
  invalidate(key: string): boolean {
    stringOption('invalidate a range', 'the key', key);
    const stored = partKey(this.#prefix, key);
    this.#runs.delete(stored);
    return this.#cache.delete(stored);
  }

  async #read(key: string, range: Interval, signal: AbortSignal | undefined): Promise<RangeSlice<Data>> {
    const stored = partKey(this.#prefix, key);
    let record = this.#held(stored)?.record;
    for (let changes = 0; changes <= MOST_CHANGES;) {
      // It may abort when its loads have answered and before it begins others.
      if (signal?.aborted === true) throw signal.reason;
      const gapsLeft = missing(record, range);
      if (record !== undefined && gapsLeft.length === 0) return sliceOf(record, range);
      const loads = this.#loadsFor(key, stored, gapsLeft, record?.etag);
      const parts = await Promise.all(loads.map(({ flight }) => flight.join(signal).promise));
      let next = record;
      const agree = parts.every((part) => (next = combine(next, part)) !== undefined);
      if (!agree) changes += 1;
      record = agree ? next : changes < 2 ? this.#held(stored)?.record : undefined;
    }
    throw new CacheError(
      'CACHE_RANGE_UNSTABLE',
      `Cannot read a range: its validator changed ${MOST_CHANGES + 1} times while it was read`,
    );
  }

  /** The loads under way that bring some of what is missing, and new ones for the rest. */
  #loadsFor(key: string, stored: string, wanted: readonly Interval[], etag: string | undefined): RangeLoad<Data>[] {
    const running = [...(this.#runs.get(stored) ?? [])].sort((a, b) => a.start - b.start);
    const joined = running.filter((load) => wanted.some((gap) => overlap(gap, load)));
    const begun = wanted.flatMap((gap) => gaps(running, gap)).map((gap) => this.#begin(key, stored, gap, etag));
    return [...joined, ...begun];
  }

  #begin(key: string, stored: string, { start, end }: Interval, etag: string | undefined): RangeLoad<Data> {
    const run = this.#runs.get(stored) ?? new Set();
    this.#runs.set(stored, run);
    const onAbandoned = (): void => this.#land(stored, run, load);
    const flight = new Flight<LoadedPart<Data>>(stored, ++this.#loads, this.#watch, onAbandoned);
    const load: RangeLoad<Data> = { start, end, flight };
    run.add(load);
    void this.#perform(key, stored, run, load, etag);
    return load;
  }

  async #perform(
    key: string,
    stored: string,
    run: Run<Data>,
    load: RangeLoad<Data>,
    etag: string | undefined,
  ): Promise<void> {
    const { start, end, flight } = load;
    try {
      const answer = await this.#load(key, { start, end }, { signal: flight.signal, etag });
      const part = partOf(answer, load);
      if (this.#runs.get(stored) === run) this.#store(stored, part, load);
      flight.resolve(part, () => part);
    } catch (error) {
      flight.reject(error);
    }
    this.#land(stored, run, load);
  }

  #store(stored: string, part: LoadedPart<Data>, { flight }: RangeLoad<Data>): void {
    if (!isStrong(part.etag)) return;
    const held = this.#held(stored);
    const combined = held === undefined ? undefined : combine(held.record, part);
    if (combined !== undefined && this.#keep(stored, { record: combined, since: held!.since })) return;
    if (combined === undefined && held !== undefined && flight.begun <= held.since) return;
    // Another state of the resource, or more of it than the cache takes.
    this.#keep(stored, { record: combine(undefined, part)!, since: this.#loads });
  }

  #keep(stored: string, held: Held<Data>): boolean {
    return this.#cache.set(stored, held, { ttl: this.#ttl, size: costOf(held.record) });
  }

  #held(stored: string): Held<Data> | undefined {
    return this.#cache.get(stored) as Held<Data> | undefined;
  }

  /** It has settled, or nobody waits for it any more. */
  #land(stored: string, run: Run<Data>, load: RangeLoad<Data>): void {
    run.delete(load);
    if (run.size === 0 && this.#runs.get(stored) === run) this.#runs.delete(stored);
  }
}

function sliceOf<Data extends RangeData>(record: RangeRecord<Data>, range: Interval): RangeSlice<Data> {
  const { etag, total } = record;
  const wanted = clip(range, total);
  return { ...wanted, data: extract(record, wanted), etag, total };
}

function partOf<Data extends RangeData>(answer: RangeAnswer<Data>, asked: Interval): LoadedPart<Data> {
  const { etag, start = asked.start } = answer;
  const data = ownBytes(answer.data);
  const end = start + data.length;
  const total = answer.total ?? (end < asked.end ? end : undefined);
  const least = data.length === 0 ? 0 : end;
  const known = total === undefined || (Number.isSafeInteger(total) && total >= least);
  const answers = (start <= asked.start && end > asked.start) || (total !== undefined && total <= asked.start);
  if (Number.isSafeInteger(start) && start >= 0 && known && answers) return { start, end, data, etag, total };
  throw new CacheError(
    'CACHE_PART_INVALID',
    `Cannot read a range: asked for ${asked.start} to ${asked.end}, the loader gave ${start} to ${end} of ${String(total)}`,
  );
}

/** A small view of a large buffer, such as one of Node's pool, would keep the whole of it alive. */
function ownBytes<Data extends RangeData>(data: Data): Data {
  if (!(data instanceof Uint8Array) || data.buffer.byteLength <= 2 * data.byteLength) return data;
  return Uint8Array.from(data) as Data & Uint8Array;
}
