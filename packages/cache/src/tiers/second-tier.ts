import { clockOption, functionOption, numberOption, objectOption, type Clock } from '@forge/internal';
import type { Milliseconds } from '../units.ts';
import { randomShare } from './backoff.ts';
import type { BreakerState } from './breaker.ts';
import { Deliveries } from './deliveries.ts';
import { Guard, type Answered, type Failed, type Late } from './guard.ts';
import { ignored, leaseOf, recordOf, writtenOf } from './store-answers.ts';
import type { CacheStore, Invalidation, StoreLease, StoreRecord } from './store.ts';

export type TierRead =
  | { readonly kind: 'found'; readonly record: StoreRecord }
  | { readonly kind: 'absent' }
  | { readonly kind: 'unavailable' };

export type TierLease =
  | { readonly kind: 'given'; readonly lease: StoreLease }
  | { readonly kind: 'held' }
  | { readonly kind: 'unavailable' };

export interface TierWrite {
  /** `refused`: the lease no longer held. `unavailable`: unknown; a later {@link SecondTier.read} decides. */
  readonly kind: 'written' | 'refused' | 'unavailable';
}

export interface SecondTierOptions {
  /**
   * The longest that any call of the store takes.
   *
   * @default 250, for a lost packet is sent again after 200 ms at the earliest (the least retransmission timeout of
   * Linux): below that, one loss on a healthy network would count as a failure; above, most loaders would be faster
   */
  readonly timeout?: Milliseconds | undefined;
  readonly clock?: Clock | undefined;
  /** Gives the jitter of the pauses, from 0 to below 1. @default the system's generator */
  readonly random?: (() => number) | undefined;
  /**
   * Called with invalidations that reached the store after their `invalidate` had answered `queued`: tell the bus again,
   * for between the first telling and now another process may have read the old record.
   */
  readonly onDelivered?: ((invalidations: readonly Invalidation[]) => void) | undefined;
}

/** What a {@link SecondTier} counts and holds. */
export interface SecondTierMetrics {
  readonly breaker: BreakerState;
  readonly reads: number;
  /** Reads that found a record. */
  readonly hits: number;
  /** Calls of the store that were given up. */
  readonly timeouts: number;
  /** Calls of the store that rejected, threw or answered what cannot be understood. */
  readonly failures: number;
  /** Not confirmed by the store yet. */
  readonly queuedInvalidations: number;
  /** Invalidations that became part of an `all` because too many waited, or were given up by `close`. */
  readonly droppedInvalidations: number;
}

/** A write without lease that is on its way. */
interface Overwrite {
  readonly tags: readonly string[];
  readonly done: Promise<unknown>;
}

type Outcome<T> = Answered<T> | Failed | Late<T>;

const UNAVAILABLE = Object.freeze({ kind: 'unavailable' });
const ABSENT = Object.freeze({ kind: 'absent' });
const HELD = Object.freeze({ kind: 'held' });

/** Keys whose write failed in one outage, and keys whose abandoned write has not ended. */
const MAX_KEYS = 1_000;
/** At a record whose tags are others each time. */
const MOST_LOOKS = 2;
const LONGEST_TIMEOUT: Milliseconds = 60_000;
const SUBJECT = 'create a SecondTier';

/**
 * Makes of a store, which may be slow, dead or mad, a tier that costs a bounded time and never an error.
 *
 * Time: every call is raced with one timeout, and a breaker leaves a store alone that fails, so that an outage costs a
 * few timeouts and then nothing ({@link Guard}). A lease that comes late is given back.
 *
 * Truth: no read that begins after a call of `invalidate` finds what was written before it, whether or not the store has
 * been told. What the store has not confirmed is kept ({@link Deliveries}) and makes the keys that it concerns
 * `unavailable`; after an outage it is the first thing that the store hears. A read that began before is concurrent with
 * the invalidation: the caller, who knows both, decides.
 *
 * A write with a lease is fenced by the store, however late it lands. One without (a `set`) is not, so that here it never
 * overlaps what concerns it: an invalidation leaves after the writes that it concerns have ended, and a write that meets
 * a pending invalidation or another write of its key is not made; the key is invalidated behind them instead, which
 * loses a cached value and no truth. A write that was given up may still land: until it has ended, its key is
 * `unavailable` here, and then it is invalidated once more. Meanwhile another process may read what it wrote.
 *
 * All this holds for a store of which a call has no effect after its promise has settled.
 */
