import { EventEmitter } from 'node:events';
import { Deadlines, callQuietly, functionOption, numberOption, objectOption, signalOption } from '@forge/internal';
import { Connections } from './connections.ts';
import { Creator } from './creator.ts';
import { PoolError, type PoolErrorCode } from './errors.ts';
import type { DestroyReason, ErrorPhase, PoolEvents } from './events.ts';
import { HealthChecks } from './health.ts';
import { door, type Lease } from './lease.ts';
import { metricKinds, type MeasureListener, type MetricKinds, type PoolMetrics } from './metrics.ts';
import { News } from './news.ts';
import {
  resolveOptions,
  type AcquireOptions,
  type CloseOptions,
  type CloseResult,
  type ConnectionConfig,
  type Milliseconds,
  type PoolOptions,
} from './options.ts';
import { Slot } from './slot.ts';
import { Waiters } from './waiters.ts';

const CLOSED = 'the pool is closed';

/**
 * A pool of connections, of any kind, that hands out leases.
 *
 * Two invariants carry it. A place that becomes free goes to the longest waiting caller in the same turn, so while
 * somebody waits no place is free: hence nobody overtakes, without any polling. And a waiter waits for the pool, never
 * for one particular create: whichever place comes first serves it, and a create outlives the caller who asked for it.
 *
 * User functions and listeners run when the state is settled, so they may call the pool. Hence an event is noted with
 * what it shows as the change happens, and told later.
 *
 * @example
 * const pool = new ConnectionPool({ create: (signal) => connect({ signal }), destroy: (c) => c.end(), max: 20 });
 * const rows = await pool.use((connection) => connection.query('select 1'));
 */
