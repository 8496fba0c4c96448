import { PoolError } from './errors.ts';
import type { Milliseconds } from './options.ts';
import type { Slot } from './slot.ts';

/** The pool that a lease came from. */
interface Issuer<C> {
  release(lease: Lease<C>): void;
  destroy(lease: Lease<C>, error?: unknown): void;
}

/** What a lease is on. `since` is when it began, NaN when nobody measures. */
interface Hold<C> {
  readonly slot: Slot<C>;
  readonly since: Milliseconds;
}

/** The pool's way into the class below: nobody else can make a lease or see behind one. */
interface Door {
  grant<C>(issuer: Issuer<C>, slot: Slot<C>, since: Milliseconds): Lease<C>;
  /**
   * Ends a lease and tells what it was on.
   *
   * @throws TypeError when it is no lease; PoolError POOL_LEASE_STALE, POOL_LEASE_FOREIGN
   */
  spend<C>(issuer: Issuer<C>, lease: unknown, verb: 'release' | 'destroy'): Hold<C>;
}

/** Opened once, by the class. */
export let door: Door;

/**
 * The right to use one connection, once. Each hand-over makes a new lease and the first return spends it: the lease is
 * its own generation. So whatever a caller does with an old one, it cannot give back, destroy or reach a connection
 * that somebody else has by now.
 *
 * @example
 * using lease = await pool.acquire();
 * await lease.connection.query('select 1');
 */
export class Lease<C> implements Disposable, AsyncDisposable {
  readonly #issuer: Issuer<C>;
  #hold: Hold<C> | undefined;

  private constructor(issuer: Issuer<C>, hold: Hold<C>) {
    this.#issuer = issuer;
    this.#hold = hold;
  }

  /** @throws PoolError POOL_LEASE_STALE when the lease has ended */
  get connection(): C {
    return (this.#hold ?? stale('use')).slot.connection;
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
    if (this.#hold !== undefined) this.release();
  }

  /** Releases, unless the lease has ended already. */
  async [Symbol.asyncDispose](): Promise<void> {
    this[Symbol.dispose]();
  }

  static {
    door = {
      grant: (issuer, slot, since) => new Lease(issuer, { slot, since }),
      spend: <T>(issuer: Issuer<T>, lease: unknown, verb: string) => {
        if (typeof lease !== 'object' || lease === null || !(#issuer in lease)) {
          const type = lease === null ? 'null' : typeof lease;
          throw new TypeError(`Cannot ${verb} a lease: it must be a Lease, got ${type}`);
        }
        const own = lease as unknown as Lease<T>;
        if (own.#issuer !== issuer) {
          throw new PoolError('POOL_LEASE_FOREIGN', `Cannot ${verb} a lease: it belongs to another pool`);
        }
        const hold = own.#hold ?? stale(verb);
        own.#hold = undefined;
        return hold;
      },
    };
  }
}

function stale(verb: string): never {
  throw new PoolError('POOL_LEASE_STALE', `Cannot ${verb} a lease: it has already been released or destroyed`);
}
