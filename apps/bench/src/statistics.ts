/**
 * Order statistics of a few rounds. Never the mean: on a shared machine one disturbed round moves it at will, and
 * the median of pairs compares only what was measured side by side.
 */
export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

/** @throws RangeError without values, or when one is not finite: such a round has measured nothing */
export function spread(values: readonly number[]): Spread {
  const unusable = values.length === 0 ? 'nothing' : values.find((value) => !Number.isFinite(value));
  if (unusable !== undefined) throw new RangeError(`Cannot summarize rounds: each must be a number, got ${unusable}`);
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle]!;
  const lower = sorted.length % 2 === 1 ? upper : sorted[middle - 1]!;
  return { min: sorted[0]!, median: (lower + upper) / 2, max: sorted.at(-1)! };
}

export function median(values: readonly number[]): number {
  return spread(values).median;
}

/** `combine` on the two values of each round. @throws RangeError when a round lacks one of them */
export function pairwise(
  left: readonly number[],
  right: readonly number[],
  combine: (left: number, right: number) => number,
): number[] {
  if (left.length !== right.length) {
    throw new RangeError(`Cannot compare round by round: got ${left.length} rounds and ${right.length}`);
  }
  return left.map((value, round) => combine(value, right[round]!));
}

/** The median and in brackets the extremes, such as `0.98 (0.93 to 1.10)`. */
export function describeSpread(
  { min, median: middle, max }: Spread,
  format: (value: number) => string = (value) => value.toFixed(2),
): string {
  return `${format(middle)} (${format(min)} to ${format(max)})`;
}
