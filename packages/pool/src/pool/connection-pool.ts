import { EventEmitter } from 'node:events';
import { functionOption, objectOption } from '@forge/internal';
import type { PoolEvents } from '../events.ts';
import { metricKinds, type MeasureListener, type MetricKinds, type PoolMetrics } from '../metrics.ts';
import {
  resolveLimits,
  resolveOptions,
  type AcquireOptions,
  type CloseOptions,
  type ConnectionConfig,
  type PoolOptions,
  type Size,
} from '../options.ts';
import { deadlineOf, type CloseResult } from './closing.ts';
import type { Exchange } from './exchange.ts';
import { door, type Lease } from './lease.ts';
import { Parts, measure } from './parts.ts';
import { patienceOf, type Patience } from './waiters.ts';

/**
 * A pool of connections, of any kind, that hands out leases.
 *
 * @example
 * const pool = new ConnectionPool({ create: (signal) => connect({ signal }), destroy: (c) => c.end(), max: 20 });
 * const rows = await pool.use((connection) => connection.query('select 1'));
 */
export class ConnectionPool<C> extends EventEmitter<PoolEvents> implements AsyncDisposable {
  readonly metricKinds: MetricKinds = metricKinds;
  readonly #options: PoolOptions<C>;
  readonly #parts: Parts<C>;
  readonly #exchange: Exchange<C>;
  /** Of a caller who says nothing. */
  readonly #patience: Patience;

  /** @throws TypeError, RangeError when an option is wrong */
  constructor(config: ConnectionConfig<C>) {
    super();
    this.#options = resolveOptions(config);
    this.#parts = new Parts(this, this.#options);
    this.#exchange = this.#parts.exchange;
    this.#patience = { timeout: this.#options.acquireTimeout, signal: undefined, priority: 0 };
    // Not within the constructor: `create` may use the pool, and listeners are about to be added.
    if (this.#parts.sizing.least > 0) queueMicrotask(() => this.#parts.demand.refill());
  }

  /**
   * Leases a connection: one with a free place at once, else the first place that becomes free, in order of calling within
   * a priority.
   *
   * @throws TypeError, RangeError at once when an option is wrong
   * @throws PoolError POOL_ACQUIRE_TIMEOUT, POOL_QUEUE_FULL, POOL_CLOSED, POOL_UNAVAILABLE while no connection exists and
   *   none can be made, or POOL_CREATE_FAILED, POOL_CREATE_TIMEOUT when it had waited longest as the last try of a create
   *   failed (all as rejections)
   */
  acquire(options?: AcquireOptions): Promise<Lease<C>> {
    const { acquireTimeout } = this.#options;
    return this.#exchange.acquire(options === undefined ? this.#patience : patienceOf(options, acquireTimeout));
  }

  /**
   * Leases a connection that is ready now, or returns undefined; it never starts a create. One that has to be checked
   * first is not ready: its check starts.
   *
   * @throws PoolError POOL_CLOSED, which counts as a rejected caller, as with `acquire`
   */
  tryAcquire(): Lease<C> | undefined {
    return this.#exchange.tryAcquire();
  }

  /**
   * Ends a lease; its place goes to the caller whose turn it is at once, or when its connection is reset.
   *
   * @throws PoolError POOL_LEASE_STALE, POOL_LEASE_FOREIGN; TypeError when it is no lease
   */
  release(lease: Lease<C>): void {
    door.release(this.#exchange, lease);
  }

  /**
   * Ends a lease and its connection, as {@link Lease.destroy}.
   *
   * @throws PoolError POOL_LEASE_STALE, POOL_LEASE_FOREIGN; TypeError when it is no lease
   */
  destroy(lease: Lease<C>, error?: unknown): void {
    door.destroy(this.#exchange, lease, error);
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

  /**
   * Resolves when the pool has `min` connections, and `minIdle` at least, and starts what lacks.
   *
   * @throws PoolError POOL_UNAVAILABLE or POOL_CREATE_FAILED when creates fail for good, POOL_CLOSED (all as rejections)
   */
  ready(): Promise<void> {
    const { closing, connections, demand, failures, readiness, refusals, sizing } = this.#parts;
    if (closing.state !== 'open') return Promise.reject(refusals.closing());
    if (connections.live >= sizing.least) return Promise.resolve();
    if (failures.unavailable) return Promise.reject(refusals.unavailable());
    const ready = readiness.wait();
    demand.refill();
    return ready;
  }

  /**
   * Changes the bounds. What is too much is destroyed, leased connections when they come back; what `min` lacks is made.
   *
   * @throws TypeError, RangeError when a bound is wrong
   */
  resize(size: Size): void {
    const subject = 'resize the pool';
    objectOption(subject, 'the size', size);
    if (this.#options.isElastic && size.max !== undefined) {
      throw new TypeError(`Cannot ${subject}: max is 'auto', got ${size.max}`);
    }
    const { connections, demand, exchange, readiness, sizing } = this.#parts;
    Object.assign(sizing.limits, resolveLimits(subject, size, sizing.limits));
    exchange.trim();
    connections.watch();
    demand.refill();
    if (connections.live >= sizing.least) readiness.reach();
  }

  /**
   * Ends every connection that exists or is being made, leased ones when they come back: for when whatever they lead to
   * has changed.
   */
  invalidateAll(): void {
    const { connections, creator, exchange } = this.#parts;
    creator.outdate();
    exchange.retire([...connections.all], 'invalidated');
  }

  /** Counters since the start and gauges of now, as a frozen snapshot. */
  getMetrics(): PoolMetrics {
    return measure(this.#parts);
  }

  /**
   * Adds a listener for `wait` (of each acquire), `create` and `use` (of each lease), in ms, and returns the function
   * that removes it.
   */
  onMeasure(listener: MeasureListener): () => void {
    return this.#parts.news.measures.add(listener);
  }

  /**
   * Refuses newcomers, serves those who wait, and closes when the last lease has come back, or `deadline` ms from now.
   *
   * @throws TypeError, RangeError at once when the deadline is wrong
   */
  drain(options: CloseOptions = {}): Promise<CloseResult> {
    return this.#parts.closing.drain(deadlineOf('drain the pool', options));
  }

  /**
   * Refuses new callers and those who wait, destroys what is idle, waits for leases, creates and destroys in flight,
   * and resolves when nothing is left or, `deadline` ms from now, having destroyed the rest. Further calls return the same
   * promise; a leaked lease may still be released.
   *
   * @throws TypeError, RangeError at once when the deadline is wrong
   */
  close(options: CloseOptions = {}): Promise<CloseResult> {
    return this.#parts.closing.close(deadlineOf('close the pool', options));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
