/**
 * `CACHE_CLOSED`: the cache was closed before the call. `CACHE_ENTRY_INVALID`: what was to be loaded holds an entry that no cache takes.
 * `CACHE_LOAD_TIMEOUT`: a loader took longer than `hardTimeout`. `CACHE_PART_INVALID`: a loader's answer is not the part that it
 * was asked for. `CACHE_RANGE_UNSTABLE`: a resource changed again and again while one range of it was read.
 * `CACHE_STORE_UNAVAILABLE`: the server of a store or a bus cannot be asked now.
 * `CACHE_STREAM_OVERRUN`: a reader fell further behind its stream than is kept.
 */
export type CacheErrorCode =
  | 'CACHE_CLOSED'
  | 'CACHE_ENTRY_INVALID'
  | 'CACHE_LOAD_TIMEOUT'
  | 'CACHE_PART_INVALID'
  | 'CACHE_RANGE_UNSTABLE'
  | 'CACHE_STORE_UNAVAILABLE'
  | 'CACHE_STREAM_OVERRUN';

/** A failure of the cache itself. Test `error.code` rather than `instanceof`: an ESM and a CJS copy may both be loaded. */
export class CacheError extends Error {
  override readonly name = 'CacheError';
  readonly code: CacheErrorCode;

  constructor(code: CacheErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
