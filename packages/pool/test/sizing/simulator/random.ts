/**
 * A stream of numbers that a seed determines: every run of a scenario is the same run.
 *
 * sfc32 by C. Doty-Humphrey (PractRand): its 128 bits of state keep the streams of near seeds apart, which the one cycle
 * of a 32-bit generator does not.
 */
export class Random {
  readonly #state: [number, number, number, number];

  constructor(seed: number) {
    this.#state = [seed, 0x9e3779b9, 0x243f6a88, 1];
    for (let round = 0; round < 16; round += 1) this.next();
  }

  /** Uniform in [0, 1). */
  next(): number {
    const [a, b, c, counter] = this.#state;
    const drawn = (a + b + counter) | 0;
    this.#state[0] = b ^ (b >>> 9);
    this.#state[1] = (c + (c << 3)) | 0;
    this.#state[2] = (((c << 21) | (c >>> 11)) + drawn) | 0;
    this.#state[3] = (counter + 1) | 0;
    return (drawn >>> 0) / 2 ** 32;
  }

  /** With mean 1, as all that follow. */
  exponential(): number {
    return -Math.log(1 - this.next());
  }

  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next());
  }

  lognormal(sigma = 1): number {
    return Math.exp(sigma * this.normal() - (sigma * sigma) / 2);
  }

  /** The variance is infinite for `alpha` up to 2. */
  pareto(alpha = 1.5): number {
    return ((alpha - 1) / alpha) * (1 - this.next()) ** (-1 / alpha);
  }
}

/** Draws the sizes of jobs, with mean 1. */
export type Distribution = (random: Random) => number;

export const fixed: Distribution = () => 1;
export const exponential: Distribution = (random) => random.exponential();
export const lognormal: Distribution = (random) => random.lognormal();
export const pareto: Distribution = (random) => random.pareto();
