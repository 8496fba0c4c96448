/**
 * undici as a pool: a dispatcher for `fetch` and `request` whose requests wait in one bounded queue, with a deadline and
 * their AbortSignal, for connections that are balanced over endpoints and replaced before they are old.
 *
 * @example
 * import { HttpPool } from '@forge/pool-http';
 * import { fetch } from 'undici';
 *
 * const dispatcher = new HttpPool({ connections: 20, acquireTimeout: 2_000 });
 * const answer = await fetch('https://example.com/', { dispatcher });
 *
 * @module
 */
export { dnsEndpoints, type Endpoint, type FindEndpoints } from './endpoints.ts';
export { HttpPool } from './http-pool.ts';
export type { HttpMetricKinds, HttpPoolMetrics } from './metrics.ts';
export type { HttpPoolOptions } from './options.ts';
export { OTEL_NAMES } from './otel-names.ts';
export { queueing, type Queueing } from './queueing.ts';
