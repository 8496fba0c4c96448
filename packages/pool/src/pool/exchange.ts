import type { Changes } from '../connections/changes.ts';
import type { Connections } from '../connections/connections.ts';
import type { Share } from '../connections/share.ts';
import type { Loan, Slot } from '../connections/slot.ts';
import type { Creator } from '../creating/creator.ts';
import type { Demand } from '../creating/demand.ts';
import type { Failures } from '../creating/failures.ts';
import type { PoolError } from '../errors.ts';
import type { DestroyReason } from '../events.ts';
import type { Diagnosis } from '../health/diagnosis.ts';
import type { Health } from '../health/health.ts';
import type { Leaks } from '../health/leaks.ts';
import type { News } from '../news.ts';
import type { Clock, Limits, Milliseconds, PoolOptions } from '../options.ts';
import type { GrowGate } from '../sizing/grow-gate.ts';
import type { Sizing } from '../sizing/sizing.ts';
import type { Tally } from '../tally.ts';
import type { Closing } from './closing.ts';
import type { Departures } from './departures.ts';
import { door, type Issuer, type Lease } from './lease.ts';
import type { Refusals } from './refusals.ts';
import type { Patience, Waiters } from './waiters.ts';

/** Of so many leases one is timed for the sizing, where nobody measures them all. */
const TIMED = 64;

/** Between whom the exchange stands. */
export interface ExchangeParts<C> {
  readonly options: PoolOptions<C>;
  readonly closing: Closing<C>;
  readonly connections: Connections<C>;
  readonly creator: Creator<C>;
  readonly demand: Demand<C>;
  readonly departures: Departures<C>;
  readonly diagnosis: Diagnosis<C>;
  readonly failures: Failures;
  readonly health: Health<C>;
  readonly leaks: Leaks<C>;
  readonly news: News;
  readonly refusals: Refusals<C>;
  readonly share: Share<C> | undefined;
  readonly sizing: Sizing;
  readonly stamps: Clock;
  readonly tally: Tally;
  readonly waiters: Waiters<Lease<C>>;
}

/**
 * Where connections and callers meet.
 *
 * Two invariants carry it. A place that becomes free goes to the caller whose turn it is in the same turn, so while
 * somebody waits no place is free: hence nobody overtakes, without any polling. And a waiter waits for the pool, never
 * for one particular create: whichever place comes first serves it, and a create outlives the caller who asked for it.
 *
 * User functions and listeners run when the state is settled, so they may call the pool. Hence an event is noted with
 * what it shows as the change happens, and told later.
 */
export class Exchange<C> implements Changes<C>, Issuer<C> {
  /**
   * Nobody uses it. V8 forgets the shape of a class when a full collection finds no instance, and drops all code that it
   * had optimised for it: a pool that is idle just then would have to warm up again.
   */
  readonly example: Lease<C> = door.spent(this);
  readonly #parts: ExchangeParts<C>;
  // What each acquire and release needs, at hand: a step through the parts would cost a tenth of them.
  readonly #clock: Clock;
  readonly #closing: Closing<C>;
  readonly #connections: Connections<C>;
  readonly #gate: GrowGate;
  readonly #leaks: Leaks<C>;
  readonly #limits: Readonly<Limits>;
  readonly #news: News;
  readonly #share: Share<C> | undefined;
  readonly #stamps: Clock;
  readonly #tally: Tally;
  readonly #waiters: Waiters<Lease<C>>;
  readonly #validates: boolean;
  /** Whether something is to be done with a connection that comes back. */
  readonly #mends: boolean;

  constructor(parts: ExchangeParts<C>) {
    const { options, sizing } = parts;
    this.#parts = parts;
    this.#clock = options.clock;
    this.#closing = parts.closing;
    this.#connections = parts.connections;
    this.#gate = sizing.gate;
    this.#leaks = parts.leaks;
    this.#limits = sizing.limits;
    this.#news = parts.news;
    this.#share = parts.share;
    this.#stamps = parts.stamps;
    this.#tally = parts.tally;
    this.#waiters = parts.waiters;
    this.#validates = options.validateAfter !== Infinity;
    this.#mends = options.maxUses !== Infinity || options.reset !== undefined || sizing.isElastic;
  }