export class SecondTier {
  readonly #store: CacheStore;
  readonly #guard: Guard;
  readonly #deliveries: Deliveries;
  readonly #overwrites = new Map<string, Overwrite>();
  /** Keys whose write was given up and has not ended. */
  readonly #strays = new Set<string>();
  #reads = 0;
  #hits = 0;
  #closing: Promise<void> | undefined;

  /** @throws TypeError or RangeError when an option is wrong */
  constructor(store: CacheStore, options: SecondTierOptions = {}) {
    objectOption(SUBJECT, 'store', store);
    for (const method of ['read', 'lease', 'write', 'release', 'invalidate'] as const) {
      functionOption(SUBJECT, `store.${method}`, store[method]);
    }
    for (const name of ['random', 'onDelivered'] as const) {
      functionOption(SUBJECT, name, options[name], true);
    }
    const timeout = numberOption(SUBJECT, 'timeout', options.timeout, 250, { min: 1, max: LONGEST_TIMEOUT });
    const clock = clockOption(SUBJECT, options.clock);
    this.#store = store;
    this.#guard = new Guard(timeout, clock, options.random ?? randomShare);
    this.#deliveries = new Deliveries({
      store,
      guard: this.#guard,
      timeout,
      clock,
      clearTheWay: () => this.#overwritten(),
      onLate: options.onDelivered ?? ignored,
    });
  }

  /** Whether the breaker lets calls through. */
  get available(): boolean {
    return this.#closing === undefined && this.#guard.state === 'closed';
  }

  /**
   * The store may look before it hears of an invalidation that is on its way, and answer after. For the tags that are
   * expected that is known beforehand; a record that turns out to have others is asked for again, with them.
   */
  async read(key: string, tags: readonly string[]): Promise<TierRead> {
    this.#reads += 1;
    let expected = tags;
    for (let look = 0; look < MOST_LOOKS; look++) {
      if (this.#isDoubtful(key, expected)) return UNAVAILABLE;
      const isTelling = this.#deliveries.size > 0;
      const asked = expected;
      const outcome = await this.#call(() => this.#store.read(key, asked), recordOf);
      if (outcome.kind !== 'answered') return UNAVAILABLE;
      const record = outcome.answer;
      if (record === undefined) return ABSENT;
      // What came while it was asked concerns it too.
      if (this.#isDoubtful(key, record.tags)) return UNAVAILABLE;
      if (!isTelling || record.tags.every((tag) => asked.includes(tag))) {
        this.#hits += 1;
        return { kind: 'found', record };
      }
      expected = record.tags;
    }
    return UNAVAILABLE;
  }

  async lease(key: string, tags: readonly string[], ttl: Milliseconds): Promise<TierLease> {
    if (this.#isDoubtful(key, tags)) return UNAVAILABLE;
    const outcome = await this.#call(() => this.#store.lease(key, tags, ttl), leaseOf);
    if (outcome.kind === 'failed' && outcome.isSent) this.#endLease(key);
    if (outcome.kind === 'late') void outcome.end.then((end) => this.#giveBack(key, end));
    if (outcome.kind !== 'answered') return UNAVAILABLE;
    return outcome.answer === undefined ? HELD : { kind: 'given', lease: outcome.answer };
  }

  /** Without a lease, to be called in the very turn in which the record is known to be the newest. */
  async write(key: string, record: StoreRecord, lease: StoreLease | undefined): Promise<TierWrite> {
    if (lease === undefined) return this.#overwrite(key, record);
    const outcome = await this.#call(() => this.#store.write(key, record, lease), writtenOf);
    if (outcome.kind !== 'answered') {
      this.#endLease(key);
      return UNAVAILABLE;
    }
    return { kind: outcome.answer ? 'written' : 'refused' };
  }

  async release(key: string, lease: StoreLease): Promise<void> {
    const outcome = await this.#call(() => this.#store.release(key, lease), ignored);
    if (outcome.kind !== 'answered') this.#endLease(key);
  }

  /** `queued` when the store has not confirmed within the timeout; the invalidations hold here all the same. */
  async invalidate(invalidations: readonly Invalidation[]): Promise<'delivered' | 'queued'> {
    return this.#closing === undefined ? this.#deliveries.add(invalidations) : 'queued';
  }

  getMetrics(): SecondTierMetrics {
    return Object.freeze({
      breaker: this.#guard.state,
      reads: this.#reads,
      hits: this.#hits,
      timeouts: this.#guard.timeouts,
      failures: this.#guard.failures,
      queuedInvalidations: this.#deliveries.size,
      droppedInvalidations: this.#deliveries.dropped,
    });
  }

  /** Tries once more to tell the store what waits, for at most two timeouts; nothing is let through any more. */
  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  async #end(): Promise<void> {
    // Those that fail have something to invalidate.
    await Promise.all(Array.from(this.#overwrites.values(), ({ done }) => done));
    await this.#deliveries.close();
  }

  async #call<T>(run: () => unknown, understand: (answer: unknown) => T): Promise<Outcome<T>> {
    // The probe of a store that was out is what it has missed, never a read.
    if (this.#closing !== undefined || this.#deliveries.areBehind) return { kind: 'failed', isSent: false };
    const outcome = await this.#guard.call(run, understand);
    this.#deliveries.resume();
    return outcome;
  }

  #isDoubtful(key: string, tags: readonly string[]): boolean {
    return this.#strays.has(key) || this.#deliveries.concerns(key, tags);
  }

  async #overwrite(key: string, record: StoreRecord): Promise<TierWrite> {
    if (this.#closing !== undefined) return UNAVAILABLE;
    const overlaps = this.#overwrites.has(key) || this.#isDoubtful(key, record.tags);
    if (overlaps || this.#strays.size >= MAX_KEYS) return this.#giveUp(key);
    const done = this.#call(() => this.#store.write(key, record, undefined), writtenOf);
    this.#overwrites.set(key, { tags: record.tags, done });
    const outcome = await done;
    this.#overwrites.delete(key);
    if (outcome.kind === 'answered' && outcome.answer) return { kind: 'written' };
    if (outcome.kind === 'late') this.#awaitStray(key, outcome.end);
    return this.#giveUp(key);
  }

  /** What the key held before must not outlive the value that could not be written. */
  #giveUp(key: string): TierWrite {
    this.#deliveries.keep({ kind: 'key', key });
    return UNAVAILABLE;
  }

  #awaitStray(key: string, end: Promise<unknown>): void {
    this.#strays.add(key);
    void end.then(() => {
      this.#strays.delete(key);
      this.#deliveries.keep({ kind: 'key', key });
    });
  }

  /** It may have been given, and nobody would end it though all others wait: to invalidate its key does, now or later. */
  #endLease(key: string): void {
    if (this.#closing === undefined) this.#deliveries.keep({ kind: 'key', key });
  }

  /** Settles when the writes without lease have ended that a pending invalidation concerns; no new ones begin. */
  #overwritten(): Promise<unknown> {
    const concerned = [...this.#overwrites].filter(([key, { tags }]) => this.#deliveries.concerns(key, tags));
    return Promise.all(concerned.map(([, { done }]) => done));
  }

  #giveBack(key: string, end: Answered<StoreLease | undefined> | Failed): void {
    if (end.kind === 'failed') return this.#endLease(key);
    const lease = end.answer;
    if (lease !== undefined) void this.release(key, lease);
  }
}
