import { PoolError } from '../errors.ts';
import type { Loan, Slot } from '../connections/slot.ts';

/** Where a lease that is spent goes back to. */
export interface Issuer<C> {
  release(slot: Slot<C>, loan: Loan<C> | undefined, lease: Lease<C>): void;
  destroy(slot: Slot<C>, loan: Loan<C> | undefined, lease: Lease<C>, error: unknown): void;
}

/** The pool's way into the class below: nobody else can make a lease or see behind one. */
interface Door {
  /** @param loan what is known about the lease beyond its connection, if anything */
  grant<C>(issuer: Issuer<C>, slot: Slot<C>, loan: Loan<C> | undefined): Lease<C>;
  /** One that has ended. */
  spent<C>(issuer: Issuer<C>): Lease<C>;
  /**
   * Ends a lease of this issuer.
   *
   * @throws TypeError when it is no lease; PoolError POOL_LEASE_STALE, POOL_LEASE_FOREIGN
   */
  release<C>(issuer: Issuer<C>, lease: unknown): void;
  destroy<C>(issuer: Issuer<C>, lease: unknown, error: unknown): void;
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

  private constructor(issuer: Issuer<C>, slot: Slot<C> | undefined, loan: Loan<C> | undefined) {
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
    const slot = this.#spend('release');
    this.#issuer.release(slot, this.#loan, this);
  }

  /**
   * Ends the lease and the connection, which is broken or in an unknown state. Leases that share it may go on; it is
   * destroyed when the last one ends.
   *
   * @throws PoolError POOL_LEASE_STALE when the lease has ended
   */
  destroy(error?: unknown): void {
    const slot = this.#spend('destroy');
    this.#issuer.destroy(slot, this.#loan, this, error);
  }

  /** Releases, unless the lease has ended already. */
  [Symbol.dispose](): void {
    if (this.#slot !== undefined) this.release();
  }

  /** Releases, unless the lease has ended already. */
  async [Symbol.asyncDispose](): Promise<void> {
    this[Symbol.dispose]();
  }

  #spend(verb: Verb): Slot<C> {
    const slot = this.#slot ?? stale(verb);
    this.#slot = undefined;
    return slot;
  }

  static {
    const own = <T>(issuer: Issuer<T>, lease: unknown, verb: Verb): Lease<T> => {
      if (typeof lease !== 'object' || lease === null || !(#issuer in lease)) {
        const type = lease === null ? 'null' : typeof lease;
        throw new TypeError(`Cannot ${verb} a lease: it must be a Lease, got ${type}`);
      }
      if ((lease.#issuer as unknown) === issuer) return lease as unknown as Lease<T>;
      throw new PoolError('POOL_LEASE_FOREIGN', `Cannot ${verb} a lease: it belongs to another pool`);
    };
    door = {
      grant: (issuer, slot, loan) => new Lease(issuer, slot, loan),
      spent: (issuer) => new Lease(issuer, undefined, undefined),
      release: (issuer, given) => {
        const lease = own(issuer, given, 'release');
        issuer.release(lease.#spend('release'), lease.#loan, lease);
      },
      destroy: (issuer, given, error) => {
        const lease = own(issuer, given, 'destroy');
        issuer.destroy(lease.#spend('destroy'), lease.#loan, lease, error);
      },
    };
  }
}

type Verb = 'use' | 'release' | 'destroy';

function stale(verb: Verb): never {
  throw new PoolError('POOL_LEASE_STALE', `Cannot ${verb} a lease: it has already been released or destroyed`);
}
