import { hash } from 'node:crypto';
import { canonicalJson } from './canonical.ts';

/** All that an answer may depend on; two calls share an entry only if every part is equal. */
export interface KeyParts {
  /** The upstream and whatever of its configuration changes its answers. */
  readonly upstream: string;
  /** For whom the answer may be kept: a principal, never a raw token. */
  readonly principal: string;
  /** The protocol version that the upstream is spoken to in. */
  readonly protocolVersion: string;
  readonly method: string;
  /** Raw members of `params` without `_meta`. */
  readonly params: ReadonlyMap<string, string>;
  /** What the client declares, where the upstream is told of it. */
  readonly clientCapabilities: Readonly<Record<string, unknown>>;
  /** Headers that are passed on; they repeat the arguments, but nobody but the upstream checks that. */
  readonly paramHeaders?: Readonly<Record<string, string>> | undefined;
}

const SCHEMA = '1';

/**
 * The key of a call: SHA-256 over its length-framed parts, so that no text in one part can pass for another, and of one
 * length however long the arguments are.
 *
 * Parameters count in canonical form when they are written as `JSON.stringify` would, so that the order of members does
 * not matter. Written otherwise (a number beyond 2^53, `1.0`, a member that stands twice), their value may not be all
 * that the upstream sees, and they count byte for byte: that can cost a hit, but never gives a wrong one.
 */
export function cacheKey(parts: KeyParts): string {
  const params = [...parts.params]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([name, raw]) => [name, canonicalOrRaw(raw)]);
  const fields = [
    SCHEMA,
    parts.upstream,
    parts.principal,
    parts.protocolVersion,
    parts.method,
    canonicalJson(parts.clientCapabilities),
    canonicalJson(parts.paramHeaders ?? {}),
    ...params,
  ];
  return hash('sha256', fields.map((field) => `${field.length}:${field}`).join(''), 'base64url');
}

function canonicalOrRaw(raw: string): string {
  try {
    const value: unknown = JSON.parse(raw);
    return JSON.stringify(value) === raw ? canonicalJson(value) : raw;
  } catch {
    // Nested deeper than the stack: as good as written otherwise.
    return raw;
  }
}
