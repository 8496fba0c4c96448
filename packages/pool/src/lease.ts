import { PoolError } from './errors.ts';
import type { Milliseconds } from './options.ts';
import type { Slot } from './slot.ts';

/** The pool that a lease came from. */
interface Issuer<C> {
  release(lease: Lease<C>): void;
  destroy(lease: Lease<C>, error?: unknown): void;
}

// The doors for the pool, opened by the class below: nobody else can make a lease or see behind one.

/** Makes a lease. `since` is when it began, NaN when nobody measures. */
export let grant: <C>(issuer: Issuer<C>, slot: Slot<C>, since: Milliseconds) => Lease<C>;

/**
 * Ends a lease and tells what it was on.
 *
 * @throws PoolError POOL_LEASE_STALE, POOL_LEASE_FOREIGN
 */
export let spend: <C>(issuer: Issuer<C>, lease: unknown, verb: 'release' | 'destroy') => Slot<C>;

/** When the lease began, NaN when nobody measured. */
export let leasedAt: (lease: Lease<unknown>) => Milliseconds;

/**
 * The right to use one connection, once. Each hand-over makes a new lease and the first return spends it: the lease is
 * its own generation. So whatever a caller does with an old one, it cannot give back, destroy or reach a connection
 * that somebody else has by now.
 *
 * @example
 * using lease = await pool.acquire();
 * await lease.connection.query('select 1');
 */
export class Lease<C> {
  readonly #issuer: Issuer<C>;
  readonly #since: Milliseconds;
  #slot: Slot<C> | undefined;

  private constructor(issuer: Issuer<C>, slot: Slot<C>, since: Milliseconds) {
    this.#issuer = issuer;
    this.#slot = slot;
    this.#since = since;
  }

  /** @throws PoolError POOL_LEASE_STALE when the lease has ended */
  get connection(): C {
    return (this.#slot ?? stale('use')).connection;
  }

  /**
   * Gives the connection back; the longest waiting caller gets it at once.
   *
   * @throws PoolError POOL_LEASE_STALE when the lease has ended
   */
  release(): void {
    this.#issuer.release(this);
  }

  /**
   * Ends the lease and the connection, which is broken or in an unknown state. Leases that share it may go on; it is
   * destroyed when the last one ends.
   *
   * @throws PoolError POOL_LEASE_STALE when the lease has ended
   */
  destroy(error?: unknown): void {
    this.#issuer.destroy(this, error);
  }

  /** Releases, unless the lease has ended already. */
  [Symbol.dispose](): void {
    if (this.#slot !== undefined) this.release();
  }

  /** Releases, unless the lease has ended already. */
  async [Symbol.asyncDispose](): Promise<void> {
    this[Symbol.dispose]();
  }

  static {
    grant = (issuer, slot, since) => new Lease(issuer, slot, since);
    spend = <T>(issuer: Issuer<T>, lease: unknown, verb: string) => {
      const own = lease as Lease<T>;
      if (typeof lease !== 'object' || lease === null || !(#issuer in lease)) {
        throw new TypeError(
          `Cannot ${verb} a lease: it must be a Lease, got ${lease === null ? 'null' : typeof lease}`,
        );
      }
      if (own.#issuer !== issuer) {
        throw new PoolError('POOL_LEASE_FOREIGN', `Cannot ${verb} a lease: it belongs to another pool`);
      }
      const slot = own.#slot ?? stale(verb);
      own.#slot = undefined;
      return slot;
    };
    leasedAt = (lease) => lease.#since;
  }
}

function stale(verb: string): never {
  throw new PoolError('POOL_LEASE_STALE', `Cannot ${verb} a lease: it has already been released or destroyed`);
}
