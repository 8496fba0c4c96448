import type { EventEmitter } from 'node:events';
import { Creator } from '../creating/creator.ts';
import { Demand } from '../creating/demand.ts';
import { classify, Failures, type ErrorClass } from '../creating/failures.ts';
import { PoolError, type PoolErrorCode, type PoolErrorDetails } from '../errors.ts';
import type { DestroyReason, ErrorPhase, PoolEvents } from '../events.ts';
import { Health } from '../health/health.ts';
import { Leaks, type Loan } from '../health/leaks.ts';
import type { PoolMetrics } from '../metrics.ts';
import { News } from '../news.ts';
import type { Limits, Milliseconds, PoolOptions } from '../options.ts';
import { ElasticLimit } from '../sizing/elasticity.ts';
import { Rate } from '../sizing/estimates.ts';
import { GrowGate } from '../sizing/grow-gate.ts';
import { recommendedSize } from '../sizing/recommended-size.ts';
import { Arrivals } from './arrivals.ts';
import { Closing, type CloseResult } from './closing.ts';
import { Connections } from './connections.ts';
import { Departures } from './departures.ts';
import { door, type Issuer, type Lease } from './lease.ts';
import { Readiness } from './readiness.ts';
import { isLive, type Slot } from './slot.ts';
import { Waiters, type Patience } from './waiters.ts';

const CLOSED = 'the pool is closed';

/** Of so many leases one is timed for the sizing, where nobody measures them all. */
const TIMED = 32;

/** How long a drained pool waits for what is in flight still. */
const LAST_PATIENCE: Milliseconds = 30_000;

/**
 * Where connections and callers meet: the state of a pool and every change of it.
 *
 * Two invariants carry it. A place that becomes free goes to the caller whose turn it is in the same turn, so while
 * somebody waits no place is free: hence nobody overtakes, without any polling. And a waiter waits for the pool, never
 * for one particular create: whichever place comes first serves it, and a create outlives the caller who asked for it.
 *
 * User functions and listeners run when the state is settled, so they may call the pool. Hence an event is noted with
 * what it shows as the change happens, and told later.
 */
