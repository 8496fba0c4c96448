import type { Bar, Figure, Milliseconds, Sample, Samples } from './bench.ts';
import { describeSpread, pairwise, spread, type Spread } from './statistics.ts';

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
  const rival = 'rival' in bar ? (samples.get(bar.rival) ?? []) : [];
  if ('atLeast' in bar) return verdict(bar, ratios(contestant, rival, bar.figure), (median) => median >= bar.atLeast);
  if ('atMostAbove' in bar) {
    return verdict(bar, excesses(contestant, rival, bar.figure), (median) => median <= bar.atMostAbove);
  }
  const own = observed(contestant, bar.observation);
  if ('atMost' in bar) return verdict(bar, own, (median) => median <= bar.atMost);
  const others = observed(rival, bar.observation);
  if ('morePoints' in bar) {
    return verdict(
      bar,
      pairwise(own, others, (left, right) => left - right),
      (median) => median >= bar.morePoints,
    );
  }
  return verdict(
    bar,
    pairwise(own, others, (left, right) => left / right),
    (median) => median <= bar.atMostTimes,
  );
}

/** Such as `get: cpu of forge at least 0.90 × lru-cache`. */
export function describeBar(bar: Bar): string {
  const subject = `${bar.case}: ${'figure' in bar ? bar.figure : bar.observation} of ${bar.contestant}`;
  if ('atLeast' in bar) return `${subject} at least ${bar.atLeast.toFixed(2)} × ${bar.rival}`;
  if ('atMostAbove' in bar) return `${subject} at most ${bar.atMostAbove.toFixed(2)} ms above ${bar.rival}`;
  if ('morePoints' in bar) return `${subject} at least ${bar.morePoints} above ${bar.rival}`;
  if ('atMostTimes' in bar) return `${subject} at most ${bar.atMostTimes.toFixed(2)} × ${bar.rival}`;
  return `${subject} at most ${bar.atMost}`;
}

/** Such as `0.98 (0.93 to 1.10) ×`. */
export function describeMeasured({ bar, measured }: Verdict): string {
  if ('atMostAbove' in bar) return `${describeSpread(measured)} ms`;
  return 'atLeast' in bar || 'atMostTimes' in bar ? `${describeSpread(measured)} ×` : describeSpread(measured);
}

function verdict(bar: Bar, values: readonly number[], holds: (median: number) => boolean): Verdict {
  const measured = spread(values);
  return { bar, measured, holds: holds(measured.median) };
}

function observed(samples: readonly Sample[], name: string): number[] {
  return samples.map(({ observations }) => observations?.[name] ?? NaN);
}

function times(samples: readonly Sample[], figure: Figure): number[] {
  return samples.map((sample) => sample[figure]);
}
