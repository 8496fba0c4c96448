import type { Milliseconds } from '../units.ts';
import { fieldValue, withField, type HttpField } from './http-message.ts';
import { serializeText } from './structured-fields.ts';

/** Why a request went forward. */
export type ForwardReason = 'bypass' | 'method' | 'uri-miss' | 'vary-miss' | 'request' | 'stale' | 'partial';

/** How a request was handled, in the words of RFC 9211. */
export interface CacheStatus {
  /** Answered without going forward. */
  readonly hit?: boolean;
  readonly fwd?: ForwardReason;
  /** What the next server answered, where it is not what the client gets. */
  readonly fwdStatus?: number | undefined;
  /** The answer is being stored. */
  readonly stored?: boolean;
  /** It waited for the answer to another request. */
  readonly collapsed?: boolean;
  /** What is left of the answer's freshness. */
  readonly ttl?: Milliseconds;
  /** In an implementation's own words. */
  readonly detail?: string | undefined;
}

const MS = 1000;

/** The headers with this cache's member of `Cache-Status` behind those of the caches before it. */
export function withCacheStatus(headers: readonly HttpField[], cache: string, status: CacheStatus): HttpField[] {
  const earlier = fieldValue(headers, 'cache-status');
  const own = [serializeText(cache)];
  if (status.hit === true) own.push('hit');
  if (status.fwd !== undefined) own.push(`fwd=${status.fwd}`);
  if (status.fwdStatus !== undefined) own.push(`fwd-status=${status.fwdStatus}`);
  if (status.stored === true) own.push('stored');
  if (status.collapsed === true) own.push('collapsed');
  if (status.ttl !== undefined) own.push(`ttl=${Math.floor(status.ttl / MS)}`);
  if (status.detail !== undefined) own.push(`detail=${serializeText(status.detail)}`);
  const member = own.join('; ');
  return withField(headers, 'Cache-Status', earlier === undefined ? member : `${earlier}, ${member}`);
}
