import type { Clock } from '@forge/internal';
import type { Milliseconds } from '../units.ts';

/** How long it is remembered that a resource's answers cannot be shared, and of how many. */
const REMEMBERED: Milliseconds = 120_000;
const MOST_RESOURCES = 10_000;

/**
 * Resources whose last answer could not be shared. Their requests do not wait for each other: behind an answer that is
 * for one client alone, all others would go one by one (Varnish calls this hit-for-miss).
 */
export class Unshared {
  readonly #clock: Clock;
  /** In order of time, for each is put in for the same while. */
  readonly #until = new Map<string, Milliseconds>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  has(resource: string): boolean {
    return (this.#until.get(resource) ?? -Infinity) > this.#clock.now();
  }

  note(resource: string, unshared: boolean): void {
    this.#until.delete(resource);
    if (!unshared) return;
    this.#until.set(resource, this.#clock.now() + REMEMBERED);
    if (this.#until.size <= MOST_RESOURCES) return;
    const [oldest] = this.#until.keys();
    this.#until.delete(oldest!);
  }
}
