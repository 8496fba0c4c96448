import type { Milliseconds } from './units.ts';

/** What can be seen of a connection: a frozen snapshot; the connection itself is reached only through a lease. */
export interface PooledConnection {
  /** Unique in its pool. */
  readonly id: string;
  /** On the pool's clock. */
  readonly created: Milliseconds;
  /** When a lease of it last ended for which nobody waited, or when it was created; on the pool's clock. */
  readonly lastUsed: Milliseconds;
  readonly leases: number;
  /** Whether its last check passed; true before the first. */
  readonly healthy: boolean;
  /** Failed checks in a row. */
  readonly failedChecks: number;
}

/**
 * Why a connection was destroyed: `idle` too long; `unhealthy`: a check failed; `closed` by itself; `error`: evicted or
 * destroyed with an error, or its reset failed; `destroyed` by its user; `expired` after `maxLifetime`; `worn` after
 * `maxUses`; `invalidated` with all that were made before an outage or a call of `invalidateAll`; `surplus` after `max`
 * was lowered; `ceded` to another key under `maxTotal`; `leaked`: its lease was forgotten; `late`: it arrived after `createTimeout` or after the pool had closed;
 * `shutdown`: the pool closes.
 */
export type DestroyReason =
  | 'idle'
  | 'unhealthy'
  | 'closed'
  | 'error'
  | 'destroyed'
  | 'expired'
  | 'worn'
  | 'invalidated'
  | 'surplus'
  | 'ceded'
  | 'leaked'
  | 'late'
  | 'shutdown';

/** What the connection was doing, or the pool was doing with it, when an error came. */
export type ErrorPhase = 'create' | 'idle' | 'use' | 'validate' | 'reset' | 'destroy';

/**
 * What an error says about connections: `retryable`: another try may fare better; `fatal`: none will until somebody acts
 * (a wrong password, a wrong address); `overloaded`: the upstream refuses more of them; `outage`: those that were made
 * before it are as good as dead.
 */
export type ErrorClass = 'retryable' | 'fatal' | 'overloaded' | 'outage';

/** A lease that is held for too long, or that was never given back. */
export interface HeldLease {
  readonly connection: PooledConnection;
  /** For how long; undefined without `leakThreshold`. */
  readonly held: Milliseconds | undefined;
  /** Where it was acquired; with `leakThreshold` for 1 acquire in 64, and for each after the first leak. */
  readonly stack: string | undefined;
}

/**
 * Events of a pool. Each carries one frozen object, which shows the connection as of the change that it tells of; listeners
 * run in the order of the changes, when the state is settled.
 */
export interface PoolEvents {
  connectionCreated: [event: { readonly connection: PooledConnection }];
  connectionAcquired: [event: { readonly connection: PooledConnection }];
  connectionReleased: [event: { readonly connection: PooledConnection }];
  connectionDestroyed: [event: { readonly connection: PooledConnection; readonly reason: DestroyReason }];
  /** `connection` is undefined in the phase `create`. */
  connectionError: [
    event: { readonly error: unknown; readonly phase: ErrorPhase; readonly connection: PooledConnection | undefined },
  ];
  /** Once for each lease held for longer than `leakThreshold` or forgotten. */
  leaseLeaked: [event: HeldLease];
  /** The queue, which had refused a caller with POOL_QUEUE_FULL, is half empty: it takes callers again. */
  drain: [event: { readonly pending: number }];
}
