import type { Milliseconds } from './options.ts';

/** What can be seen of a connection: a frozen snapshot; the connection itself is reached only through a lease. */
export interface PooledConnection {
  /** Unique in its pool. */
  readonly id: string;
  /** On the pool's clock. */
  readonly created: Milliseconds;
  /** When its last lease ended, or when it was created; on the pool's clock. */
  readonly lastUsed: Milliseconds;
  readonly leases: number;
  /** Whether its last check passed; true before the first. */
  readonly healthy: boolean;
  /** Failed checks in a row. */
  readonly failedChecks: number;
}

/**
 * Why a connection was destroyed: `idle` too long; `unhealthy` after `maxRetries` failed checks; `closed` by itself;
 * `error`: evicted or destroyed with an error; `destroyed` by its user; `late`: it arrived after `createTimeout` or
 * after the pool had closed; `shutdown`: the pool closes.
 */
export type DestroyReason = 'idle' | 'unhealthy' | 'closed' | 'error' | 'destroyed' | 'late' | 'shutdown';

/** What the connection was doing, or the pool was doing with it, when an error came. */
export type ErrorPhase = 'create' | 'idle' | 'use' | 'validate' | 'destroy';

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
}
