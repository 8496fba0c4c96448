import { AsyncResource } from 'node:async_hooks';
import { after, callQuietly, Deadlines, type Clock } from '@forge/internal';
import type { Milliseconds } from '../units.ts';
import type { Guard } from './guard.ts';
import { Outbox, type Letter } from './outbox.ts';
import type { CacheStore, Invalidation } from './store.ts';
import { ignored } from './store-answers.ts';

export interface DeliveriesOptions {
  readonly store: CacheStore;
  readonly guard: Guard;
  readonly timeout: Milliseconds;
  readonly clock: Clock;
  /** Settles once nothing is on its way to the store that the batch must not overtake. */
  readonly clearTheWay: () => Promise<unknown>;
  /** Invalidations that were confirmed after somebody had been told that they wait. */
  readonly onLate: (invalidations: readonly Invalidation[]) => void;
}

interface Waiter {
  readonly number: number;
  readonly tell: (how: 'delivered' | 'queued') => void;
}

/** Letters in one call of the store, so that those of a long outage do not run into the timeout together. */
const BATCH = 500;

/**
 * Brings invalidations to the store, in order and one batch at a time, until it has confirmed them: what comes while a
 * batch is in flight makes up the next. A batch that fails opens the breaker, for a store that does not know what was
 * invalidated must not be read, and the breaker's pauses are those between the attempts.
 */
export class Deliveries {
  readonly #options: DeliveriesOptions;
  readonly #outbox = new Outbox();
  readonly #waiters = new Set<Waiter>();
  readonly #deadlines: Deadlines<Waiter>;
  readonly #neutral = new AsyncResource('forge.Deliveries');
  #sending = false;
  #closed = false;
  #abandoned = 0;
  /** Somebody was told that the letters up to this number wait. */
  #queuedUpTo = 0;
  #cancelRetry: (() => void) | undefined;

  constructor(options: DeliveriesOptions) {
    this.#options = options;
    this.#deadlines = new Deadlines(options.clock, (waiter) => this.#tell(waiter, 'queued'));
  }

  get size(): number {
    return this.#outbox.size;
  }

  /** Invalidations that lost their own text to an `all`, or were given up by {@link close}. */
  get dropped(): number {
    return this.#outbox.collapsed + this.#abandoned;
  }

  /** Whether the store is out and does not know all: the next call that it gets must tell it. */
  get areBehind(): boolean {
    return this.#outbox.size > 0 && this.#options.guard.state !== 'closed';
  }

  concerns(key: string, tags: readonly string[]): boolean {
    return this.#outbox.concerns(key, tags);
  }

  /** Settles within the timeout; `queued` when the store has not confirmed by then. */
  add(invalidations: readonly Invalidation[]): Promise<'delivered' | 'queued'> {
    let number = 0;
    for (const invalidation of invalidations) number = Math.max(number, this.#outbox.add(invalidation));
    if (number === 0) return Promise.resolve('delivered');
    this.resume();
    return new Promise((resolve) => {
      const waiter: Waiter = {
        number,
        tell: (how) => {
          this.#deadlines.remove(deadline);
          resolve(how);
        },
      };
      const deadline = this.#deadlines.add(waiter, this.#options.clock.now() + this.#options.timeout);
      this.#waiters.add(waiter);
      if (this.#options.guard.state !== 'closed') this.#tell(waiter, 'queued');
    });
  }

  /** The same for what nobody waits for, and what is late in any case. */
  keep(invalidation: Invalidation): void {
    this.#queuedUpTo = Math.max(this.#queuedUpTo, this.#outbox.add(invalidation));
    this.resume();
  }

  /** To be called when the breaker may have closed. */
  resume(): void {
    if (this.#sending || this.#closed || this.#outbox.size === 0) return;
    this.#cancelRetry?.();
    this.#neutral.runInAsyncScope(() => void this.#send());
  }

  /** One last attempt with all that waits. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelRetry?.();
    const batch = this.#outbox.take(Infinity);
    if (batch.length > 0) {
      const { store, guard } = this.#options;
      const outcome = await guard.attempt(() => store.invalidate(textsOf(batch)), ignored);
      if (outcome.kind === 'answered') this.#confirm(batch);
    }
    this.#abandoned = this.#outbox.size;
    for (const waiter of this.#waiters) this.#tell(waiter, 'queued');
  }

  async #send(): Promise<void> {
    const { store, guard, clearTheWay } = this.#options;
    this.#sending = true;
    while (!this.#closed && this.#outbox.size > 0 && guard.pause === 0) {
      const batch = this.#outbox.take(BATCH);
      await clearTheWay();
      const outcome = await guard.call(() => store.invalidate(textsOf(batch)), ignored);
      if (outcome.kind === 'answered') this.#confirm(batch);
      else this.#fail(batch);
    }
    this.#sending = false;
    if (this.#outbox.size === 0 || this.#closed) return;
    this.#cancelRetry = after(guard.pause, () => this.resume(), { unref: true });
  }

  #confirm(batch: readonly Letter[]): void {
    this.#outbox.confirm(batch);
    const upTo = batch.at(-1)!.number;
    for (const waiter of this.#waiters) if (waiter.number <= upTo) this.#tell(waiter, 'delivered');
    const late = batch.filter((letter) => letter.number <= this.#queuedUpTo);
    if (late.length > 0) callQuietly(() => this.#options.onLate(textsOf(late)));
  }

  #fail(batch: readonly Letter[]): void {
    this.#outbox.fail(batch);
    this.#options.guard.open();
    for (const waiter of this.#waiters) this.#tell(waiter, 'queued');
  }

  #tell(waiter: Waiter, how: 'delivered' | 'queued'): void {
    this.#waiters.delete(waiter);
    if (how === 'queued') this.#queuedUpTo = Math.max(this.#queuedUpTo, waiter.number);
    waiter.tell(how);
  }
}

function textsOf(letters: readonly Letter[]): readonly Invalidation[] {
  return letters.map((letter) => letter.invalidation);
}
