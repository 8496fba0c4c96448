import { PoolError } from '../errors.ts';
import type { Loan } from '../health/leaks.ts';
import type { Slot } from './slot.ts';

/** The pool that a lease came from. */
export interface Issuer<C> {
  release(lease: Lease<C>): void;
  destroy(lease: Lease<C>, error?: unknown): void;
}

/** The pool's way into the class below: nobody else can make a lease or see behind one. */
interface Door {
  /** @param loan what is known about the lease beyond its connection, if anything */
  grant<C>(issuer: Issuer<C>, slot: Slot<C>, loan: Loan<C> | undefined): Lease<C>;
  /**
   * Ends a lease and returns what it was on.
   *
   * @throws TypeError when it is no lease; PoolError POOL_LEASE_STALE, POOL_LEASE_FOREIGN
   */
  spend<C>(issuer: Issuer<C>, lease: unknown, verb: 'release' | 'destroy'): Slot<C>;
  /** Of a lease that may have ended. */
  loanOf<C>(lease: Lease<C>): Loan<C> | undefined;
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
  #slot: Slot<C> | undefined;
  readonly #loan: Loan<C> | undefined;

  private constructor(issuer: Issuer<C>, slot: Slot<C>, loan: Loan<C> | undefined) {
    this.#issuer = issuer;
    this.#slot = slot;
    this.#loan = loan;
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
    door = {
      grant: (issuer, slot, loan) => new Lease(issuer, slot, loan),
      loanOf: (lease) => lease.#loan,
      spend: <T>(issuer: Issuer<T>, lease: unknown, verb: string) => {
        if (typeof lease !== 'object' || lease === null || !(#issuer in lease)) {
          const type = lease === null ? 'null' : typeof lease;
          throw new TypeError(`Cannot ${verb} a lease: it must be a Lease, got ${type}`);
        }
        const own = lease as unknown as Lease<T>;
        if (own.#issuer !== issuer) {
          throw new PoolError('POOL_LEASE_FOREIGN', `Cannot ${verb} a lease: it belongs to another pool`);
        }
        const slot = own.#slot ?? stale(verb);
        own.#slot = undefined;
        return slot;
      },
    };
  }
}

function stale(verb: string): never {
  throw new PoolError('POOL_LEASE_STALE', `Cannot ${verb} a lease: it has already been released or destroyed`);
}
