import type { News } from '../news.ts';
import type { PoolOptions } from '../options.ts';
import type { Connections } from './connections.ts';
import type { Slot } from './slot.ts';

/** What a departure touches, and where it ends. */
export interface DepartureLinks<C> {
  readonly connections: Connections<C>;
  /** Nothing is due for it any more. */
  readonly forget: (slot: Slot<C>) => void;
  readonly news: News;
  /** `destroy` has settled. */
  readonly ended: (slot: Slot<C>, error: unknown) => void;
}

/** The ways of connections out of the pool, which forgets each before it ends it, so that `destroy` can block nothing. */
export class Departures<C> {
  readonly #destroy: PoolOptions<C>['destroy'];
  readonly #links: DepartureLinks<C>;
  /** Forgotten, and not yet destroyed: that waits until the state is settled. */
  readonly #dropped: Slot<C>[] = [];
  #destroyed = 0;
  #retired = 0;
  #inFlight = 0;

  constructor({ destroy }: PoolOptions<C>, links: DepartureLinks<C>) {
    this.#destroy = destroy;
    this.#links = links;
  }

  get destroyed(): number {
    return this.#destroyed;
  }

  /** Those of them that were too old or used too often. */
  get retired(): number {
    return this.#retired;
  }

  /** Dropped ones whose `destroy` has not settled. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Whether some are dropped and `destroy` has still to be called. */
  get isPending(): boolean {
    return this.#dropped.length > 0;
  }

  drop(slot: Slot<C>): void {
    this.#links.connections.drop(slot);
    this.#links.forget(slot);
    this.#destroyed += 1;
    if (slot.reason === 'expired' || slot.reason === 'worn') this.#retired += 1;
    this.#inFlight += 1;
    this.#links.news.event('connectionDestroyed', slot, { reason: slot.reason });
    this.#dropped.push(slot);
  }

  /** Calls `destroy` for what is dropped; it may call the pool, which may drop more. */
  destroy(): void {
    for (let slot = this.#dropped.shift(); slot !== undefined; slot = this.#dropped.shift()) void this.#end(slot);
  }

  async #end(slot: Slot<C>): Promise<void> {
    let failure: unknown;
    try {
      await this.#destroy(slot.connection, slot.reason);
    } catch (error) {
      failure = error ?? new Error('it rejected with nothing');
    }
    this.#inFlight -= 1;
    this.#links.ended(slot, failure);
  }
}
