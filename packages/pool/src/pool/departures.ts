import type { Changes } from '../connections/changes.ts';
import type { Connections } from '../connections/connections.ts';
import type { Slot } from '../connections/slot.ts';
import type { Diagnosis } from '../health/diagnosis.ts';
import type { Health } from '../health/health.ts';
import type { News } from '../news.ts';
import type { PoolOptions } from '../options.ts';
import type { Tally } from '../tally.ts';

/** What a departure touches. */
export interface DepartureParts<C> {
  readonly options: PoolOptions<C>;
  readonly connections: Connections<C>;
  readonly diagnosis: Diagnosis<C>;
  readonly health: Health<C>;
  readonly news: News;
  readonly tally: Tally;
  readonly exchange: Changes<C>;
}

/** The ways of connections out of the pool, which forgets each before it ends it, so that `destroy` can block nothing. */
export class Departures<C> {
  readonly #parts: DepartureParts<C>;
  /** Forgotten, and not yet destroyed: that waits until the state is settled. */
  readonly #dropped: Slot<C>[] = [];
  #inFlight = 0;

  constructor(parts: DepartureParts<C>) {
    this.#parts = parts;
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
    const { connections, health, news, tally } = this.#parts;
    connections.drop(slot);
    health.lifetimes.forget(slot);
    tally.destroyed += 1;
    if (slot.reason === 'expired' || slot.reason === 'worn') tally.retired += 1;
    this.#inFlight += 1;
    news.event('connectionDestroyed', slot, { reason: slot.reason });
    this.#dropped.push(slot);
  }

  /** Calls `destroy` for what is dropped; it may call the pool, which may drop more. */
  destroy(): void {
    for (let slot = this.#dropped.shift(); slot !== undefined; slot = this.#dropped.shift()) void this.#end(slot);
  }

  async #end(slot: Slot<C>): Promise<void> {
    const { diagnosis, exchange, options } = this.#parts;
    let failure: unknown;
    try {
      await options.destroy(slot.connection, slot.reason);
    } catch (error) {
      failure = error ?? new Error('it rejected with nothing');
    }
    this.#inFlight -= 1;
    if (failure !== undefined) diagnosis.of(failure, 'destroy', slot);
    exchange.finish();
  }
}
