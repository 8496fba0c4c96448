import { PoolError, type PoolErrorCode } from '../errors.ts';

/** How generic-pool says it: its users look at the message, and at the name of a time-out. */
const WORDS: Partial<Record<PoolErrorCode, string>> = {
  POOL_ACQUIRE_TIMEOUT: 'ResourceRequest timed out',
  POOL_QUEUE_FULL: 'max waitingClients count exceeded',
  POOL_CLOSED: 'pool is draining and cannot accept work',
  POOL_LEASE_STALE: 'Resource not currently part of this pool',
  POOL_LEASE_FOREIGN: 'Resource not currently part of this pool',
};

/** An error in generic-pool's words, with the code of ours. */
export function inItsWords(code: PoolErrorCode, cause?: unknown): Error {
  const error = new Error(WORDS[code], cause === undefined ? undefined : { cause });
  if (code === 'POOL_ACQUIRE_TIMEOUT') error.name = 'TimeoutError';
  return Object.assign(error, { code });
}

/** What generic-pool has no words for stays as it is. */
export function translate(error: unknown): unknown {
  return error instanceof PoolError && error.code in WORDS ? inItsWords(error.code, error) : error;
}
