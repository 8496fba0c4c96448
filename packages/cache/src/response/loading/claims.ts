import { after } from '@forge/internal';
import type { Milliseconds } from '../../units.ts';
import type { CacheSettings } from '../cache-config.ts';
import type { Counters } from '../counters.ts';
import type { Entry, Origin } from '../entries/entry.ts';
import type { Draft, FirstTier } from '../entries/first-tier.ts';
import type { Flight } from './flight.ts';
import type { Flights } from './flights.ts';
import { unpack } from '../values/packed.ts';
import { LEASE_TTL, type Grant, type SharedTier, type SharedValue } from '../sharing/shared-tier.ts';
import type { Values } from '../values/values.ts';

export interface ClaimParts<V> {
  readonly settings: CacheSettings<V>;
  readonly values: Values<V>;
  readonly first: FirstTier<V>;
  readonly flights: Flights<V>;
  readonly shared: SharedTier<V>;
  readonly counters: Counters;
  readonly onPlaced: (key: string, entry: Entry, changed: boolean | undefined, origin: Origin) => void;
}

/** Between two looks at whether another process has loaded the value. */
const FIRST_POLL: Milliseconds = 10;
const LONGEST_POLL: Milliseconds = 200;
/** Longer than one dead process can keep the others waiting. */
const PATIENCE: Milliseconds = LEASE_TTL + 2 * LONGEST_POLL;

/**
 * Gets a value from the second tier, or the right to load it.
 *
 * What is read from there is as old as the moment in which the read began: whoever invalidates tells the store before he
 * tells anyone else, and this process asks for nothing that it has itself invalidated and the store does not know. So
 * each look is fenced by itself, and a flight that an invalidation concerned goes on with the next look as if it had
 * begun with that.
 */
export class Claims<V> {
  readonly #parts: ClaimParts<V>;

  constructor(parts: ClaimParts<V>) {
    this.#parts = parts;
  }

  /** What the second tier holds of the key, kept here too, unless it is stale. */
  async fetch(key: string): Promise<Entry | undefined> {
    const { first, flights, shared } = this.#parts;
    const flight = flights.watch(key);
    try {
      const read = await shared.read(key, first.peek(key)?.tags ?? []);
      if (read.kind !== 'found' || !(read.value.options.ttl > 0)) return undefined;
      const draft = await this.#draft(flight, read.value);
      return flights.mayStore(flight, draft.entry.tags) ? this.#place(key, draft) : draft.entry;
    } catch {
      // Not what this cache wrote: a miss.
      return undefined;
    } finally {
      flights.end(flight);
    }
  }

  /**
   * Waits while another process loads the value, as long as that one's lease lasts and somebody wants it.
   *
   * @returns the right to fill the second tier, undefined if it cannot be had
   */
  async claim(flight: Flight<V>): Promise<'served' | Grant | undefined> {
    const { shared, flights, settings } = this.#parts;
    const { key } = flight;
    const givesUpAt = settings.clock.now() + PATIENCE;
    let grant: Grant | undefined;
    let poll = FIRST_POLL;
    for (;;) {
      flights.restart(flight);
      if (this.#serveOwn(flight)) break;
      const tags = [...flight.tags];
      const read = await shared.read(key, tags);
      if (read.kind === 'found' && (await this.#serve(flight, read.value))) break;
      // Between the first look and the lease another process may have filled the key: who has the lease looks again.
      if (grant !== undefined || read.kind === 'unavailable' || !flights.isRunning(flight)) return grant;
      const lease = await shared.lease(key, tags);
      if (lease.kind === 'unavailable') return undefined;
      if (lease.kind === 'given') {
        ({ grant } = lease);
        continue;
      }
      if (settings.clock.now() >= givesUpAt) return undefined;
      await pause(poll);
      poll = Math.min(2 * poll, LONGEST_POLL);
    }
    shared.release(key, grant);
    return 'served';
  }

  /** What has come into the first tier since the flight began. */
  #serveOwn(flight: Flight<V>): boolean {
    const { first, values } = this.#parts;
    const found = first.look(flight.key);
    if (found?.standing !== 'fresh' || found.entry.failed || found.entry === flight.fallback) return false;
    flight.resolve(found.entry.held, values.give);
    return true;
  }

  /** Whether the flight has what it is for. What is stale serves as the first tier's own would, and is not it. */
  async #serve(flight: Flight<V>, value: SharedValue): Promise<boolean> {
    const { flights, counters, values } = this.#parts;
    const isGood = value.options.ttl > 0 && value.bornAt > this.#outdatedBy(flight);
    if (!isGood && flight.fallback !== undefined) return false;
    const draft = await this.#draft(flight, value).catch(() => undefined);
    // What cannot be understood is a miss, to be written over.
    if (draft === undefined || !flights.mayStore(flight, draft.entry.tags)) return false;
    if (!isGood) {
      this.#offer(flight, draft.entry);
      return false;
    }
    const entry = this.#place(flight.key, draft);
    counters.storeHits += 1;
    flight.resolve(entry.held, values.give);
    return true;
  }

  #offer(flight: Flight<V>, stale: Entry): void {
    const { first, settings, counters, values } = this.#parts;
    flight.fallback = stale;
    if (settings.clock.now() >= first.freshUntil(stale) + stale.staleWhileRevalidate) return;
    flight.keep();
    flight.resolve(stale.held, (held) => {
      counters.fallbacks += 1;
      return values.give(held);
    });
  }

  /**
   * What was born up to then will not do. Where the first tier's value is renewed before its time, the second tier may
   * still hold that very one; its age is known there up to the time that an answer takes.
   */
  #outdatedBy({ fallback }: Flight<V>): Milliseconds {
    const { first, settings } = this.#parts;
    const isFresh = fallback !== undefined && settings.clock.now() < first.freshUntil(fallback);
    return isFresh ? fallback.bornAt + settings.storeTimeout : -Infinity;
  }

  /** Unless the first tier has a younger one by now. */
  #place(key: string, draft: Draft): Entry {
    const { first, onPlaced } = this.#parts;
    const found = first.look(key);
    if (found?.standing === 'fresh' && !found.entry.failed && found.entry.bornAt >= draft.entry.bornAt) {
      return found.entry;
    }
    const { entry, changed } = first.place(key, draft);
    onPlaced(key, entry, changed, 'store');
    return entry;
  }

  async #draft(flight: Flight<V>, { packed, contentId, bornAt, loadTime, options }: SharedValue): Promise<Draft> {
    const { first, values, settings } = this.#parts;
    const value = settings.codec.decode(await unpack(packed));
    const held = settings.values === 'bytes' ? packed : values.hold(value);
    const from = settings.clock.now();
    const provenance = { held, contentId, bornAt, from, loadTime, checkedAt: flight.begun, hasJitter: true };
    return first.draft(flight.key, value, options, provenance);
  }
}

function pause(delay: Milliseconds): Promise<void> {
  return new Promise((resolve) => void after(delay, resolve));
}
