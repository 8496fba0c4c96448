const FIRST_PAUSE = 1000;
const LONGEST_PAUSE = 30_000;

/**
 * What is known of an upstream's health. After a failure to connect, or an answer that did not come, it is down: for a
 * pause, which doubles up to 30 s, nobody tries it again, and nobody waits for it where it is one of several, until it
 * has answered.
 */
export class Availability {
  #failure: Error | undefined;
  #retryAt = 0;
  #pause = FIRST_PAUSE;

  /** True until something fails, and again from the next answer on. */
  get isUp(): boolean {
    return this.#failure === undefined;
  }

  /** Why it is down. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** True while it is too early to try again. */
  get isPaused(): boolean {
    return this.#failure !== undefined && performance.now() < this.#retryAt;
  }

  answered(): void {
    this.#failure = undefined;
    this.#pause = FIRST_PAUSE;
  }

  failed(reason: unknown): void {
    this.#failure = reason instanceof Error ? reason : new Error(String(reason));
    this.#retryAt = performance.now() + this.#pause;
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE);
  }
}
