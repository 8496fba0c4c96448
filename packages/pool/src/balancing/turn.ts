import type { Milliseconds } from '../units.ts';

/** How a use of an endpoint ended; `cancelled` says nothing about the endpoint. */
export type Outcome = 'succeeded' | 'failed' | 'cancelled';

/** One use of an endpoint. Whoever gets it ends it, by one of three outcomes; the first counts. */
export class Turn<E> {
  readonly endpoint: E;
  #end: ((outcome: Outcome, took: Milliseconds | undefined) => void) | undefined;

  /** A {@link Balancer} makes them. */
  constructor(endpoint: E, end: (outcome: Outcome, took: Milliseconds | undefined) => void) {
    this.endpoint = endpoint;
    this.#end = end;
  }

  /** @param took how long the endpoint took. @default the time since it was picked */
  succeeded(took?: Milliseconds): void {
    this.#finish('succeeded', took);
  }

  /** By a fault of the endpoint. */
  failed(): void {
    this.#finish('failed');
  }

  /** Its caller left, or it failed by a fault of its own. */
  cancelled(): void {
    this.#finish('cancelled');
  }

  #finish(outcome: Outcome, took?: Milliseconds): void {
    const end = this.#end;
    this.#end = undefined;
    end?.(outcome, took);
  }
}
