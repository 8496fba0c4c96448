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
 * Counts are integers in doubles, exact to 2^53, never 32-bit numbers that wrap in silence; so `merge` and `subtract` are
 * exact, in any order. Sums are floats and therefore not kept here: whoever needs one keeps it where it can be added
 * anew. Memory: 256 bytes for each octave that was touched; `add` allocates only on the first value of an octave.
 *
 * Rejected: HdrHistogram's log-linear bins (13 to 94 kB a series and no lossless export), t-digest (no bound on the
 * relative error, and merging depends on the order), fixed buckets (18 % off at p95 with the usual eleven).
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

export class Bins implements ReadonlyBins {
  #count = 0;
  /** The octave of `#octaves[0]`. */
  #first = 0;
  readonly #octaves: (Float64Array | undefined)[] = [];

  get count(): number {
    return this.#count;
  }

  /** Counts a value, or refuses it and returns false when it is not measurable. */
  record(value: number): boolean {
    if (!isMeasurable(value)) return false;
    this.add(binOf(value));
    return true;
  }

  add(bin: number): void {
    const octave = bin >> 5;
    const counts = this.#octaves[octave - this.#first] ?? this.#open(octave);
    counts[bin & 31]!++;
    this.#count++;
  }

  merge(other: Bins): void {
    this.#accumulate(other, 1);
  }

  /** Takes back what was merged or added before. */
  subtract(other: Bins): void {
    this.#accumulate(other, -1);
  }

  /** Forgets the values and keeps the memory for the next ones. */
  clear(): void {
    for (const counts of this.#octaves) counts?.fill(0);
    this.#count = 0;
  }

  quantile(q: number): number {
    let left = rankOf(q, this.#count);
    for (const [i, counts] of this.#octaves.entries()) {
      if (counts === undefined) continue;
      for (let j = 0; j < BINS_PER_OCTAVE; j++) {
        left -= counts[j]!;
        if (left <= 0) return middleOf((this.#first + i) * BINS_PER_OCTAVE + j);
      }
    }
    return Number.NaN;
  }

  countsUpTo(limits: readonly number[]): number[] {
    let below = 0;
    let bin = this.#first * BINS_PER_OCTAVE;
    const end = bin + this.#octaves.length * BINS_PER_OCTAVE;
    return limits.map((limit) => {
      for (const last = binOf(limit); bin <= last && bin < end; bin++) below += this.#at(bin);
      return below;
    });
  }

  *[Symbol.iterator](): Generator<readonly [upperEdge: number, count: number]> {
    for (const [i, counts] of this.#octaves.entries()) {
      if (counts === undefined) continue;
      const scale = 2 ** (this.#first + i);
      for (let j = 0; j < BINS_PER_OCTAVE; j++) if (counts[j] !== 0) yield [EDGES[j]! * scale, counts[j]!];
    }
  }

  #at(bin: number): number {
    return this.#octaves[(bin >> 5) - this.#first]?.[bin & 31] ?? 0;
  }

  #accumulate(other: Bins, sign: 1 | -1): void {
    for (const [i, counts] of other.#octaves.entries()) {
      if (counts === undefined) continue;
      const octave = other.#first + i;
      const own = this.#octaves[octave - this.#first] ?? this.#open(octave);
      for (let j = 0; j < BINS_PER_OCTAVE; j++) own[j]! += sign * counts[j]!;
    }
    this.#count += sign * other.#count;
  }

  #open(octave: number): Float64Array {
    const octaves = this.#octaves;
    if (octaves.length === 0) this.#first = octave;
    for (; this.#first > octave; this.#first--) octaves.unshift(undefined);
    while (octaves.length <= octave - this.#first) octaves.push(undefined);
    return (octaves[octave - this.#first] = new Float64Array(BINS_PER_OCTAVE));
  }
}

/** The harmonic mean of a bin's edges, u and u/g. */
function middleOf(bin: number): number {
  return bin === ZERO_BIN ? 0 : (EDGES[bin & 31]! * 2 ** (bin >> 5) * 2) / (1 + GROWTH);
}
