/**
 * Integer counts in exponential bins: the one format in which values are kept, merged, windowed and exported.
 *
 * Bin `i` holds the values in (2^((i-1)/32), 2^(i/32)], which is schema 5 of Prometheus native histograms [1] and scale 5
 * of OpenTelemetry exponential histograms [2]: 32 bins for each doubling, each 2.19 % wider than the one before. A bin
 * answers with the harmonic mean of its edges, which is at most (g-1)/(g+1) = 1.083 % away from any value in it, where
 * g = 2^(1/32) [3]. The lowest bin takes everything from 0 to 2^-128 and answers 0. Values end at 2^512, far above
 * anything measured, so that no sum of them can become Infinity.
 *
 * `binOf` takes no logarithm. A double carries its exponent and mantissa in its bits; the six high bits of the mantissa
 * choose one of 64 slots of equal width, and because a slot (1/64) is narrower than the narrowest bin (2^(1/32)-1, about
 * 1/46), at most one edge lies in it: a table says which, and one comparison with it decides. The edges are compared as
 * doubles, so a value on an edge falls on the same side in every process.
 *
 * Counts are integers, exact to 2^53, never 32-bit numbers that wrap in silence; so `merge` is exact, in any order. Sums
 * are floats and therefore not kept here: whoever needs one keeps it where it can be added anew.
 *
 * Only bins that have values take memory: 16 bytes each, in an open hash table of plain numbers. Neighbouring bins take
 * neighbouring places, so that a lookup mostly hits at once, and `add` allocates only when the table doubles. Readers that
 * need the bins in order sort them: reading is seldom.
 *
 * Rejected: 32 counts for each octave that was touched (300 bytes even for one value, thirteen times over in a window),
 * sorted arrays (a search on each value, whose branches no processor predicts), HdrHistogram's log-linear bins (13 to
 * 94 kB a series and no lossless export), t-digest (no bound on the relative error, and merging depends on the order),
 * fixed buckets (18 % off at p95 with the usual eleven).
 *
 * [1] Prometheus, "Native Histograms" specification, prometheus.io/docs/specs/native_histograms
 * [2] OpenTelemetry, "Metrics Data Model", section ExponentialHistogram
 * [3] Masson, Rim, Lee: "DDSketch: a fast and fully-mergeable quantile sketch with relative-error guarantees",
 *     PVLDB 12(12), 2019; the same bound with another numbering of the bins
 */

const BINS_PER_OCTAVE = 32;
const GROWTH = 2 ** (1 / BINS_PER_OCTAVE);
const SMALLEST = 2 ** -128;
const LARGEST = 2 ** 512;
const ZERO_BIN = -128 * BINS_PER_OCTAVE;

/** The edges in [1, 2], as a mantissa sees them. */
const EDGES = Float64Array.from({ length: BINS_PER_OCTAVE + 1 }, (_, i) => 2 ** (i / BINS_PER_OCTAVE));

/** For each sixty-fourth of [1, 2), how many edges lie below it: the next edge is the only one that may lie in it. */
const NEXT_EDGE = Uint8Array.from({ length: 64 }, (_, slot) => EDGES.findIndex((edge) => edge >= 1 + slot / 64));

/** Scratch for taking a double apart; it carries nothing from one call to the next. */
const bits = new DataView(new ArrayBuffer(8));

/** What a reader of bins may do. Edges and quantiles are in the unit that was binned. */
export interface ReadonlyBins extends Iterable<readonly [upperEdge: number, count: number]> {
  readonly count: number;
  /**
   * The value with the rank ceil(q·count), within 1.083 %; NaN when there are no values.
   *
   * @throws RangeError when q is not in 0..1
   */
  quantile(q: number): number;
  /** For each limit, in ascending order, how many values are in its bin or a lower one: at most 2.2 % above it. */
  countsUpTo(limits: readonly number[]): number[];
}

/** Whether a value can be binned and summed: a number in 0..2^512, so neither NaN nor Infinity. */
export function isMeasurable(value: number): boolean {
  return typeof value === 'number' && value >= 0 && value <= LARGEST;
}

/** The bin of a measurable value. */
export function binOf(value: number): number {
  if (value <= SMALLEST) return ZERO_BIN;
  bits.setFloat64(0, value);
  const high = bits.getUint32(0);
  bits.setUint32(0, (high & 0xf_ffff) | 0x3ff0_0000);
  const next = NEXT_EDGE[(high >>> 14) & 63]!;
  const above = bits.getFloat64(0) > EDGES[next]! ? 1 : 0;
  return ((high >>> 20) - 1023) * BINS_PER_OCTAVE + next + above;
}

