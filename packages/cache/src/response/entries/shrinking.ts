import type { FirstTier } from './first-tier.ts';
import type { Values } from '../values/values.ts';

/** Each takes a thread of the pool, and megabytes while it runs. */
const MOST_AT_ONCE = 4;
/** Beyond that, what comes keeps the form that it has. */
const MOST_WAITING = 100_000;

/** Gives entries the shorter form that their value has, in the background and a few at a time. */
export class Shrinking<V> {
  readonly #first: FirstTier<V>;
  readonly #values: Values<V>;
  readonly #onError: (key: string, error: unknown) => void;
  readonly #waiting = new Set<string>();
  #running = 0;

  constructor(first: FirstTier<V>, values: Values<V>, onError: (key: string, error: unknown) => void) {
    this.#first = first;
    this.#values = values;
    this.#onError = onError;
  }

  add(key: string): void {
    if (this.#values.shrink === undefined || this.#waiting.size >= MOST_WAITING) return;
    this.#waiting.add(key);
    if (this.#running < MOST_AT_ONCE) void this.#work();
  }

  async #work(): Promise<void> {
    this.#running++;
    // What is added meanwhile comes too.
    for (const key of this.#waiting) {
      this.#waiting.delete(key);
      const entry = this.#first.peek(key);
      if (entry === undefined || entry.failed) continue;
      try {
        this.#first.shrink(key, entry, await this.#values.shrink!(entry.held));
      } catch (error) {
        this.#onError(key, error);
      }
    }
    this.#running--;
  }
}