export class Exchange<C> {
  readonly news: News;
  readonly #issuer: Issuer<C>;
  readonly #options: PoolOptions<C>;
  readonly #limits: Limits;
  readonly #connections: Connections<C>;
  readonly #waiters: Waiters<Lease<C>>;
  readonly #failures: Failures;
  readonly #creator: Creator<C>;
  readonly #gate: GrowGate;
  readonly #demand: Demand<C>;
  readonly #callers: Rate;
  /** With `max: 'auto'`. */
  readonly #elastic: ElasticLimit | undefined;
  readonly #departures: Departures<C>;
  readonly #health: Health<C>;
  readonly #leaks: Leaks<C>;
  readonly #readiness = new Readiness();
  readonly #closing: Closing;
  readonly #counts = {
    created: 0,
    acquired: 0,
    released: 0,
    timeouts: 0,
    errors: 0,
    rejected: 0,
    aborted: 0,
  };
  #leases = 0;
  /** A caller was refused since the queue was half empty. */
  #wasFull = false;
  /** An error has told of an outage that is not yet heeded. */
  #outage = false;

  /** @param pool the pool that leases belong to and that emits the events */
  constructor(pool: Issuer<C> & EventEmitter<PoolEvents>, options: PoolOptions<C>) {
    const { clock, min, max, random } = options;
    this.news = new News(pool);
    this.#issuer = pool;
    this.#options = options;
    this.#limits = { min, max };
    this.#closing = new Closing(clock);
    this.#connections = new Connections(options, this.#limits, (slot) => this.#retire(slot, 'idle'));
    this.#waiters = new Waiters(
      clock,
      (waited) => this.#timedOut(waited),
      () => this.#left('aborted'),
    );
    this.#failures = new Failures(options.createRetries, clock, random);
    this.#gate = new GrowGate({ clock });
    this.#creator = new Creator(options, this.#receive());
    this.#demand = new Demand(clock, this.#limits, {
      connections: this.#connections,
      creator: this.#creator,
      failures: this.#failures,
      gate: this.#gate,
      waiters: () => this.#waiters.size - this.#health.checks.promising * this.#connections.expected,
    });
    this.#callers = new Rate(clock);
    if (options.isElastic) this.#elastic = new ElasticLimit({ clock, min: Math.max(1, min), start: max });
    this.#health = new Health(options, {
      connections: this.#connections,
      fail: (error, phase, slot) => void this.#fail(error, phase, slot),
      settle: (slot) => this.#settle(slot),
      seek: () => this.#seek(),
      replace: (slot) => this.#demand.replace(slot),
    });
    this.#departures = new Departures(options, {
      connections: this.#connections,
      forget: (slot) => this.#health.lifetimes.forget(slot),
      news: this.news,
      ended: (slot, error) => {
        if (error !== undefined) this.#fail(error, 'destroy', slot);
        this.#finishClose();
        this.#finish();
      },
    });
    this.#leaks = new Leaks(options.leakThreshold, clock, {
      told: (leak) => {
        this.news.note('leaseLeaked', leak);
        this.news.tell();
      },
      forgotten: ({ slot }) => {
        // In which state its connection is nobody knows.
        this.#connections.doom(slot, 'leaked');
        this.release(slot, undefined);
      },
    });
    // Not within the constructor: `create` may use the pool, and listeners are about to be added.
    if (min > 0) queueMicrotask(() => this.#demand.refill());
  }

  acquire(patience: Patience): Promise<Lease<C>> {
    if (this.#closing.state !== 'open') return Promise.reject(this.#refusal('POOL_CLOSED', CLOSED));
    const { signal } = patience;
    if (signal?.aborted === true) {
      this.#counts.aborted += 1;
      return Promise.reject(signal.reason as Error);
    }
    const trace = this.#leaks.watching ? this.#leaks.trace() : undefined;
    const lease = this.#take(trace);
    return lease === undefined ? this.#queue(patience, trace) : Promise.resolve(lease);
  }

  /** @throws PoolError POOL_CLOSED */
  tryAcquire(): Lease<C> | undefined {
    if (this.#closing.state !== 'open') throw this.#refusal('POOL_CLOSED', CLOSED);
    return this.#take(this.#leaks.watching ? this.#leaks.trace() : undefined);
  }

  /** Of a lease that is spent. */
  destroy(slot: Slot<C>, loan: Loan<C> | undefined, error: unknown): void {
    this.#connections.doom(slot, error === undefined ? 'destroyed' : 'error');
    if (error !== undefined) this.#fail(error, 'use', slot);
    this.release(slot, loan);
  }

  ready(): Promise<void> {
    if (this.#closing.state !== 'open') return Promise.reject(this.#error('POOL_CLOSED', CLOSED));
    if (this.#connections.live >= this.#limits.min) return Promise.resolve();
    if (this.#failures.unavailable) return Promise.reject(this.#unavailable());
    const ready = this.#readiness.wait();
    this.#demand.refill();
    return ready;
  }

  get limits(): Readonly<Limits> {
    return this.#limits;
  }

  resize(limits: Limits): void {
    Object.assign(this.#limits, limits);
    this.#condemn(this.#connections.surplus(this.#connections.live - this.#limits.max), 'surplus');
    this.#connections.watch();
    this.#demand.refill();
    this.#reportReady();
  }

  invalidateAll(): void {
    this.#creator.outdate();
    this.#condemn([...this.#connections.all], 'invalidated');
  }

  getMetrics(): PoolMetrics {
    const places = this.#connections.places;
    return Object.freeze({
      ...this.#counts,
      destroyed: this.#departures.destroyed,
      retired: this.#departures.retired,
      totalConnections: this.#connections.all.size,
      availableConnections: this.#connections.idle.size,
      inUseConnections: this.#connections.inUse,
      utilizationRate: places === 0 ? 0 : (this.#leases / places) * 100,
      pending: this.#waiters.size,
      creating: this.#creator.size,
      leases: this.#leases,
      leaked: this.#leaks.leaked,
      unavailable: this.#failures.unavailable ? 1 : 0,
      recommendedSize: this.#recommendedSize(),
    });
  }

  drain(patience: Milliseconds): Promise<CloseResult> {
    if (this.#closing.state === 'open') {
      this.#closing.enter('draining', patience, () => this.#close(0));
      this.#finishDrain();
    }
    return this.#closing.result;
  }

  close(patience: Milliseconds): Promise<CloseResult> {
    if (this.#closing.state === 'open' || this.#closing.state === 'draining') this.#close(patience);
    return this.#closing.result;
  }

  /** What becomes of creates. */
  #receive(): Arrivals<C> {
    return new Arrivals(this.#options, this.#limits, {
      connections: this.#connections,
      failures: this.#failures,
      gate: this.#gate,
      news: this.news,
      isClosing: () => this.#closing.state === 'closing',
      count: () => `${(this.#counts.created += 1)}`,
      arrived: (slot, replaced) => {
        if (isLive(slot)) this.#health.lifetimes.add(slot);
        if (replaced !== undefined) this.#doom([replaced], 'expired');
        this.#settle(slot);
        this.#demand.look();
        this.#reportReady();
      },
      failed: () => {
        this.#seek();
        this.#finishClose();
        this.#finish();
      },
      retire: (slot, reason) => this.#retire(slot, reason),
      evict: (slot, error) => this.#health.evict(slot, error),
      charge: (error, round) => this.#charge(error, round),
    });
  }

  #take(trace: Error | undefined): Lease<C> | undefined {
    const slot = this.#connections.withFreePlace();
    if (slot === undefined) return undefined;
    if (this.#health.checks.isDue(slot)) {
      this.#health.checks.borrow(slot);
      return undefined;
    }
    const lease = this.#grant(slot, trace);
    this.#connections.place(slot);
    this.news.measure('wait', 0);
    this.news.tell();
    return lease;
  }

  #queue(patience: Patience, trace: Error | undefined): Promise<Lease<C>> {
    const { maxPending } = this.#options;
    if (this.#failures.unavailable && this.#connections.live === 0) {
      this.#counts.rejected += 1;
      return Promise.reject(this.#unavailable());
    }
    // Callers for whom a place is or may be under way are no queue: a cold pool takes a burst of all its places.
    const underWay = Math.max(0, this.#limits.max - this.#connections.all.size) + this.#health.checks.borrows;
    if (this.#waiters.size - underWay * this.#connections.expected >= maxPending) {
      this.#wasFull = true;
      return Promise.reject(this.#refusal('POOL_QUEUE_FULL', `maxPending is ${maxPending}`));
    }
    const promise = this.#waiters.join(patience, trace);
    if (this.#connections.all.size < this.#limits.max) this.#demand.look();
    return promise;
  }

  #grant(slot: Slot<C>, trace: Error | undefined): Lease<C> {
    slot.leases += 1;
    slot.uses += 1;
    this.#leases += 1;
    this.#counts.acquired += 1;
    this.news.event('connectionAcquired', slot);
    const { watching } = this.#leaks;
    if (!watching && !this.news.measures.active && this.#counts.acquired % TIMED !== 1) {
      return door.grant(this.#issuer, slot, undefined);
    }
    const loan = { slot, since: this.#options.clock.now(), trace, deadline: undefined };
    const lease = door.grant(this.#issuer, slot, loan);
    if (watching) this.#leaks.watch(loan, lease);
    return lease;
  }

  /** Of a lease that is spent. */
  release(slot: Slot<C>, loan: Loan<C> | undefined): void {
    const { clock, maxUses, reset } = this.#options;
    slot.leases -= 1;
    this.#leases -= 1;
    this.#counts.released += 1;
    if (slot.uses >= maxUses) this.#connections.doom(slot, 'worn');
    const isTimed = loan !== undefined || this.#gate.watching;
    // What goes from hand to hand costs no look at the clock.
    if (isTimed || this.#waiters.size === 0 || slot.state !== 'usable') slot.lastUsed = clock.now();
    this.news.event('connectionReleased', slot);
    if (isTimed) this.#timed(slot.lastUsed, loan);
    if (reset !== undefined && slot.leases === 0 && slot.state === 'usable') this.#health.resets.start(slot);
    if (this.#elastic !== undefined) this.#stretch(this.#elastic);
    this.#settle(slot);
    if (this.#gate.watching) this.#demand.look();
  }

  /** Lets the size follow the throughput, before the place of the lease that ended is given on. */
  #stretch(elastic: ElasticLimit): void {
    elastic.completed({ waiters: this.#waiters.size, size: this.#connections.all.size });
    const before = this.#limits.max;
    this.#follow(elastic);
    if (this.#limits.max > before) this.#demand.look();
  }

  #follow({ limit }: ElasticLimit): void {
    this.#limits.max = Math.max(limit, this.#limits.min);
    const surplus = this.#connections.live - this.#limits.max;
    if (surplus > 0) this.#condemn(this.#connections.surplus(surplus), 'surplus');
  }

  /** While the gate lets callers wait it is told of each lease that ends, though few are timed. */
  #timed(now: Milliseconds, loan: Loan<C> | undefined): void {
    const held = loan === undefined ? NaN : now - loan.since;
    this.#gate.heldFor(held);
    this.news.measure('use', held);
    if (loan !== undefined) this.#leaks.end(loan);
  }

  /** Ends the change of a connection. */
  #settle(slot: Slot<C>): void {
    this.#arrange(slot);
    this.#finish();
  }

  /**
   * Gives the free places of a connection to callers who wait and lists it for what is left; one that is doomed is dropped
   * when no lease holds it any more.
   */
  #arrange(slot: Slot<C>): void {
    while (this.#waiters.size > 0 && this.#connections.hasFreePlace(slot)) this.#serve(slot);
    this.#connections.place(slot);
    if (slot.state === 'doomed' && slot.leases === 0) this.#departures.drop(slot);
  }

  /** What follows from changes, once for all that belong together; then listeners hear of it all and connections end. */
  #finish(): void {
    if (this.#outage) this.#heed();
    if (this.#departures.isPending) this.#seek();
    if (this.#wasFull) this.#relieve();
    if (this.#closing.state === 'draining') this.#finishDrain();
    this.news.tell();
    if (this.#departures.isPending) this.#departures.destroy();
  }

  #serve(slot: Slot<C>): void {
    const waiter = this.#waiters.shift();
    if (waiter === undefined) return;
    waiter.resolve(this.#grant(slot, waiter.trace));
    if (this.news.measures.active) this.news.measure('wait', this.#options.clock.now() - waiter.since);
  }

  /** Sees to it that something comes for those who wait: a check of an idle connection, or a create. */
  #seek(): void {
    while (this.#waiters.size > this.#health.checks.borrows) {
      const slot = this.#connections.withFreePlace();
      if (slot === undefined) break;
      if (this.#health.checks.isDue(slot)) this.#health.checks.borrow(slot);
      else this.#arrange(slot);
    }
    this.#demand.look();
  }

  #timedOut(waited: Milliseconds): PoolError {
    this.#left('timeouts');
    const why = `no place became free in ${Math.round(waited)} ms`;
    return this.#error('POOL_ACQUIRE_TIMEOUT', why, { waited, cause: this.#failures.last });
  }

  /** A caller has left the queue unserved. */
  #left(count: 'timeouts' | 'aborted'): void {
    this.#counts[count] += 1;
    if (this.#gate.watching) this.#demand.look();
    this.#finish();
  }

  #relieve(): void {
    if (this.#waiters.size > this.#options.maxPending / 2) return;
    this.#wasFull = false;
    this.news.note('drain', { pending: this.#waiters.size });
  }

  /** A failure costs no caller while it may be tried again; what cannot be cured costs all, so that failures come to an end. */
  #charge(error: PoolError, round: number): void {
    const kind = this.#fail(error, 'create');
    const cost = this.#failures.failed(error, kind, round);
    if (kind === 'overloaded' && this.#elastic !== undefined) {
      this.#elastic.overloaded(this.#connections.live);
      this.#follow(this.#elastic);
    }
    if (cost === 'one') this.#refuse(error, 1);
    if (cost !== 'all') return;
    const reason = kind === 'fatal' ? error : this.#unavailable();
    this.#readiness.fail(reason);
    if (kind === 'fatal' || this.#connections.live === 0) this.#refuse(reason, this.#waiters.size);
  }

  #refuse(reason: PoolError, count: number): void {
    for (let refused = 0; refused < count; refused += 1) {
      const waiter = this.#waiters.shift();
      if (waiter === undefined) return;
      this.#counts.rejected += 1;
      waiter.reject(reason);
    }
  }

  #retire(slot: Slot<C>, reason: DestroyReason): void {
    this.#connections.doom(slot, reason);
    this.#settle(slot);
  }

  #condemn(slots: readonly Slot<C>[], reason: DestroyReason): void {
    this.#doom(slots, reason);
    this.#finish();
  }

  /** All at once, so that nobody gets one of them in place of another. */
  #doom(slots: readonly Slot<C>[], reason: DestroyReason): void {
    for (const slot of slots) this.#connections.doom(slot, reason);
    for (const slot of slots) this.#arrange(slot);
  }

  #heed(): void {
    this.#outage = false;
    this.#creator.outdate();
    this.#doom([...this.#connections.all], 'invalidated');
  }

  #finishDrain(): void {
    if (this.#waiters.size === 0 && this.#leases === 0) this.#close(LAST_PATIENCE);
  }

  #close(patience: Milliseconds): void {
    this.#closing.enter('closing', patience, () => this.#force());
    this.#connections.stop();
    this.#demand.stop();
    const reason = this.#error('POOL_CLOSED', CLOSED);
    this.#refuse(reason, this.#waiters.size);
    this.#readiness.fail(reason);
    this.#health.checks.stop(reason);
    this.#creator.abort(reason);
    this.#condemn([...this.#connections.all], 'shutdown');
    this.#health.resets.stop();
    this.#finishClose();
  }

  #finishClose(): void {
    const isDone = this.#leases === 0 && this.#departures.inFlight === 0 && this.#creator.size === 0;
    if (isDone && this.#closing.state === 'closing') this.#closing.finish([]);
  }

  /** The deadline has passed: what is still leased is destroyed under its users, what hangs is left behind. */
  #force(): void {
    const leases = this.#leaks.held(this.#connections.all);
    this.#leaks.stop();
    this.#creator.abandon();
    for (const slot of this.#connections.all) this.#departures.drop(slot);
    this.#closing.finish(leases);
    this.#finish();
  }

  #reportReady(): void {
    if (this.#readiness.isAwaited && this.#connections.live >= this.#limits.min) this.#readiness.reach();
  }

  #recommendedSize(): number {
    const { acquired, timeouts, aborted, rejected } = this.#counts;
    const arrivals = this.#callers.read(acquired + timeouts + aborted + rejected);
    const { hold } = this.#gate;
    if (arrivals === undefined || hold === undefined) return 0;
    return recommendedSize({ arrivals, hold, concurrency: this.#connections.expected });
  }

  #error(code: PoolErrorCode, why: string, details?: PoolErrorDetails): PoolError {
    const [total, leased, pending] = [this.#connections.all.size, this.#connections.inUse, this.#waiters.size];
    const state = `${leased} of ${total} connections leased, ${this.#creator.size} creating, ${pending} callers waiting`;
    return new PoolError(code, `Cannot acquire a connection: ${why} (${state})`, {
      ...details,
      pending,
      total,
      leased,
    });
  }

  #refusal(code: PoolErrorCode, why: string): PoolError {
    this.#counts.rejected += 1;
    return this.#error(code, why);
  }

  #unavailable(): PoolError {
    const cause = this.#failures.last;
    return this.#error('POOL_UNAVAILABLE', 'too many creates have failed, none is tried for a while', { cause });
  }

  /** Counts and tells an error, and says what it means. */
  #fail(error: unknown, phase: ErrorPhase, slot?: Slot<C>): ErrorClass {
    this.#counts.errors += 1;
    this.news.event('connectionError', slot, { error, phase });
    const kind = classify(this.#options.classifyError, error, phase);
    if (kind === 'outage') this.#outage = true;
    return kind;
  }
}