/**
 * Which of `count` sorted values, counted from 1, is their q-quantile (nearest rank).
 *
 * @throws RangeError when q is not in 0..1
 */
export function rankOf(q: number, count: number): number {
  if (!(q >= 0 && q <= 1)) throw new RangeError(`Cannot take a quantile: q must be >= 0 and <= 1, got ${q}`);
  // Two roundings, of q and of the product, may lift a whole number above itself: 0.07 · 100 gives 7.000000000000001.
  return Math.max(1, Math.ceil(q * count * (1 - 2 ** -52)));
}

/** Places of an empty table; a power of two, as every size is. */
const FEWEST_PLACES = 8;

export class Bins implements ReadonlyBins {
  #count = 0;
  /** How many bins have values. */
  #size = 0;
  /** A bin and its count, place after place; a place whose count is 0 is free. */
  #table = emptyTable(FEWEST_PLACES);

  get count(): number {
    return this.#count;
  }

  /** Counts a value, or some, of a bin. */
  add(bin: number, count = 1): void {
    const table = this.#table;
    const place = placeOf(table, bin);
    this.#count += count;
    if (table[place + 1] === 0) {
      table[place] = bin;
      table[place + 1] = count;
      // At most three quarters full.
      if (++this.#size * 8 > table.length * 3) this.#double();
    } else {
      table[place + 1]! += count;
    }
  }

  merge(other: Bins): void {
    for (const bin of other.#used()) this.add(bin, other.#at(bin));
  }

  quantile(q: number): number {
    let left = rankOf(q, this.#count);
    for (const bin of this.#used().sort()) {
      left -= this.#at(bin);
      if (left <= 0) return middleOf(bin);
    }
    return Number.NaN;
  }

  countsUpTo(limits: readonly number[]): number[] {
    const last = limits.map(binOf);
    const counts = limits.map(() => 0);
    const table = this.#table;
    // Neither copied nor sorted: a scrape does this for each series.
    for (let place = 0; place < table.length; place += 2) {
      if (table[place + 1] === 0) continue;
      let i = 0;
      while (i < last.length && table[place]! > last[i]!) i++;
      if (i < last.length) counts[i]! += table[place + 1]!;
    }
    let below = 0;
    return counts.map((count) => (below += count));
  }

  *[Symbol.iterator](): Generator<readonly [upperEdge: number, count: number]> {
    for (const bin of this.#used().sort()) yield [upperEdgeOf(bin), this.#at(bin)];
  }

  /** A copy of the bins that have values, in the order of the table. */
  #used(): Int16Array {
    const bins = new Int16Array(this.#size);
    let size = 0;
    for (let place = 0; place < this.#table.length; place += 2) {
      if (this.#table[place + 1] !== 0) bins[size++] = this.#table[place]!;
    }
    return bins;
  }

  #at(bin: number): number {
    return this.#table[placeOf(this.#table, bin) + 1]!;
  }

  #double(): void {
    const old = this.#table;
    this.#table = emptyTable(old.length);
    for (let place = 0; place < old.length; place += 2) {
      if (old[place + 1] === 0) continue;
      const free = placeOf(this.#table, old[place]!);
      this.#table[free] = old[place]!;
      this.#table[free + 1] = old[place + 1]!;
    }
  }
}

function emptyTable(places: number): number[] {
  return Array<number>(2 * places).fill(0);
}

/** Where the bin is, or the free place where it belongs. */
function placeOf(table: readonly number[], bin: number): number {
  const mask = table.length - 2;
  // Octaves are shuffled, so that values which recur in each of them do not all want one place.
  let place = ((bin ^ (bin >> 5)) << 1) & mask;
  while (table[place + 1] !== 0 && table[place] !== bin) place = (place + 2) & mask;
  return place;
}

function upperEdgeOf(bin: number): number {
  return EDGES[bin & 31]! * 2 ** (bin >> 5);
}

/** The harmonic mean of a bin's edges, u and u/g. */
function middleOf(bin: number): number {
  return bin === ZERO_BIN ? 0 : (upperEdgeOf(bin) * 2) / (1 + GROWTH);
}
