import type { Figure, Milliseconds, Sample, Samples } from './bench.ts';
import { describeSpread, pairwise, spread, type Spread } from './statistics.ts';

interface Comparison {
  /** Id of the case. */
  readonly case: string;
  readonly figure: Figure;
  /** Ids of the contestants that are compared. */
  readonly contestant: string;
  readonly rival: string;
}

/**
 * A promise about two contestants, judged by the median of the rounds.
 *
 * Never an absolute time, for another machine or a busier one would break it: `atLeast` bounds how many times as fast as
 * the rival the contestant is, `atMostAbove` how many ms it may cost above the rival, where that is a yardstick.
 */
export type Bar = Comparison & ({ readonly atLeast: number } | { readonly atMostAbove: Milliseconds });

export interface Verdict {
  readonly bar: Bar;
  /** Over the rounds, in the unit of the bar. */
  readonly measured: Spread;
  readonly holds: boolean;
}

/** In each round, how many times as fast as the rival: above 1 is faster. */
export function ratios(contestant: readonly Sample[], rival: readonly Sample[], figure: Figure): number[] {
  return pairwise(times(contestant, figure), times(rival, figure), (own, others) => others / own);
}

/** In each round, the ms by which an operation of the contestant exceeds one of the rival. */
export function excesses(contestant: readonly Sample[], rival: readonly Sample[], figure: Figure): Milliseconds[] {
  return pairwise(times(contestant, figure), times(rival, figure), (own, others) => own - others);
}

export function judge(bar: Bar, samples: Samples): Verdict {
  const contestant = samples.get(bar.contestant) ?? [];
  const rival = samples.get(bar.rival) ?? [];
  if ('atLeast' in bar) {
    const measured = spread(ratios(contestant, rival, bar.figure));
    return { bar, measured, holds: measured.median >= bar.atLeast };
  }
  const measured = spread(excesses(contestant, rival, bar.figure));
  return { bar, measured, holds: measured.median <= bar.atMostAbove };
}

/** Such as `get: cpu of forge at least 0.90 × lru-cache`. */
export function describeBar(bar: Bar): string {
  const bound =
    'atLeast' in bar
      ? `at least ${bar.atLeast.toFixed(2)} × ${bar.rival}`
      : `at most ${bar.atMostAbove.toFixed(2)} ms above ${bar.rival}`;
  return `${bar.case}: ${bar.figure} of ${bar.contestant} ${bound}`;
}

/** Such as `0.98 (0.93 to 1.10) ×`. */
export function describeMeasured({ bar, measured }: Verdict): string {
  return `${describeSpread(measured)} ${'atLeast' in bar ? '×' : 'ms'}`;
}

function times(samples: readonly Sample[], figure: Figure): number[] {
  return samples.map((sample) => sample[figure]);
}
