/** `CACHE_CLOSED`: the cache was closed before the call. */
export type CacheErrorCode = 'CACHE_CLOSED';

/** A failure of the cache itself. Test `error.code` rather than `instanceof`: an ESM and a CJS copy may both be loaded. */
export class CacheError extends Error {
  override readonly name = 'CacheError';
  readonly code: CacheErrorCode;

  constructor(code: CacheErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