  acquire(patience: Patience): Promise<Lease<C>> {
    if (this.#closing.state !== 'open' || patience.signal?.aborted === true) return this.#decline(patience);
    const trace = this.#leaks.watching ? this.#leaks.trace() : undefined;
    const lease = this.#take(trace);
    return lease === undefined ? this.#queue(patience, trace) : Promise.resolve(lease);
  }

  /** @throws PoolError POOL_CLOSED */
  tryAcquire(): Lease<C> | undefined {
    if (this.#closing.state !== 'open') throw this.#parts.refusals.closed();
    return this.#take(this.#leaks.watching ? this.#leaks.trace() : undefined);
  }

  /** Of a lease that is spent; one that was forgotten is undefined. */
  release(slot: Slot<C>, loan: Loan<C> | undefined, lease: object | undefined): void {
    this.#end(slot, loan, lease, undefined);
  }

  /** Of a lease that is spent. */
  destroy(slot: Slot<C>, loan: Loan<C> | undefined, lease: object, error: unknown): void {
    this.#connections.doom(slot, error === undefined ? 'destroyed' : 'error');
    if (error !== undefined) this.#parts.diagnosis.of(error, 'use', slot);
    this.#end(slot, loan, lease, error);
  }

  settle(slot: Slot<C>): void {
    this.#arrange(slot);
    this.finish();
  }

  retire(slots: readonly Slot<C>[], reason: DestroyReason): void {
    this.#doom(slots, reason);
    this.finish();
  }

  /** Gives up what is more than `max`. */
  trim(): void {
    const { connections, sizing } = this.#parts;
    const surplus = connections.live - sizing.limits.max;
    if (surplus > 0) this.retire(connections.surplus(surplus), 'surplus');
  }

  /** Sees to it that something comes for those who wait: a check of an idle connection, or a create. */
  seek(): void {
    const { connections, demand, health, waiters } = this.#parts;
    while (waiters.size > health.checks.borrows) {
      const slot = connections.withFreePlace();
      if (slot === undefined) break;
      if (health.checks.isDue(slot)) health.checks.borrow(slot);
      else this.#arrange(slot);
    }
    demand.look();
  }

  finish(): void {
    const { departures, diagnosis, refusals } = this.#parts;
    if (diagnosis.outage) this.#heed();
    if (departures.isPending) this.seek();
    if (refusals.wasFull) refusals.relieve();
    if (this.#closing.state !== 'open') this.#closing.look();
    if (this.#news.isUntold) this.#news.tell();
    if (departures.isPending) departures.destroy();
    this.#share?.settled();
  }

  /** A caller has left the queue, and learns why. */
  timedOut(waited: Milliseconds): PoolError {
    const error = this.#parts.refusals.timedOut(waited);
    this.#left();
    return error;
  }

  /** A caller has left the queue. */
  aborted(): void {
    this.#parts.tally.aborted += 1;
    this.#left();
  }

  /** Of a caller who comes too late. */
  #decline({ signal }: Patience): Promise<never> {
    if (this.#closing.state !== 'open') return Promise.reject(this.#parts.refusals.closed());
    this.#tally.aborted += 1;
    return Promise.reject(signal?.reason as Error);
  }

  #take(trace: Error | undefined): Lease<C> | undefined {
    const slot = this.#connections.withFreePlace();
    if (slot === undefined) return undefined;
    if (this.#validates && this.#parts.health.checks.isDue(slot)) {
      this.#parts.health.checks.borrow(slot);
      return undefined;
    }
    const lease = this.#grant(slot, trace);
    this.#connections.fill(slot);
    if (this.#limits.minIdle > 0) this.#parts.demand.look();
    if (this.#news.measures.active) this.#news.measure('wait', 0);
    if (this.#news.isUntold) this.#news.tell();
    return lease;
  }

  #queue(patience: Patience, trace: Error | undefined): Promise<Lease<C>> {
    const { demand, failures, options } = this.#parts;
    const mayRefuse = this.#waiters.size >= options.maxPending || failures.unavailable;
    const refusal = mayRefuse ? this.#refusal() : undefined;
    if (refusal !== undefined) return Promise.reject(refusal);
    const isTimed = patience.timeout !== Infinity || this.#news.measures.active;
    const promise = this.#waiters.join(patience, (isTimed ? this.#clock : this.#stamps).now(), trace);
    if (this.#connections.all.size < this.#limits.max) demand.look();
    return promise;
  }

  /** Why one more caller cannot wait, if he cannot. */
  #refusal(): PoolError | undefined {
    const { connections, failures, health, options, refusals, tally, waiters } = this.#parts;
    if (failures.unavailable && connections.live === 0) {
      tally.rejected += 1;
      return refusals.unavailable();
    }
    // Callers for whom a place is or may be under way are no queue: a cold pool takes a burst of all its places.
    const underWay = Math.max(0, this.#limits.max - connections.all.size) + health.checks.borrows;
    const isFull = waiters.size - underWay * connections.expected >= options.maxPending;
    return isFull ? refusals.queueFull() : undefined;
  }

  #grant(slot: Slot<C>, trace: Error | undefined): Lease<C> {
    slot.leases += 1;
    slot.uses += 1;
    this.#tally.acquired += 1;
    if (this.#news.isHeard) this.#news.event('connectionAcquired', slot);
    const isTimed = this.#leaks.watching || this.#news.measures.active || this.#tally.acquired % TIMED === 1;
    return isTimed ? this.#lend(slot, trace) : door.grant(this, slot, undefined);
  }

  #lend(slot: Slot<C>, trace: Error | undefined): Lease<C> {
    const loan = { slot, since: this.#clock.now(), trace, deadline: undefined };
    const lease = door.grant(this, slot, loan);
    if (this.#leaks.watching) this.#leaks.watch(loan, lease);
    return lease;
  }

  /**
   * Gives the free places of a connection to callers who wait and lists it for what is left; one that is doomed is dropped
   * when no lease holds it any more.
   */
  #arrange(slot: Slot<C>): void {
    const mayCede = this.#share !== undefined && slot.state === 'usable';
    if (mayCede && this.#share.cedes(slot, this.#waiters.since)) this.#connections.doom(slot, 'ceded');
    let hasPlace = this.#connections.hasFreePlace(slot);
    while (hasPlace && this.#waiters.size > 0) {
      this.#serve(slot);
      hasPlace = this.#connections.hasFreePlace(slot);
    }
    this.#connections.place(slot, hasPlace);
    if (slot.state === 'doomed' && slot.leases === 0) this.#parts.departures.drop(slot);
  }

  #serve(slot: Slot<C>): void {
    const waiter = this.#waiters.shift();
    if (waiter === undefined) return;
    waiter.resolve(this.#grant(slot, waiter.trace));
    if (this.#news.measures.active) this.#news.measure('wait', this.#clock.now() - waiter.since);
  }

  /** While the gate lets callers wait it is told of each lease that ends, though few are timed. */
  #timed(loan: Loan<C> | undefined): void {
    const { leaks, news, sizing } = this.#parts;
    const held = loan === undefined ? NaN : this.#clock.now() - loan.since;
    sizing.gate.heldFor(held);
    news.measure('use', held);
    if (loan !== undefined && leaks.watching) leaks.end(loan);
  }

  #end(slot: Slot<C>, loan: Loan<C> | undefined, lease: object | undefined, error: unknown): void {
    const isTimed = loan !== undefined || this.#gate.watching;
    slot.leases -= 1;
    this.#tally.released += 1;
    slot.lastUsed = this.#stamps.now();
    if (this.#news.isHeard) this.#news.event('connectionReleased', slot);
    if (isTimed) this.#timed(loan);
    if (this.#share !== undefined && lease !== undefined) this.#share.ended?.(lease, slot, error);
    if (this.#mends) this.#mend(slot);
    this.#arrange(slot);
    this.finish();
    if (this.#gate.watching) this.#parts.demand.look();
  }

  /** What some pools do with a connection that comes back, before its place is given on. */
  #mend(slot: Slot<C>): void {
    const { health, options, sizing } = this.#parts;
    if (slot.uses >= options.maxUses) this.#connections.doom(slot, 'worn');
    if (options.reset !== undefined && slot.leases === 0 && slot.state === 'usable') health.resets.start(slot);
    if (sizing.isElastic) this.#stretch();
  }

  /** Lets the size follow the throughput, before the place of the lease that ended is given on. */
  #stretch(): void {
    const { connections, demand, sizing, waiters } = this.#parts;
    const before = sizing.limits.max;
    sizing.completed({ waiters: waiters.size, size: connections.all.size });
    this.trim();
    if (sizing.limits.max > before) demand.look();
  }

  #left(): void {
    const { demand, sizing } = this.#parts;
    if (sizing.gate.watching) demand.look();
    this.finish();
  }

  #doom(slots: readonly Slot<C>[], reason: DestroyReason): void {
    const { connections } = this.#parts;
    for (const slot of slots) connections.doom(slot, reason);
    for (const slot of slots) this.#arrange(slot);
  }

  #heed(): void {
    const { connections, creator, diagnosis } = this.#parts;
    diagnosis.outage = false;
    creator.outdate();
    this.#doom([...connections.all], 'invalidated');
  }
}
