import type { Milliseconds } from './options.ts';

/** What went wrong; test this rather than `instanceof`, for ESM and CommonJS copies of the class may both be loaded. */
export type PoolErrorCode =
  | 'POOL_ACQUIRE_TIMEOUT'
  | 'POOL_CLOSED'
  | 'POOL_CREATE_FAILED'
  | 'POOL_CREATE_TIMEOUT'
  | 'POOL_LEASE_FOREIGN'
  | 'POOL_LEASE_STALE'
  | 'POOL_QUEUE_FULL'
  | 'POOL_VALIDATE_FAILED'
  | 'POOL_VALIDATE_TIMEOUT';

/** What a {@link PoolError} carries besides its code; fields that do not apply to the code are absent. */
export interface PoolErrorDetails {
  readonly cause?: unknown;
  readonly waited?: Milliseconds | undefined;
  readonly pending?: number;
  readonly total?: number;
  readonly leased?: number;
}

/** A failure at run time, in the pool or in a callback that it was given. */
export class PoolError extends Error {
  override readonly name = 'PoolError';
  readonly code: PoolErrorCode;
  /** How long the caller had waited. */
  readonly waited: Milliseconds | undefined;
  /** Callers that waited besides this one. */
  readonly pending: number | undefined;
  /** Connections in the pool. */
  readonly total: number | undefined;
  /** Connections of these that had a lease. */
  readonly leased: number | undefined;

  constructor(code: PoolErrorCode, message: string, details: PoolErrorDetails = {}) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined);
    this.code = code;
    this.waited = details.waited;
    this.pending = details.pending;
    this.total = details.total;
    this.leased = details.leased;
  }
}
