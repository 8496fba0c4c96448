import type { Milliseconds } from '../units.ts';

/** A number from 0 to below 1, from the system's generator, so that processes started together do not stay in step. */
export function randomShare(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]! / 2 ** 32;
}

/** Pauses that double up to a longest; each is shortened by up to a half at random, lest all processes return at once. */
export class Backoff {
  readonly #first: Milliseconds;
  readonly #longest: Milliseconds;
  readonly #random: () => number;
  #pause: Milliseconds;

  constructor(first: Milliseconds, longest: Milliseconds, random: () => number) {
    this.#first = first;
    this.#longest = longest;
    this.#random = random;
    this.#pause = first;
  }

  next(): Milliseconds {
    const pause = this.#pause;
    this.#pause = Math.min(pause * 2, this.#longest);
    return pause * (1 - this.#random() / 2);
  }

  reset(): void {
    this.#pause = this.#first;
  }
}
