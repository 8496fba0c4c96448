/**
 * How many connections a steady load needs: advice for whoever sets `min` and `max`, not a controller, for it knows
 * neither bursts nor what the backend stands.
 *
 * By Little's law [1] L = λ·W leases are in use on average. A pool of just L would keep nearly everybody waiting, a pool of
 * L·(1 + 20 %) waste a fifth of a large pool and save no one in a small one: what chance adds to L grows with its root, so
 * that N = L + β·√L gives the same quality at every size (square-root staffing, [2]). With β = 1.5 some 9 % of callers
 * wait (6–11 % for L from 1 to 1,000 by the exact Erlang C formula), all callers for 0.05 of a hold on average or less.
 *
 * [1] J. D. C. Little, "A Proof for the Queuing Formula L = λW", Operations Research 9 (1961)
 * [2] S. Halfin, W. Whitt, "Heavy-Traffic Limits for Queues with Many Exponential Servers", Operations Research 29 (1981)
 *
 * @module
 */
import type { Milliseconds } from '../units.ts';

const QUALITY = 1.5;

/** The load as the pool has measured it. */
export interface Load {
  /** Callers per millisecond, those who were refused included. */
  readonly arrivals: number;
  /** Mean time from a lease's grant to its end. */
  readonly hold: Milliseconds;
  /** Leases that may share one connection. */
  readonly concurrency: number;
}

/** Connections, at least 1 and finite; the caller bounds it by what it may open. */
export function recommendedSize({ arrivals, hold, concurrency }: Load): number {
  const inUse = arrivals * hold;
  const places = inUse + QUALITY * Math.sqrt(inUse);
  const connections = Math.ceil(places / Math.max(1, concurrency));
  return Number.isFinite(connections) ? Math.max(1, connections) : 1;
}
