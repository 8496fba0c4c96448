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
  /** In this implementation's own words, each a token. */
  readonly detail?: 'stale-if-error' | undefined;
}

const MS = 1000;

/** The headers with this cache's member of `Cache-Status` behind those of the caches before it. */
export function withCacheStatus(headers: readonly HttpField[], cache: string, status: CacheStatus): HttpField[] {
  const earlier = fieldValue(headers, 'cache-status');
  const { hit, fwd, fwdStatus, stored, collapsed, ttl, detail } = status;
  const parameters = {
    hit,
    fwd,
    'fwd-status': fwdStatus,
    stored,
    collapsed,
    ttl: ttl && Math.floor(ttl / MS),
    detail,
  };
  let member = serializeText(cache);
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== false) member += value === true ? `; ${name}` : `; ${name}=${value}`;
  }
  return withField(headers, 'Cache-Status', earlier === undefined ? member : `${earlier}, ${member}`);
}
