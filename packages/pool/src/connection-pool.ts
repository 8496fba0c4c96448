import { EventEmitter } from 'node:events';
import { Deadlines, Measures, emit, functionOption, numberOption } from '@forge/internal';
import { Connections } from './connections.ts';
import { Creator } from './creator.ts';
import { PoolError, type PoolErrorCode } from './errors.ts';
import type { DestroyReason, ErrorPhase, PoolEvents } from './events.ts';
import { HealthChecks } from './health.ts';
import { grant, leasedAt, spend, type Lease } from './lease.ts';
import {
  metricKinds,
  noCounts,
  type Counts,
  type MeasureListener,
  type MetricKinds,
  type PoolMetrics,
} from './metrics.ts';
import { resolveOptions, type ConnectionConfig, type Milliseconds, type PoolOptions } from './options.ts';
import { Slot, view } from './slot.ts';
import { Waiters } from './waiters.ts';

/** How one caller waits. */
export interface AcquireOptions {
  /** Ends the wait; the promise rejects with its reason. */
  readonly signal?: AbortSignal;
  /** Longest wait of this caller. @default the pool's acquireTimeout */
  readonly timeout?: Milliseconds;
}

/** How long a closing pool waits. */
export interface CloseOptions {
  /** After this long, what has not come back is destroyed. @default 30_000 */
  readonly deadline?: Milliseconds;
}

/** How a close went. */
export interface CloseResult {
  /** Leases that had not come back by the deadline. */
  readonly leaked: number;
}

/**
 * A lost minimum is refilled at most once in this time. Upstreams take seconds to restart, so faster only hammers one
 * that is down; callers who wait do not depend on it, for they start creates of their own.
 */
const REFILL_DELAY: Milliseconds = 1_000;

/**
 * A pool of connections, of any kind, that hands out leases.
 *
 * Two invariants carry it. A place that becomes free goes to the longest waiting caller in the same turn, so while
 * somebody waits no place is free: hence nobody overtakes, without any polling. And a waiter waits for the pool, never
 * for one particular create: whichever place comes first serves it, and a create outlives the caller who asked for it.
 *
 * User functions and listeners run when the state is settled, so they may call the pool.
 *
 * @example
 * const pool = new ConnectionPool({ create: (signal) => connect({ signal }), destroy: (c) => c.end(), max: 20 });
 * const rows = await pool.use((connection) => connection.query('select 1'));
 */
export class ConnectionPool<C> extends EventEmitter<PoolEvents> {
  readonly metricKinds: MetricKinds = metricKinds;
  readonly #options: PoolOptions<C>;
  readonly #connections: Connections<C>;
  readonly #waiters: Waiters<Lease<C>>;
  readonly #creator: Creator<C>;
  readonly #checks: HealthChecks<C> | undefined;
  readonly #measures = new Measures();
  readonly #counts: Counts = { ...noCounts };
  #leases = 0;
  #destroying = 0;
  #refillTimer: NodeJS.Timeout | undefined;
  #closing: Promise<CloseResult> | undefined;
  #finish: ((leaked: number) => void) | undefined;

