import type { Milliseconds } from '../units.ts';
import { durationOf, isUnqualified, responseDirectives, type Directives } from './cache-control.ts';
import { hasValidator } from './conditional.ts';
import { ageOf, lifetimeOf, type TimedResponse } from './freshness.ts';

/** How a stored response may answer a request. */
export interface Reuse {
  /**
   * `fresh`: as it is. `refresh`: as it is, while it is renewed behind the client's back. `stale`: only after validation.
   * `request`: only after validation, because the client asks for it.
   */
  readonly verdict: 'fresh' | 'refresh' | 'stale' | 'request';
  /** What is left of its freshness; negative once it is stale. */
  readonly ttl: Milliseconds;
}

/** A stored response that can be validated is worth keeping for a day after its freshness. */
const VALIDATOR_KEPT: Milliseconds = 86_400_000;
const LONGEST_KEPT: Milliseconds = 365 * 86_400_000;

/** Where and when a stored response is judged. */
export interface Circumstances {
  readonly shared: boolean;
  readonly now: Milliseconds;
  /** How stale a response may stand in where neither side says so; 0 where the origin did answer, if with an error. */
  readonly allowance: Milliseconds;
}

/** @param wishes the request's directives */
export function reuseOf(response: TimedResponse, wishes: Directives, shared: boolean, now: Milliseconds): Reuse {
  const { directives, age, ttl } = judged(response, shared, now);
  const verdict = (each: Reuse['verdict']): Reuse => ({ verdict: each, ttl });
  if (isUnqualified(directives, 'no-cache')) return verdict('stale');
  const maxAge = durationOf(wishes, 'max-age') ?? Infinity;
  if (wishes.has('no-cache') || age > maxAge || maxAge === 0) return verdict('request');
  const freshFor = durationOf(wishes, 'min-fresh') ?? 0;
  if (ttl > 0) return verdict(ttl >= freshFor ? 'fresh' : 'request');
  if (forbidsStale(directives, shared) || freshFor > 0) return verdict('stale');
  if (-ttl < (durationOf(directives, 'stale-while-revalidate') ?? 0)) return verdict('refresh');
  return verdict(-ttl <= staleWished(wishes) ? 'fresh' : 'stale');
}

/** Whether a stale response may stand in for an answer that failed (RFC 5861 §4, RFC 9111 §4.2.4). */
export function mayStandIn(response: TimedResponse, wishes: Directives, circumstances: Circumstances): boolean {
  const { shared, now, allowance } = circumstances;
  const { directives, ttl } = judged(response, shared, now);
  if (forbidsStale(directives, shared) || isUnqualified(directives, 'no-cache') || wishes.has('no-cache')) return false;
  return -ttl < (durationOf(directives, 'stale-if-error') ?? durationOf(wishes, 'stale-if-error') ?? allowance);
}

/** How long to keep a response: while it is fresh, may be used stale, or can be validated. */
export function retentionOf(response: TimedResponse, { shared, now, allowance }: Circumstances): Milliseconds {
  const { directives, ttl } = judged(response, shared, now);
  const window = Math.max(
    durationOf(directives, 'stale-if-error') ?? allowance,
    durationOf(directives, 'stale-while-revalidate') ?? 0,
  );
  const stale = forbidsStale(directives, shared) ? 0 : window;
  const kept = Math.max(stale, hasValidator(response.headers) ? VALIDATOR_KEPT : 0);
  return Math.min(Math.max(0, ttl) + kept, LONGEST_KEPT);
}

/** `s-maxage` includes `proxy-revalidate` (RFC 9111 §5.2.2.10). */
function forbidsStale(directives: Directives, shared: boolean): boolean {
  const prohibitions = shared ? ['must-revalidate', 'proxy-revalidate', 's-maxage'] : ['must-revalidate'];
  return prohibitions.some((name) => directives.has(name));
}

function staleWished(wishes: Directives): Milliseconds {
  const argument = wishes.get('max-stale');
  if (argument === true) return Infinity;
  return argument === undefined ? -1 : durationOf(wishes, 'max-stale')!;
}

/** What was stored by another version and cannot be parsed by this one is never used as it is. */
function judged(
  response: TimedResponse,
  shared: boolean,
  now: Milliseconds,
): { readonly directives: Directives; readonly age: Milliseconds; readonly ttl: Milliseconds } {
  const directives = responseDirectives(response.headers, shared) ?? new Map([['no-cache', true]]);
  const age = ageOf(response, now);
  return { directives, age, ttl: lifetimeOf(response, directives, shared) - age };
}
