const FIRST_PAUSE = 1000;
const LONGEST_PAUSE = 30_000;

/**
 * What is known of an upstream's health: whether it can be reached, and whether its lists come in time. While either
 * fails, those who ask several upstreams do not wait for it. An outage also pauses the attempts to connect: for 1 s, and
 * twice as long each time it turns out to go on, up to 30 s.
 */
export class Availability {
  #outage: Error | undefined;
  #lateness: Error | undefined;
  #retryAt = 0;
  #pause = FIRST_PAUSE;

  get isUp(): boolean {
    return this.#outage === undefined && this.#lateness === undefined;
  }

  /** Why it is not up. */
  get failure(): Error | undefined {
    return this.#outage ?? this.#lateness;
  }

  /** Why nobody should try to connect now; undefined where it may be tried. */
  get refusal(): Error | undefined {
    return performance.now() < this.#retryAt ? this.#outage : undefined;
  }

  /** It could not be connected to. Of attempts that were under way together only the first counts. */
  unreachable(reason: unknown): void {
    if (this.refusal !== undefined) return;
    this.#outage = reason instanceof Error ? reason : new Error(String(reason));
    this.#retryAt = performance.now() + this.#pause;
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE);
  }

  reached(): void {
    this.#outage = undefined;
    this.#pause = FIRST_PAUSE;
  }

  /** A list did not come in time. */
  late(reason: Error): void {
    this.#lateness = reason;
  }

  /** A list came. */
  listed(): void {
    this.#lateness = undefined;
  }
}
