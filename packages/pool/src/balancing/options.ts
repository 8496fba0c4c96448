import { objectOption } from '@forge/internal';
import type { GroupConfig, GroupFunctions } from '../group/options.ts';
import { resolveOptions, type ConnectionConfig, type PoolOptions } from '../options.ts';

/**
 * How the connections of each endpoint are made, checked and ended, and how many there may be: see
 * {@link ConnectionConfig}. `min` and `max` are of one endpoint.
 */
export interface BalancedPoolOptions<E, C> extends GroupFunctions<E, C>, GroupConfig<C> {
  /** Where connections lead to. Equal ones, as a `Map` sees it, are one. */
  readonly endpoints: Iterable<E>;
  /** Failed creates in a row, beyond the first, before a caller leaves for another endpoint. @default 0 */
  readonly createRetries?: number;
  /** Callers of all endpoints that may wait at one time, for a create or for a place. @default 1000 */
  readonly maxPending?: number;
}

const SUBJECT = 'create a BalancedPool';

/** Those of the pool of no endpoint in particular. @throws TypeError, RangeError for an option that is wrong */
export function resolveBalanced<E, C>(options: BalancedPoolOptions<E, C>): PoolOptions<C> {
  objectOption(SUBJECT, 'the options', options);
  return resolveOptions({ createRetries: 0, ...options } as unknown as ConnectionConfig<C>, SUBJECT, {
    endpoints: true,
  });
}
