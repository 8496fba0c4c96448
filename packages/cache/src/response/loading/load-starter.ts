import type { EventEmitter } from 'node:events';
import { emit, randomRatios } from '@forge/internal';
import type { CacheError } from '../../errors.ts';
import { NO_TAGS } from '../../memory/memory-options.ts';
import type { CacheSettings, EntryOptions, GetOrSetOptions } from '../cache-config.ts';
import type { Counters } from '../counters.ts';
import { dependencyTag } from '../entries/dependents.ts';
import { isDueEarly } from './early-refresh.ts';
import type { Entry } from '../entries/entry.ts';
import type { FirstTier } from '../entries/first-tier.ts';
import type { Flights } from './flights.ts';
import type { Loader } from './loader.ts';
import type { Loads } from './loads.ts';

export interface StarterParts<V> {
  readonly settings: CacheSettings<V>;
  readonly first: FirstTier<V>;
  readonly flights: Flights<V>;
  readonly loads: Loads<V>;
  readonly counters: Counters;
  readonly events: EventEmitter;
  /** What to say once the cache is closed. */
  readonly refusal: () => CacheError | undefined;
}

/** Decides, for a key whose value is missing or due, between a load that runs and one that is begun. */
export class LoadStarter<V> {
  readonly #parts: StarterParts<V>;
  readonly #random = randomRatios();
  readonly #isEarly: boolean;

  constructor(parts: StarterParts<V>) {
    const { refreshAhead, xfetchBeta } = parts.settings;
    this.#parts = parts;
    this.#isEarly = refreshAhead > 0 || xfetchBeta > 0;
  }

  /** Joins the load of the key, or begins it. */
  load(key: string, fallback: Entry | undefined, loader: Loader<V>, options: GetOrSetOptions<V>): Promise<V> {
    const { settings, flights, loads, counters, events, refusal } = this.#parts;
    const { signal, softTimeout = settings.softTimeout } = options;
    this.#settle(options);
    // Who heard that an entry expired may have closed the cache or aborted.
    const error = refusal();
    if (error !== undefined) return Promise.reject(error);
    if (signal?.aborted === true) return Promise.reject(signal.reason);
    const tags = flightTags(options);
    const running = flights.joinable(key, tags);
    const flight = running ?? flights.begin(key);
    flight.fallback ??= fallback?.failed === true ? undefined : fallback;
    flights.addTags(flight, tags);
    const caller = flight.join(signal);
    loads.serveStaleAfter(softTimeout, caller);
    if (running !== undefined) {
      counters.coalesced += 1;
      return caller.promise;
    }
    counters.misses += 1;
    loads.run(flight, loader, options);
    // Last, so that whatever a listener does, it does to a load that runs.
    emit(events, 'cacheMiss', () => ({ key }));
    return caller.promise;
  }

  /** In the background, for the value that is there is served. */
  renew(key: string, entry: Entry, loader: Loader<V>, options: GetOrSetOptions<V>): void {
    const { first, flights, loads, counters, refusal } = this.#parts;
    if (first.isFailing(key)) return;
    this.#settle(options);
    const tags = flightTags(options);
    if (refusal() !== undefined || flights.joinable(key, tags) !== undefined) return;
    const flight = flights.begin(key);
    flight.fallback = entry;
    flight.keep();
    flights.addTags(flight, tags);
    counters.refreshes += 1;
    loads.run(flight, loader, options);
  }

  /** A fresh value was read, which may be due all the same. */
  renewEarly(key: string, entry: Entry, loader: Loader<V>, options: GetOrSetOptions<V>): void {
    if (!this.#isEarly) return;
    const { settings, first } = this.#parts;
    const end = first.freshUntil(entry);
    const remaining = { left: end - settings.clock.now(), life: end - entry.bornAt, loadTime: entry.loadTime };
    if (end < Infinity && isDueEarly(remaining, settings, this.#random)) this.renew(key, entry, loader, options);
  }

  /** What is over has left before the load begins, which then cannot have read it. */
  #settle({ dependsOn }: GetOrSetOptions<V>): void {
    if (dependsOn !== undefined) for (const key of dependsOn) this.#parts.first.settle(key);
  }
}

/** What a load is fenced by. */
function flightTags({
  tags = NO_TAGS,
  dependsOn = NO_TAGS,
}: Pick<EntryOptions, 'tags' | 'dependsOn'>): readonly string[] {
  return dependsOn.length === 0 ? tags : [...tags, ...dependsOn.map(dependencyTag)];
}