  /** @throws TypeError, RangeError when an option is wrong */
  constructor(config: ConnectionConfig<C>) {
    super();
    const options = resolveOptions(config);
    this.#options = options;
    this.#connections = new Connections(options, (slot) => this.#retire(slot, 'idle'));
    this.#waiters = new Waiters(options.clock, {
      timedOut: (waited) => this.#timedOut(waited),
      aborted: () => (this.#counts.aborted += 1),
    });
    this.#creator = new Creator(options, {
      created: (connection, took) => this.#arrive(connection, took),
      failed: (error) => this.#createFailed(error),
      late: (connection) => this.#turnAway(connection, 'late'),
    });
    const { healthCheckInterval, validate } = options;
    if (validate !== undefined && healthCheckInterval > 0) {
      this.#checks = new HealthChecks(healthCheckInterval, validate, {
        idle: () => this.#connections.idleOnes(),
        hold: (slot) => this.#connections.hold(slot),
        settle: (slot, failure) => this.#settleCheck(slot, failure),
      });
    }
    // Not within the constructor: `create` may use the pool, and listeners are about to be added.
    if (options.min > 0) queueMicrotask(() => this.#refill());
  }

  /**
   * Leases a connection: one with a free place at once, else the first place that becomes free, in order of calling.
   *
   * @throws RangeError when the timeout is out of range
   * @throws PoolError POOL_ACQUIRE_TIMEOUT, POOL_QUEUE_FULL, POOL_CLOSED, or POOL_CREATE_FAILED, POOL_CREATE_TIMEOUT
   *   when it had waited longest as a create failed (all as rejections)
   */
  acquire(options: AcquireOptions = {}): Promise<Lease<C>> {
    const { acquireTimeout, concurrency, maxPending } = this.#options;
    const { signal } = options;
    const timeout = numberOption('acquire a connection', 'timeout', options.timeout, acquireTimeout);
    if (this.#closing !== undefined) return this.#refuse('POOL_CLOSED', 'the pool is closed');
    if (signal?.aborted === true) {
      this.#counts.aborted += 1;
      return Promise.reject(signal.reason as Error);
    }
    const lease = this.#take();
    if (lease !== undefined) return Promise.resolve(lease);
    // Callers for whom a create is or would be under way are no queue: a cold pool takes a burst of all its places.
    const queued = this.#waiters.size - this.#creator.size * concurrency;
    if (queued >= maxPending && !this.#room) return this.#refuse('POOL_QUEUE_FULL', `maxPending is ${maxPending}`);
    const promise = this.#waiters.join(timeout, signal);
    this.#grow();
    return promise;
  }

  /**
   * Leases a connection that is ready now, or returns undefined; it never starts a create.
   *
   * @throws PoolError POOL_CLOSED
   */
  tryAcquire(): Lease<C> | undefined {
    if (this.#closing !== undefined) throw this.#error('POOL_CLOSED', 'the pool is closed');
    return this.#take();
  }

  /**
   * Ends a lease; its place goes to the longest waiting caller at once.
   *
   * @throws PoolError POOL_LEASE_STALE, POOL_LEASE_FOREIGN; TypeError when it is no lease
   */
  release(lease: Lease<C>): void {
    this.#end(spend(this, lease, 'release'), lease);
  }

  /**
   * Ends a lease and its connection, as {@link Lease.destroy}.
   *
   * @throws PoolError POOL_LEASE_STALE, POOL_LEASE_FOREIGN; TypeError when it is no lease
   */
  destroy(lease: Lease<C>, error?: unknown): void {
    const slot = spend(this, lease, 'destroy');
    this.#connections.doom(slot, error === undefined ? 'destroyed' : 'error');
    this.#end(slot, lease);
    if (error !== undefined) this.#fail(error, 'use', slot);
  }

  /**
   * Runs `fn` with a leased connection and releases it however `fn` ends. An error of `fn` says nothing about the
   * connection: call `lease.destroy(error)` when it broke. `signal` and `timeout` bound the wait, not `fn`.
   */
  use<T>(fn: (connection: C, lease: Lease<C>) => T | PromiseLike<T>, options?: AcquireOptions): Promise<T> {
    functionOption('use a connection', 'fn', fn);
    return this.acquire(options).then(async (lease) => {
      try {
        return await fn(lease.connection, lease);
      } finally {
        lease[Symbol.dispose]();
      }
    });
  }

  /** Counters since the start and gauges of now, as a frozen snapshot. */
  getMetrics(): PoolMetrics {
    const total = this.#connections.size;
    return Object.freeze({
      ...this.#counts,
      totalConnections: total,
      availableConnections: this.#connections.idle,
      inUseConnections: this.#connections.inUse,
      utilizationRate: total === 0 ? 0 : (this.#leases / (total * this.#options.concurrency)) * 100,
      pending: this.#waiters.size,
      creating: this.#creator.size,
      leases: this.#leases,
    });
  }

  /**
   * Adds a listener for `wait` (of each acquire), `create` and `use` (of each lease), in ms, and returns the function
   * that removes it. Without one nothing is measured.
   */
  onMeasure(listener: MeasureListener): () => void {
    functionOption('measure', 'listener', listener);
    return this.#measures.add(listener);
  }

  /**
   * Refuses new callers and those who wait, destroys what is idle, waits for leases, creates and destroys in flight,
   * and resolves when nothing is left or, after `deadline`, having destroyed the rest. Further calls return the same
   * promise; a leaked lease may still be released.
   *
   * @throws RangeError when the deadline is out of range
   */
  close(options: CloseOptions = {}): Promise<CloseResult> {
    const patience = numberOption('close the pool', 'deadline', options.deadline, 30_000);
    return this.#closing ?? this.#close(patience);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  // Leasing

  #take(): Lease<C> | undefined {
    const slot = this.#connections.withFreePlace();
    if (slot === undefined) return undefined;
    const lease = this.#grant(slot);
    this.#connections.place(slot);
    if (this.#measures.active) this.#measures.record('wait', 0);
    this.#tell('connectionAcquired', slot);
    return lease;
  }

  #grant(slot: Slot<C>): Lease<C> {
    slot.leases += 1;
    this.#leases += 1;
    this.#counts.acquired += 1;
    return grant(this, slot, this.#measures.active ? this.#options.clock.now() : NaN);
  }

  /** Gives the free places of a connection to callers who wait and lists it for what is left; returns to how many. */
  #offer(slot: Slot<C>): number {
    let served = 0;
    while (this.#connections.hasFreePlace(slot)) {
      const waiter = this.#waiters.shift();
      if (waiter === undefined) break;
      waiter.resolve(this.#grant(slot));
      served += 1;
      if (this.#measures.active) this.#measures.record('wait', this.#options.clock.now() - waiter.since);
    }
    this.#connections.place(slot);
    return served;
  }

  #end(slot: Slot<C>, lease: Lease<C>): void {
    slot.leases -= 1;
    slot.lastUsed = this.#options.clock.now();
    this.#leases -= 1;
    this.#counts.released += 1;
    const served = this.#offer(slot);
    // NaN, of a lease that began unmeasured, compares false.
    const used = slot.lastUsed - leasedAt(lease);
    if (used >= 0) this.#measures.record('use', used);
    this.#tell('connectionReleased', slot);
    this.#tellAcquired(slot, served);
    this.#bury(slot);
  }

  #timedOut(waited: Milliseconds): PoolError {
    this.#counts.timeouts += 1;
    return this.#error('POOL_ACQUIRE_TIMEOUT', `no place became free in ${Math.round(waited)} ms`, waited);
  }

  // Coming

  get #room(): boolean {
    return this.#connections.size + this.#creator.size < this.#options.max;
  }

  get #short(): boolean {
    return this.#connections.size + this.#creator.size < this.#options.min;
  }

  /** Starts the creates that the callers who wait need beyond those in flight. */
  #grow(): void {
    const { concurrency } = this.#options;
    while (this.#waiters.size > this.#creator.size * concurrency && this.#room) this.#creator.start();
  }

  #refill(): void {
    this.#refillTimer = undefined;
    while (this.#closing === undefined && this.#short) this.#creator.start();
  }

  /** After a loss: at once what callers need, later what `min` lacks. */
  #replace(): void {
    if (this.#closing !== undefined) return;
    this.#grow();
    if (this.#short) this.#refillTimer ??= setTimeout(() => this.#refill(), REFILL_DELAY).unref();
  }

  #arrive(connection: C, took: Milliseconds): void {
    if (this.#closing !== undefined) {
      this.#turnAway(connection, 'shutdown');
      return;
    }
    const slot = this.#adopt(connection);
    this.#connections.add(slot);
    const fault = this.#watch(slot);
    if (fault === undefined) {
      const served = this.#offer(slot);
      if (this.#measures.active) this.#measures.record('create', took);
      this.#tell('connectionCreated', slot);
      this.#tellAcquired(slot, served);
    } else {
      // Dead on arrival costs a caller, as a failed create does: else an upstream that accepts and hangs up would be
      // called for the same one again and again.
      this.#connections.doom(slot, 'error');
      this.#tell('connectionCreated', slot);
      this.#createFailed(fault);
      this.#bury(slot);
    }
  }

  /** A connection that nobody may have: it is counted, as all are, and destroyed. */
  #turnAway(connection: C, reason: DestroyReason): void {
    const slot = this.#adopt(connection);
    this.#tell('connectionCreated', slot);
    this.#retire(slot, reason);
  }

  #adopt(connection: C): Slot<C> {
    this.#counts.created += 1;
    return new Slot(`${this.#counts.created}`, connection, this.#options.clock.now());
  }

  /** Gives `onClosed` its say; returns an error when the connection did not survive it. */
  #watch(slot: Slot<C>): PoolError | undefined {
    let arriving = true;
    let fault: PoolError | undefined;
    const refuse = (cause: unknown): void => {
      fault ??= new PoolError('POOL_CREATE_FAILED', 'Cannot create a connection: it closed at once', { cause });
    };
    try {
      this.#options.onClosed?.(slot.connection, (error) => {
        if (arriving) refuse(error);
        else this.#evict(slot, error);
      });
    } catch (error) {
      refuse(error);
    }
    arriving = false;
    return fault;
  }

  /** One failure costs one caller, the one that waited longest: so failures come to an end. */
  #createFailed(error: PoolError): void {
    if (this.#closing !== undefined) {
      this.#finishClose();
      return;
    }
    const waiter = this.#waiters.shift();
    if (waiter !== undefined) {
      this.#counts.rejected += 1;
      waiter.reject(error);
    }
    this.#replace();
    this.#fail(error, 'create');
  }

  // Going

  #settleCheck(slot: Slot<C>, failure: PoolError | undefined): void {
    // It was evicted or the pool closed meanwhile.
    if (slot.state !== 'checking') return;
    this.#connections.unhold(slot);
    slot.failedChecks = failure === undefined ? 0 : slot.failedChecks + 1;
    if (slot.failedChecks >= this.#options.maxRetries) this.#connections.doom(slot, 'unhealthy');
    const served = this.#offer(slot);
    if (failure !== undefined) this.#fail(failure, 'validate', slot);
    this.#tellAcquired(slot, served);
    this.#bury(slot);
  }

  /** Called by whoever watches the connection, once it has closed itself. */
  #evict(slot: Slot<C>, error: unknown): void {
    if (slot.state !== 'usable' && slot.state !== 'checking') return;
    const unleased = slot.state === 'checking' ? 'validate' : 'idle';
    this.#connections.doom(slot, error === undefined ? 'closed' : 'error');
    if (error !== undefined) this.#fail(error, slot.leases > 0 ? 'use' : unleased, slot);
    this.#bury(slot);
  }

  #retire(slot: Slot<C>, reason: DestroyReason): void {
    this.#connections.doom(slot, reason);
    this.#bury(slot);
  }

  /** Destroys a doomed connection that no lease holds any more. */
  #bury(slot: Slot<C>): void {
    if (slot.state !== 'doomed' || slot.leases > 0) return;
    void this.#discard(slot);
    this.#replace();
  }

  /** The pool forgets the connection before it ends it, so that `destroy` can block nothing. */
  async #discard(slot: Slot<C>): Promise<void> {
    this.#connections.drop(slot);
    this.#counts.destroyed += 1;
    this.#destroying += 1;
    emit(this, 'connectionDestroyed', () => ({ connection: view(slot), reason: slot.reason }));
    try {
      await this.#options.destroy?.(slot.connection, slot.reason);
    } catch (error) {
      this.#fail(error, 'destroy', slot);
    }
    this.#destroying -= 1;
    this.#finishClose();
  }

  #close(patience: Milliseconds): Promise<CloseResult> {
    const { clock } = this.#options;
    const deadlines = new Deadlines<undefined>(clock, () => this.#force());
    const deadline = deadlines.add(undefined, clock.now() + patience);
    const closing = new Promise<CloseResult>((resolve) => {
      this.#finish = (leaked) => {
        deadlines.remove(deadline);
        resolve(Object.freeze({ leaked }));
      };
    });
    this.#closing = closing;
    this.#connections.stop();
    clearTimeout(this.#refillTimer);
    const reason = this.#error('POOL_CLOSED', 'the pool is closed');
    for (let waiter = this.#waiters.shift(); waiter !== undefined; waiter = this.#waiters.shift()) {
      this.#counts.rejected += 1;
      waiter.reject(reason);
    }
    this.#checks?.stop(reason);
    this.#creator.abort(reason);
    for (const slot of this.#connections) this.#retire(slot, 'shutdown');
    this.#finishClose();
    return closing;
  }

  #finishClose(): void {
    if (this.#leases === 0 && this.#destroying === 0 && this.#creator.size === 0) this.#finish?.(0);
  }

  /** The deadline has passed: what is still leased is destroyed under its users, what hangs is left behind. */
  #force(): void {
    const leaked = this.#leases;
    this.#creator.abandon();
    for (const slot of this.#connections) void this.#discard(slot);
    this.#finish?.(leaked);
  }

  // Telling

  #error(code: PoolErrorCode, why: string, waited?: Milliseconds): PoolError {
    const { size: total, inUse: leased } = this.#connections;
    const pending = this.#waiters.size;
    const state = `${leased} of ${total} connections leased, ${this.#creator.size} creating, ${pending} callers waiting`;
    return new PoolError(code, `Cannot acquire a connection: ${why} (${state})`, { waited, pending, total, leased });
  }

  #refuse(code: PoolErrorCode, why: string): Promise<never> {
    this.#counts.rejected += 1;
    return Promise.reject(this.#error(code, why));
  }

  #fail(error: unknown, phase: ErrorPhase, slot?: Slot<C>): void {
    this.#counts.errors += 1;
    emit(this, 'connectionError', () => ({ error, phase, connection: slot && view(slot) }));
  }

  #tell(name: 'connectionCreated' | 'connectionAcquired' | 'connectionReleased', slot: Slot<C>): void {
    // Asked here too, for the closure below costs more than the question.
    if (this.listenerCount(name) > 0) emit(this, name, () => ({ connection: view(slot) }));
  }

  #tellAcquired(slot: Slot<C>, times: number): void {
    for (let told = 0; told < times; told += 1) this.#tell('connectionAcquired', slot);
  }
}
