/**
 * Draws from Zipf's law over a finite set: the item of rank k (from 0) has a probability in proportion to
 * 1 / (k + 1)^exponent. About 1 is what requests to caches look like [1].
 *
 * By the alias method: the probabilities are cut into `size` columns of equal weight that each hold at most two ranks,
 * so that a draw is one column and one toss, O(1), and exact, which the approximation that is common in load
 * generators [2] is not. The table is built in O(size) as Vose does [3].
 *
 * 1. L. Breslau et al., Web caching and Zipf-like distributions: evidence and implications, INFOCOM 1999.
 * 2. J. Gray et al., Quickly generating billion-record synthetic databases, SIGMOD 1994.
 * 3. M. D. Vose, A linear algorithm for generating random numbers with a given distribution, IEEE TSE 17(9), 1991.
 */
export interface ZipfOptions {
  /** Number of items. */
  readonly size: number;
  readonly exponent: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** A function that draws a rank, 0 … size - 1. */
export function zipf({ size, exponent, random }: ZipfOptions): () => number {
  if (!Number.isSafeInteger(size) || size < 1) {
    throw new RangeError(`Cannot draw from Zipf's law: size must be a whole number from 1, got ${size}`);
  }
  const { share, alias } = aliasTable(Float64Array.from({ length: size }, (_, rank) => (rank + 1) ** -exponent));
  return () => {
    const column = Math.floor(random() * size);
    return random() < share[column]! ? column : alias[column]!;
  };
}

/** Column k belongs to rank k up to `share[k]`, and above it to rank `alias[k]`. */
function aliasTable(weights: Float64Array): { share: Float64Array; alias: Uint32Array } {
  const size = weights.length;
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  // What each rank has left to give away, in columns.
  const rest = weights.map((weight) => (weight * size) / total);
  const share = new Float64Array(size).fill(1);
  const alias = Uint32Array.from(rest.keys());
  const poor: number[] = [];
  const rich: number[] = [];
  for (const [rank, amount] of rest.entries()) (amount < 1 ? poor : rich).push(rank);
  while (poor.length > 0 && rich.length > 0) {
    const taker = poor.pop()!;
    const giver = rich.at(-1)!;
    share[taker] = rest[taker]!;
    alias[taker] = giver;
    rest[giver]! -= 1 - rest[taker]!;
    if (rest[giver]! < 1) poor.push(rich.pop()!);
  }
  return { share, alias };
}
