import type { Milliseconds } from './units.ts';

/** What went wrong; test this rather than `instanceof`, for ESM and CommonJS copies of the class may both be loaded. */
export type PoolErrorCode =
  | 'POOL_ACQUIRE_TIMEOUT'
  | 'POOL_CLOSED'
  | 'POOL_CREATE_FAILED'
  | 'POOL_CREATE_TIMEOUT'
  | 'POOL_KEYS_FULL'
  | 'POOL_LEASE_FOREIGN'
  | 'POOL_LEASE_STALE'
  | 'POOL_QUEUE_FULL'
  | 'POOL_RESET_FAILED'
  | 'POOL_RESET_TIMEOUT'
  | 'POOL_UNAVAILABLE'
  | 'POOL_VALIDATE_FAILED'
  | 'POOL_VALIDATE_TIMEOUT';

/** What a {@link PoolError} carries besides its code; what does not apply to the code is absent. */
export type PoolErrorDetails = Partial<Pick<PoolError, 'cause' | 'waited' | 'pending' | 'total' | 'leased'>>;

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

  constructor(code: PoolErrorCode, message: string, { cause, ...state }: PoolErrorDetails = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    Object.assign(this, state);
  }
}
