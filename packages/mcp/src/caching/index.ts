/**
 * What of MCP may be kept, for how long, and under which key.
 *
 * ```ts
 * const policy = callPolicy(method, params, { tools: { search: { ttl: 30_000 } } });
 * const key = cacheKey({ upstream, principal, protocolVersion, method: 'tools/call', params, clientCapabilities });
 * const answer = await cache.getOrSet(key, load, { ttl: (value) => lifetime(value, policy) });
 * ```
 *
 * @module
 */
export { canonicalJson } from './canonical.ts';
export { cacheKey, type KeyParts } from './key.ts';
export { callPolicy, lifetime, type CacheRules, type CallPolicy, type ToolRule } from './policy.ts';