export class ConnectionPool<C> extends EventEmitter<PoolEvents> implements AsyncDisposable {
  readonly metricKinds: MetricKinds = metricKinds;
  readonly #options: PoolOptions<C>;
  readonly #connections: Connections<C>;
  readonly #waiters: Waiters<Lease<C>>;
  readonly #creator: Creator<C>;
  readonly #checks: HealthChecks<C>;
  readonly #news = new News(this);
  readonly #counts = {
    created: 0,
    destroyed: 0,
    acquired: 0,
    released: 0,
    timeouts: 0,
    errors: 0,
    rejected: 0,
    aborted: 0,
  };
  #leases = 0;
  #destroying = 0;
  #closing: Promise<CloseResult> | undefined;
  #finish: ((leaked: number) => void) | undefined;

  /** @throws TypeError, RangeError when an option is wrong */
  constructor(config: ConnectionConfig<C>) {
    super();
    const options = resolveOptions(config);
    this.#options = options;
    this.#connections = new Connections(options, (slot) => this.#retire(slot, 'idle'));
    this.#waiters = new Waiters(
      options.clock,
      (waited) => this.#timedOut(waited),
      () => (this.#counts.aborted += 1),
    );
    this.#creator = new Creator(options, {
      connections: this.#connections.all,
      waiters: this.#waiters,
      created: (connection, took, wanted) => this.#arrive(connection, took, wanted),
      failed: (error) => this.#createFailed(error),
    });
    this.#checks = new HealthChecks(options, this.#connections, (slot, failure) => this.#settleCheck(slot, failure));
    // Not within the constructor: `create` may use the pool, and listeners are about to be added.
    if (options.min > 0) queueMicrotask(() => this.#creator.refill());
  }

  /**
   * Leases a connection: one with a free place at once, else the first place that becomes free, in order of calling.
   *
   * @throws TypeError, RangeError at once when an option is wrong
   * @throws PoolError POOL_ACQUIRE_TIMEOUT, POOL_QUEUE_FULL, POOL_CLOSED, or POOL_CREATE_FAILED, POOL_CREATE_TIMEOUT
   *   when it had waited longest as a create failed (all as rejections)
   */
  acquire(options: AcquireOptions = {}): Promise<Lease<C>> {
    const { acquireTimeout, concurrency, maxPending } = this.#options;
    objectOption('acquire a connection', 'the options', options);
    const { signal } = options;
    signalOption('acquire a connection', signal);
    const timeout = numberOption('acquire a connection', 'timeout', options.timeout, acquireTimeout);
    if (this.#closing !== undefined) return Promise.reject(this.#refusal('POOL_CLOSED', CLOSED));
    if (signal?.aborted === true) {
      this.#counts.aborted += 1;
      return Promise.reject(signal.reason as Error);
    }
    const lease = this.#take();
    if (lease !== undefined) return Promise.resolve(lease);
    // Callers for whom a create is or would be under way are no queue: a cold pool takes a burst of all its places.
    const queued = this.#waiters.size - this.#creator.size * concurrency;
    if (queued >= maxPending && !this.#creator.room) {
      return Promise.reject(this.#refusal('POOL_QUEUE_FULL', `maxPending is ${maxPending}`));
    }
    const promise = this.#waiters.join(timeout, signal);
    this.#creator.grow();
    return promise;
  }

  /**
   * Leases a connection that is ready now, or returns undefined; it never starts a create.
   *
   * @throws PoolError POOL_CLOSED, which counts as a rejected caller, as with `acquire`
   */
  tryAcquire(): Lease<C> | undefined {
    if (this.#closing !== undefined) throw this.#refusal('POOL_CLOSED', CLOSED);
    return this.#take();
  }

  /**
   * Ends a lease; its place goes to the longest waiting caller at once.
   *
   * @throws PoolError POOL_LEASE_STALE, POOL_LEASE_FOREIGN; TypeError when it is no lease
   */
  release(lease: Lease<C>): void {
    const { slot, since } = door.spend(this, lease, 'release');
    this.#end(slot, since);
  }

  /**
   * Ends a lease and its connection, as {@link Lease.destroy}.
   *
   * @throws PoolError POOL_LEASE_STALE, POOL_LEASE_FOREIGN; TypeError when it is no lease
   */
  destroy(lease: Lease<C>, error?: unknown): void {
    const { slot, since } = door.spend(this, lease, 'destroy');
    this.#connections.doom(slot, error === undefined ? 'destroyed' : 'error');
    if (error !== undefined) this.#fail(error, 'use', slot);
    this.#end(slot, since);
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
    const total = this.#connections.all.size;
    return Object.freeze({
      ...this.#counts,
      totalConnections: total,
      availableConnections: this.#connections.idle.size,
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
    return this.#news.measures.add(listener);
  }

  /**
   * Refuses new callers and those who wait, destroys what is idle, waits for leases, creates and destroys in flight,
   * and resolves when nothing is left or, `deadline` ms from now, having destroyed the rest. Further calls return the same
   * promise; a leaked lease may still be released.
   *
   * @throws TypeError, RangeError at once when the deadline is wrong
   */
  close(options: CloseOptions = {}): Promise<CloseResult> {
    objectOption('close the pool', 'the options', options);
    const patience = numberOption('close the pool', 'deadline', options.deadline, 30_000);
    return this.#closing ?? this.#close(patience);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #take(): Lease<C> | undefined {
    const slot = this.#connections.withFreePlace();
    if (slot === undefined) return undefined;
    const lease = this.#grant(slot);
    this.#connections.place(slot);
    this.#news.measure('wait', 0);
    this.#news.tell();
    return lease;
  }

  #grant(slot: Slot<C>): Lease<C> {
    slot.leases += 1;
    this.#leases += 1;
    this.#counts.acquired += 1;
    this.#news.event('connectionAcquired', slot);
    return door.grant(this, slot, this.#news.measures.active ? this.#options.clock.now() : NaN);
  }

  #end(slot: Slot<C>, since: Milliseconds): void {
    slot.leases -= 1;
    slot.lastUsed = this.#options.clock.now();
    this.#leases -= 1;
    this.#counts.released += 1;
    this.#news.event('connectionReleased', slot);
    this.#news.measure('use', slot.lastUsed - since);
    this.#settle(slot);
  }

  /**
   * Ends each change of a connection: its free places go to callers who wait, it is listed for what is left, or
   * destroyed when it is doomed and no lease holds it any more; then listeners hear of it all.
   */
  #settle(slot: Slot<C>): void {
    while (this.#connections.hasFreePlace(slot)) {
      const waiter = this.#waiters.shift();
      if (waiter === undefined) break;
      waiter.resolve(this.#grant(slot));
      if (this.#news.measures.active) this.#news.measure('wait', this.#options.clock.now() - waiter.since);
    }
    this.#connections.place(slot);
    if (slot.state === 'doomed' && slot.leases === 0) {
      void this.#discard(slot);
      this.#creator.replace();
    }
    this.#news.tell();
  }

  #timedOut(waited: Milliseconds): PoolError {
    this.#counts.timeouts += 1;
    return this.#error('POOL_ACQUIRE_TIMEOUT', `no place became free in ${Math.round(waited)} ms`, waited);
  }

  #arrive(connection: C, took: Milliseconds, wanted: boolean): void {
    this.#counts.created += 1;
    const slot = new Slot(`${this.#counts.created}`, connection, this.#options.clock.now());
    this.#news.event('connectionCreated', slot);
    if (!wanted || this.#closing !== undefined) {
      this.#retire(slot, wanted ? 'shutdown' : 'late');
      return;
    }
    this.#connections.all.add(slot);
    const fault = this.#watch(slot);
    if (fault === undefined) {
      this.#news.measure('create', took);
    } else {
      // Dead on arrival costs a caller, as a failed create does: else an upstream that accepts and hangs up would be
      // called for the same one again and again.
      this.#connections.doom(slot, 'error');
      this.#charge(fault);
    }
    this.#settle(slot);
  }

  /** Gives `onClosed` its say; returns an error when the connection did not survive it. */
  #watch(slot: Slot<C>): PoolError | undefined {
    let arriving = true;
    let fault: PoolError | undefined;
    const evict = (cause?: unknown): void => {
      if (!arriving) this.#evict(slot, cause);
      else fault ??= new PoolError('POOL_CREATE_FAILED', 'Cannot create a connection: it closed at once', { cause });
    };
    callQuietly(() => this.#options.onClosed(slot.connection, evict), evict);
    arriving = false;
    return fault;
  }

  #createFailed(error: PoolError | undefined): void {
    if (error !== undefined) this.#charge(error);
    this.#creator.replace();
    this.#finishClose();
    this.#news.tell();
  }

  /** One failure costs one caller, the one that waited longest: so failures come to an end. */
  #charge(error: PoolError): void {
    const waiter = this.#waiters.shift();
    if (waiter !== undefined) {
      this.#counts.rejected += 1;
      waiter.reject(error);
    }
    this.#fail(error, 'create');
  }

  #settleCheck(slot: Slot<C>, failure: PoolError | undefined): void {
    // It was evicted or the pool closed meanwhile.
    if (slot.state !== 'checking') return;
    slot.state = 'usable';
    slot.failedChecks = failure === undefined ? 0 : slot.failedChecks + 1;
    if (failure !== undefined) this.#fail(failure, 'validate', slot);
    if (slot.failedChecks >= this.#options.maxRetries) this.#connections.doom(slot, 'unhealthy');
    this.#settle(slot);
  }

  /** Called by whoever watches the connection, once it has closed itself. */
  #evict(slot: Slot<C>, error: unknown): void {
    if (slot.state !== 'usable' && slot.state !== 'checking') return;
    const unleased = slot.state === 'checking' ? 'validate' : 'idle';
    if (error !== undefined) this.#fail(error, slot.leases > 0 ? 'use' : unleased, slot);
    this.#retire(slot, error === undefined ? 'closed' : 'error');
  }

  #retire(slot: Slot<C>, reason: DestroyReason): void {
    this.#connections.doom(slot, reason);
    this.#settle(slot);
  }

  /** The pool forgets the connection before it ends it, so that `destroy` can block nothing. */
  async #discard(slot: Slot<C>): Promise<void> {
    this.#connections.drop(slot);
    this.#counts.destroyed += 1;
    this.#destroying += 1;
    this.#news.event('connectionDestroyed', slot, { reason: slot.reason });
    this.#news.tell();
    try {
      await this.#options.destroy(slot.connection, slot.reason);
    } catch (error) {
      this.#fail(error, 'destroy', slot);
    }
    this.#destroying -= 1;
    this.#finishClose();
    this.#news.tell();
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
    const reason = this.#error('POOL_CLOSED', CLOSED);
    for (let waiter = this.#waiters.shift(); waiter !== undefined; waiter = this.#waiters.shift()) {
      this.#counts.rejected += 1;
      waiter.reject(reason);
    }
    this.#checks.stop(reason);
    this.#creator.stop(reason);
    for (const slot of this.#connections.all) this.#retire(slot, 'shutdown');
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
    for (const slot of this.#connections.all) void this.#discard(slot);
    this.#finish?.(leaked);
  }

  #error(code: PoolErrorCode, why: string, waited?: Milliseconds): PoolError {
    const [total, leased, pending] = [this.#connections.all.size, this.#connections.inUse, this.#waiters.size];
    const state = `${leased} of ${total} connections leased, ${this.#creator.size} creating, ${pending} callers waiting`;
    return new PoolError(code, `Cannot acquire a connection: ${why} (${state})`, { waited, pending, total, leased });
  }

  #refusal(code: PoolErrorCode, why: string): PoolError {
    this.#counts.rejected += 1;
    return this.#error(code, why);
  }

  #fail(error: unknown, phase: ErrorPhase, slot?: Slot<C>): void {
    this.#counts.errors += 1;
    this.#news.event('connectionError', slot, { error, phase });
  }
}
