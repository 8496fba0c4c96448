import { Deadlines } from '@forge/internal';
import type { HeldLease } from '../events.ts';
import type { News } from '../news.ts';
import type { PoolOptions } from '../options.ts';
import type { Connections } from '../connections/connections.ts';
import { view, type Loan, type Slot } from '../connections/slot.ts';

/** Of so many acquires one tells where it was called, until the first leak: a stack costs some microseconds. */
const SAMPLE = 64;

/** Where leaks end: each is told once, and a lease that was forgotten has to be ended. */
export interface LeakParts<C> {
  readonly options: PoolOptions<C>;
  readonly connections: Connections<C>;
  readonly news: News;
  readonly exchange: { release(slot: Slot<C>, loan: Loan<C> | undefined, lease: undefined): void };
}

/**
 * Leases that are held for too long, and those that nobody can give back any more because the lease itself was garbage
 * collected. It knows a lease by its loan, which does not refer to it.
 */
export class Leaks<C> {
  readonly watching: boolean;
  readonly #parts: LeakParts<C>;
  readonly #loans = new Set<Loan<C>>();
  readonly #deadlines: Deadlines<Loan<C>>;
  readonly #registry: FinalizationRegistry<Loan<C>>;
  #acquires = 0;
  #leaked = 0;

  constructor(parts: LeakParts<C>) {
    const { clock, leakThreshold } = parts.options;
    this.watching = leakThreshold !== Infinity;
    this.#parts = parts;
    this.#deadlines = new Deadlines(clock, (loan) => this.#leak(loan), { unref: true });
    this.#registry = new FinalizationRegistry((loan) => {
      // One whose loan has ended was given back just before.
      if (!this.#loans.has(loan)) return;
      if (loan.deadline !== undefined) this.#leak(loan);
      // In which state its connection is nobody knows.
      parts.connections.doom(loan.slot, 'leaked');
      parts.exchange.release(loan.slot, undefined, undefined);
    });
  }

  /** Leases told so far. */
  get leaked(): number {
    return this.#leaked;
  }

  /** The place of this call, for one call in {@link SAMPLE} and for each after the first leak. */
  trace(): Error | undefined {
    this.#acquires += 1;
    if (this.#leaked === 0 && this.#acquires % SAMPLE !== 1) return undefined;
    return new Error('A lease was acquired');
  }

  watch(loan: Loan<C>, lease: object): void {
    loan.deadline = this.#deadlines.add(loan, loan.since + this.#parts.options.leakThreshold);
    this.#loans.add(loan);
    this.#registry.register(lease, loan, loan);
  }

  end(loan: Loan<C>): void {
    if (!this.#loans.delete(loan)) return;
    this.#registry.unregister(loan);
    if (loan.deadline !== undefined) this.#deadlines.remove(loan.deadline);
  }

  /** Ends them all: nobody is told any more. */
  stop(): void {
    for (const loan of this.#loans) this.end(loan);
  }

  /** Every lease on these connections, with what is known about it. */
  held(slots: Iterable<Slot<C>>): HeldLease[] {
    const known = new Map<Slot<C>, HeldLease[]>();
    for (const loan of this.#loans) known.set(loan.slot, [...(known.get(loan.slot) ?? []), this.#describe(loan)]);
    return Array.from(slots).flatMap((slot) => {
      const leases = known.get(slot) ?? [];
      const unknown = { connection: view(slot), held: undefined, stack: undefined };
      return Array.from({ length: slot.leases }, (_, index) => leases[index] ?? unknown);
    });
  }

  #leak(loan: Loan<C>): void {
    if (loan.deadline !== undefined) this.#deadlines.remove(loan.deadline);
    loan.deadline = undefined;
    this.#leaked += 1;
    const { news } = this.#parts;
    news.note('leaseLeaked', this.#describe(loan));
    news.tell();
  }

  #describe({ slot, since, trace }: Loan<C>): HeldLease {
    return Object.freeze({
      connection: view(slot),
      held: this.#parts.options.clock.now() - since,
      stack: trace?.stack,
    });
  }
}
