import { ban, countTag, EntryTable, type BanWalk } from '../../memory/entry-table.ts';
import { entryTerms, NO_TAGS, type EntryTerms, type RemovalReason } from '../../memory/memory-options.ts';
import type { MemoryCacheMetrics } from '../../metrics.ts';
import { WhatIf, type SizeEstimate } from '../../policies/what-if.ts';
import type { Bytes, Milliseconds } from '../../units.ts';
import type { CacheSettings, EntryOptions } from '../cache-config.ts';
import { dependenciesOf, dependencyTag, heirTags } from './dependents.ts';
import { Doubts } from './doubts.ts';
import { endOf, standingOf, type Entry, type Standing } from './entry.ts';
import type { Sequence } from './invalidation-log.ts';
import type { Values } from '../values/values.ts';

/** What a miss gives, for a stored `undefined` is a value. */
const ABSENT = Symbol('absent');
/** Part of the size that kept failures and kept absences may have: many keys that do not exist push out none that do. */
const NEGATIVE_SHARE = 0.1;

export interface Found {
  readonly entry: Entry;
  readonly standing: Standing;
  /** It failed to load a short time ago: not to be tried again yet. */
  readonly isFailing: boolean;
}

/** An entry that is about to be placed. */
export interface Draft {
  readonly entry: Entry;
  readonly terms: EntryTerms;
}

/** What is known of a value besides its options. */
export interface Provenance {
  readonly held: unknown;
  readonly contentId: string | undefined;
  readonly bornAt: Milliseconds;
  /** When its ttl begins. @default bornAt */
  readonly from?: Milliseconds;
  readonly checkedAt: Sequence;
  readonly loadTime: Milliseconds;
  /** Its ttl is what is left of one that was shortened at random when the value was loaded. */
  readonly hasJitter?: boolean;
}

/** What a placed entry did. */
export interface Placed {
  readonly entry: Entry;
  /** `refused`: too large, or already over; what the key had is gone. `evicted`: the policy prefers what there is. */
  readonly outcome: 'held' | 'evicted' | 'refused';
  /** Whether the content differs from what was there; undefined when nothing was. */
  readonly changed: boolean | undefined;
}

export type OnLeft = (key: string, entry: Entry, reason: RemovalReason) => void;

/**
 * The entries that this process holds: values in the main region, failures and absences in a small one of their own.
 * What is read, and what replaces what, is decided here; loads, events and other processes are not known.
 */
export class FirstTier<V> {
  readonly doubts: Doubts = new Doubts();
  readonly #settings: CacheSettings<V>;
  /** For a ttl that is not to be shortened any more. */
  readonly #exact: CacheSettings<V>;
  readonly #values: Values<V>;
  readonly #main: EntryTable<Entry>;
  readonly #negative: EntryTable<Entry> | undefined;
  readonly #whatIf: WhatIf | undefined;
  /** Off while an operation removes what nobody is to hear of. */
  #telling = true;
  /** An entry that takes nobody's place: if it does not get in, nobody is to hear that it left. */
  #newcomer: Entry | undefined;

