import type { EventEmitter } from 'node:events';
import { emit } from '@forge/internal';
import type { RemovalReason } from '../../memory/memory-options.ts';
import { patternMatcher } from '../../tiers/pattern.ts';
import type { Invalidation } from '../../tiers/store.ts';
import type { CacheSettings } from '../cache-config.ts';
import { contentNameOf } from '../entries/content.ts';
import type { Counters } from '../counters.ts';
import type { Departures } from '../entries/departures.ts';
import { dependencyTag, inheritedTag, LastContents } from '../entries/dependents.ts';
import type { Entry, Origin } from '../entries/entry.ts';
import type { FirstTier } from '../entries/first-tier.ts';
import type { Flights } from '../loading/flights.ts';
import type { SharedTier } from '../sharing/shared-tier.ts';
import { nextTurn } from '../next-turn.ts';

/** Places of the table that one turn of the event loop looks at. */
const SLICE = 4096;
/** Of more entries with one tag, some leave in later turns, and only then is seen what was made from them. */
const MOST_AT_ONCE = 4096;

type KeyTest = (key: string) => boolean;

/** What invalidations work on; all of it belongs to the cache. */
export interface InvalidationParts<V> {
  readonly settings: CacheSettings<V>;
  readonly first: FirstTier<V>;
  readonly flights: Flights<V>;
  readonly departures: Departures;
  readonly counters: Counters;
  readonly events: EventEmitter;
  readonly shared: () => SharedTier<V> | undefined;
}

/**
 * What takes entries out before their time, and what follows from it: the loads that it concerns are fenced, what was made
 * from the entry goes too, and the other processes are told of what they cannot find out themselves.
 *
 * `remove…` acts in this process alone; `told` tells the others.
 */
export class Invalidations<V> {
  readonly #parts: InvalidationParts<V>;
  readonly #lastContents = new LastContents();
  /** Patterns of other processes, heard in this turn. */
  #heard: KeyTest[] = [];

  constructor(parts: InvalidationParts<V>) {
    this.#parts = parts;
  }

  /** Another process's. */
  hear(invalidation: Invalidation): void {
    switch (invalidation.kind) {
      case 'key':
        return void this.removeKey(invalidation.key);
      case 'tag':
        return void this.removeTag(invalidation.tag, invalidation.soft === true);
      case 'pattern':
        return this.#hearPattern(patternMatcher(invalidation));
      case 'all':
        return this.removeAll();
    }
  }

  removeKey(key: string): boolean {
    const { first, flights } = this.#parts;
    flights.fenceKey(key);
    const removed = first.delete(key);
    this.#removeDependents(key);
    return removed;
  }

  /** Returns how many entries carried the tag. */
  removeTag(tag: string, soft: boolean): number {
    const { first, flights, settings } = this.#parts;
    flights.fenceTag(tag);
    if (soft) {
      first.doubts.soften(tag, { sequence: flights.sequence, at: settings.clock.now() });
      return first.countTag(tag);
    }
    flights.fenceTag(inheritedTag(tag));
    if (first.countTag(tag) > MOST_AT_ONCE) flights.fenceDependents();
    const removed = first.deleteTag(tag);
    first.deleteTag(inheritedTag(tag));
    this.#removeHeirsOfGone((_key, tags) => tags.includes(tag));
    return removed;
  }

  removeMatching(matches: KeyTest): Promise<number> {
    return this.#removeMatching([matches]);
  }

  async #removeMatching(tests: readonly KeyTest[]): Promise<number> {
    const { first, flights } = this.#parts;
    const matches: KeyTest = (key) => tests.some((test) => test(key));
    flights.fenceMatching(matches);
    const walks = first.ban(matches);
    const slice = Math.ceil(SLICE / tests.length);
    this.#removeHeirsOfGone(matches);
    for (const walk of walks) while (!walk.advance(slice)) await nextTurn();
    return walks.reduce((sum, { deleted }) => sum + deleted, 0);
  }

  removeAll(): void {
    const { first, flights, departures, events, settings } = this.#parts;
    const { size } = first;
    flights.fenceAll();
    first.clear();
    this.#lastContents.clear();
    departures.clear(settings.clock.now());
    emit(events, 'cacheCleared', () => ({ size }));
  }

  /** Resolves with the result when the second tier knows, or will. */
  async told<T>(invalidations: readonly Invalidation[], result: T): Promise<T> {
    await this.#parts.shared()?.invalidate(invalidations);
    return result;
  }

  onLeft(key: string, entry: Entry, reason: RemovalReason): void {
    const { departures, settings, counters, events, first, flights } = this.#parts;
    departures.add(key, reason, settings.clock.now());
    // Nobody heard that it was kept, and the key may have a value all the same.
    if (entry.failed) return;
    if (reason === 'evicted' || reason === 'expired') {
      const tag = dependencyTag(key);
      if (first.countTag(tag) > 0 || flights.hasTag(tag)) {
        this.#lastContents.remember(key, {
          name: contentNameOf(settings, entry),
          leftAt: flights.advance(),
          tags: entry.tags,
        });
      }
      emit(events, 'cacheEviction', () => ({ key, reason }));
      return;
    }
    this.#removeDependents(key);
    counters.invalidations += 1;
    emit(events, 'cacheInvalidated', () => ({ key }));
  }

  /**
   * What depends on the key is invalidated, unless the content is what it was. On a first load nothing is known of what it
   * was: entries that name the key may be outdated, but a load that runs has read no other content than this one.
   */
  onPlaced(key: string, entry: Entry, changed: boolean | undefined, origin: Origin): void {
    if (changed === false) return;
    const { settings, first, flights } = this.#parts;
    const tag = dependencyTag(key);
    const back = changed ? undefined : this.#lastContents.take(key, () => contentNameOf(settings, entry));
    if (back?.differs === false) return;
    const isFirstLoad = changed === undefined && back === undefined && origin !== 'set';
    if (!isFirstLoad) flights.fenceTag(tag, back?.leftAt);
    first.deleteTag(tag);
    if (!isFirstLoad && origin !== 'store') void this.told([dependents(key)], undefined);
  }

  /** A frame may bring thousands: together they are one walk of the table. */
  #hearPattern(matches: KeyTest): void {
    if (this.#heard.push(matches) > 1) return;
    queueMicrotask(() => {
      const heard = this.#heard;
      this.#heard = [];
      void this.#removeMatching(heard);
    });
  }

  /** What left by time had been read until then, and what was made from it is not told of by its removal. */
  #removeHeirsOfGone(test: (key: string, tags: readonly string[]) => boolean): void {
    for (const key of this.#lastContents.takeAll(test)) this.#removeDependents(key);
  }

  #removeDependents(key: string): void {
    const tag = dependencyTag(key);
    this.#parts.flights.fenceTag(tag);
    this.#parts.first.deleteTag(tag);
  }
}

/** What was made from the key's value. */
export function dependents(key: string): Invalidation {
  return { kind: 'tag', tag: dependencyTag(key) };
}

/** What was made from values with the tag. */
export function heirs(tag: string): Invalidation {
  return { kind: 'tag', tag: inheritedTag(tag) };
}
