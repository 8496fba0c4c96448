/** Counters since the start of an `HttpCache`; each request counts in one of the first six. */
export interface HttpCacheMetrics {
  /** Answered from the store without going forward. */
  readonly hits: number;
  /** Sent forward, and answered with what came. */
  readonly misses: number;
  /** Answered from the store after the next server said 304. */
  readonly revalidated: number;
  /** Answered with what another request was waiting for. */
  readonly collapsed: number;
  /** Answered stale, because the next server failed. */
  readonly stoodIn: number;
  /** Sent forward without a look at the store: by their method, or because only the origin can answer them. */
  readonly bypassed: number;
  /** Responses renewed in the background. */
  readonly refreshes: number;
  /** Failures of the store or of a refresh, which no client sees. */
  readonly errors: number;
}

export type HttpCounters = { -readonly [Name in keyof HttpCacheMetrics]: HttpCacheMetrics[Name] };

export function httpCounters(): HttpCounters {
  return { hits: 0, misses: 0, revalidated: 0, collapsed: 0, stoodIn: 0, bypassed: 0, refreshes: 0, errors: 0 };
}