  constructor(settings: CacheSettings<V>, values: Values<V>, onLeft: OnLeft) {
    this.#settings = settings;
    this.#exact = { ...settings, jitter: (ttl) => ttl };
    this.#values = values;
    const hears = (reason: RemovalReason): boolean => reason !== 'replaced' && this.#telling;
    const onRemoval: OnLeft = (key, entry, reason) => {
      if (entry !== this.#newcomer) onLeft(key, entry, reason);
    };
    const table = (maxSize: number): EntryTable<Entry> =>
      new EntryTable<Entry>({ ...settings, sizeOf: undefined, maxSize, onRemoval }, hears);
    this.#main = table(settings.maxSize);
    if (settings.metricsEnabled) this.#whatIf = new WhatIf(settings);
    if (settings.negativeTTL === undefined && settings.errorTTL === 0) return;
    this.#negative = table(Math.max(1, Math.floor(settings.maxSize * NEGATIVE_SHARE)));
  }

  get size(): number {
    return this.#main.size + (this.#negative?.size ?? 0);
  }

  /** The entry, in any standing, and thereby a use of it. */
  get(key: string): Entry | undefined {
    const entry = this.#main.get(key, ABSENT);
    if (entry === ABSENT) return this.#negative?.get(key);
    if (entry.sample !== undefined) this.#whatIf?.record(entry.sample);
    return entry;
  }

  /** Of an entry that `get` has just given: does without the clock where it cannot be anything else. */
  isFresh(entry: Entry): boolean {
    const { staleWhileRevalidate, staleIfError } = entry;
    if (staleWhileRevalidate === 0 && staleIfError === 0 && this.doubts.isEmpty) return true;
    return this.#standing(entry) === 'fresh';
  }

  /** What there is for the next read, with no effect. */
  look(key: string): Found | undefined {
    const entry = this.#main.peek(key);
    return entry === undefined
      ? this.#kept(this.#negative?.peek(key))
      : this.#outdated(key, entry, this.#standing(entry));
  }

  /** Whether loading the key failed a short time ago. */
  isFailing(key: string): boolean {
    return this.#negative?.peek(key)?.failed === true;
  }

  /** The entry, in any standing, with no effect. */
  peek(key: string): Entry | undefined {
    return this.#main.peek(key) ?? this.#negative?.peek(key);
  }

  /** Sees to it that an entry that is over has left, and everyone who is to hear of it has heard. */
  settle(key: string): void {
    if (this.#main.peek(key) === undefined) this.#main.delete(key);
    if (this.#negative?.peek(key) === undefined) this.#negative?.delete(key);
  }

  /** Calls what the user gave to measure the value. @throws what that throws, and for wrong options */
  draft(key: string, value: V, options: EntryOptions, provenance: Provenance): Draft {
    const { held, contentId, bornAt, from = bornAt, checkedAt, loadTime, hasJitter = false } = provenance;
    const { negativeTTL } = this.#settings;
    const isAbsence = value === undefined || value === null;
    const terms = entryTerms(hasJitter ? this.#exact : this.#settings, key, value, {
      ttl: options.ttl ?? (isAbsence ? negativeTTL : undefined),
      tags: this.#tagsOf(key, options),
      size: this.#values.sizeOf(held) ?? options.size,
      cost: this.#costOf(loadTime),
    });
    const entry: Entry = {
      held,
      failed: false,
      isAbsence,
      etag: options.etag,
      contentId,
      tags: terms.tags,
      bornAt,
      checkedAt,
      freshUntil: from + terms.ttl,
      staleWhileRevalidate: options.staleWhileRevalidate ?? this.#settings.staleWhileRevalidate,
      staleIfError: options.staleIfError ?? this.#settings.staleIfError,
      loadTime,
      sample: this.#whatIf?.sample(key, Math.max(1, terms.size), terms.cost),
    };
    return { entry, terms };
  }

  /** An equal value keeps the one that is there, so that those who compare by identity see no change. */
  place(key: string, { entry: drafted, terms }: Draft): Placed {
    const previous = this.peek(key);
    const changed = previous === undefined || previous.failed ? undefined : !isSame(previous, drafted);
    const entry = changed === false ? { ...drafted, held: previous!.held } : drafted;
    const { ttl, idleTTL } = terms;
    const size = this.#values.sizeOf(entry.held) ?? terms.size;
    if (!(ttl > 0 && idleTTL > 0) || size > this.#settings.maxEntrySize) {
      this.delete(key);
      return { entry, outcome: 'refused', changed };
    }
    if (previous === undefined) {
      this.#newcomer = entry;
      if (entry.sample !== undefined) this.#whatIf?.record(entry.sample);
    }
    const life = ttl + Math.max(entry.staleWhileRevalidate, entry.staleIfError);
    const isSaid = life === ttl && size === terms.size;
    const isHeld = this.#put(key, entry, isSaid ? terms : { ...terms, size, ttl: life });
    this.#newcomer = undefined;
    return { entry, outcome: isHeld ? 'held' : 'evicted', changed };
  }

  /** Keeps a failure for `errorTTL`. */
  fail(key: string, error: unknown, tags: readonly string[], checkedAt: Sequence): void {
    const { errorTTL: ttl, clock } = this.#settings;
    if (ttl === 0 || this.#negative === undefined) return;
    const now = clock.now();
    const entry: Entry = {
      held: error,
      failed: true,
      isAbsence: false,
      etag: undefined,
      contentId: undefined,
      tags,
      bornAt: now,
      checkedAt,
      freshUntil: now + ttl,
      staleWhileRevalidate: 0,
      staleIfError: 0,
      loadTime: 0,
      sample: undefined,
    };
    this.#negative.set(key, entry, { ttl, idleTTL: Infinity, size: 1, cost: 1, tags });
  }

  /** Lets an entry hold a shorter form of what it holds, if it is still there. */
  shrink(key: string, entry: Entry, held: unknown): void {
    if (this.peek(key) !== entry || held === entry.held) return;
    const { clock, idleTTL } = this.#settings;
    const { tags } = entry;
    entry.held = held;
    const size = this.#values.sizeOf(held) ?? 0;
    this.#put(key, entry, { ttl: endOf(entry) - clock.now(), idleTTL, size, cost: this.#costOf(entry.loadTime), tags });
  }

  delete(key: string): boolean {
    const main = this.#main.delete(key);
    return (this.#negative?.delete(key) ?? false) || main;
  }

  /** Removes the entry if it is still this one. */
  drop(key: string, entry: Entry): void {
    if (this.peek(key) === entry) this.delete(key);
  }

  deleteTag(tag: string): number {
    return this.#main.deleteTag(tag) + (this.#negative?.deleteTag(tag) ?? 0);
  }

  /** How many entries carry the tag. */
  countTag(tag: string): number {
    return countTag(this.#main, tag) + (this.#negative === undefined ? 0 : countTag(this.#negative, tag));
  }

  /** Withdraws the entries of such keys, and what was made from them. */
  ban(matches: (key: string) => boolean): readonly BanWalk[] {
    const banIn = (table: EntryTable<Entry>): BanWalk =>
      ban(table, (key) => matches(key) || dependenciesOf(table.peek(key)?.tags ?? NO_TAGS).some(matches));
    return this.#negative === undefined ? [banIn(this.#main)] : [banIn(this.#main), banIn(this.#negative)];
  }

  clear(): void {
    this.#telling = false;
    this.#main.clear();
    this.#negative?.clear();
    this.#telling = true;
  }

  /** With their sizes, where their values' form does not say them. */
  *entries(): IterableIterator<readonly [key: string, entry: Entry, size: Bytes | undefined]> {
    for (const { key, value, size } of this.#main.entries()) {
      yield [key, value, this.#values.sizeOf(value.held) === undefined ? size : undefined];
    }
  }

  freshUntil(entry: Entry): Milliseconds {
    return this.doubts.freshUntil(entry);
  }

  /** The hit ratios that the same reads would have at other sizes; undefined until enough was read to tell. */
  estimate(): SizeEstimate | undefined {
    return this.#whatIf?.estimate();
  }

  getMetrics(): MemoryCacheMetrics {
    const main = this.#main.getMetrics();
    const negative = this.#negative?.getMetrics();
    if (negative === undefined) return main;
    const size = main.size + negative.size;
    const totalSize = main.totalSize + negative.totalSize;
    return {
      ...main,
      size,
      evictions: main.evictions + negative.evictions,
      expirations: main.expirations + negative.expirations,
      totalSize,
      averageSize: size === 0 ? 0 : totalSize / size,
    };
  }

  #standing(entry: Entry): Standing {
    return standingOf(entry, this.doubts.freshUntil(entry), this.#settings.clock.now());
  }

  #kept(entry: Entry | undefined): Found | undefined {
    return entry && { entry, standing: this.#standing(entry), isFailing: entry.failed };
  }

  /** Better an outdated value, as long as it may serve, than a failure that is known. */
  #outdated(key: string, entry: Entry, standing: Standing): Found {
    const kept = standing === 'fresh' ? undefined : this.#kept(this.#negative?.peek(key));
    if (kept?.standing !== 'fresh') return { entry, standing, isFailing: false };
    return standing === 'over' ? kept : { entry, standing: 'stale', isFailing: true };
  }

  #put(key: string, entry: Entry, terms: EntryTerms): boolean {
    const isNegative = entry.isAbsence && this.#settings.negativeTTL !== undefined;
    const other = isNegative ? this.#main : this.#negative;
    this.#telling = false;
    other?.delete(key);
    this.#telling = true;
    return (isNegative ? this.#negative! : this.#main).set(key, entry, terms);
  }

  /** Told to the policy that asks. What was set and not loaded costs what the engine takes for unknown. */
  #costOf(loadTime: Milliseconds): number {
    return loadTime > 0 && this.#settings.policy === 'gdsf' ? loadTime : 1;
  }

  /**
   * Its own, one for each key that it is made from, and those that come from the tags of these. What it was itself is none
   * of them.
   */
  #tagsOf(key: string, { tags = NO_TAGS, dependsOn = NO_TAGS }: EntryOptions): readonly string[] {
    if (dependsOn.length === 0) return tags;
    const derived = dependsOn.flatMap((other) => [
      dependencyTag(other),
      ...heirTags(this.peek(other)?.tags ?? NO_TAGS),
    ]);
    return [...tags, ...derived.filter((tag) => tag !== dependencyTag(key))];
  }
}

function isSame(a: Entry, b: Entry): boolean {
  if (a.etag !== undefined && b.etag !== undefined) return a.etag === b.etag;
  if (a.contentId !== undefined && b.contentId !== undefined) return a.contentId === b.contentId;
  try {
    // Loaded when it is first needed: it takes as long to import as all of this package.
    return process.getBuiltinModule('node:util').isDeepStrictEqual(a.held, b.held);
  } catch {
    // A getter or a proxy of the value's own failed.
    return false;
  }
}
