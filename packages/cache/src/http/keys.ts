import { createHash } from 'node:crypto';
import type { HttpField } from './http-message.ts';
import { normalizedField } from './vary.ts';

/**
 * Keys and tags are tuples whose parts carry their length, so that no part that a client or an origin chooses can reach
 * into its neighbour. Long ones end in a digest: a URL may have a megabyte, a key may not.
 */
const MOST_READABLE = 512;
const PREFIX_KEPT = 64;

export function tuple(parts: readonly (string | undefined)[]): string {
  const text = joined(parts);
  return text.length <= MOST_READABLE ? text : `${text.slice(0, PREFIX_KEPT)}#${digest(text)}`;
}

/**
 * Of the variant of a resource that this request selects, when its responses vary by the named fields. Their values are
 * only digested: keys are shown in events and in the second tier, and `Cookie` may be among them.
 */
export function variantKey(resource: string, vary: readonly string[], headers: readonly HttpField[]): string {
  const values = vary.map((name) => normalizedField(headers, name));
  return tuple(['variant', resource, ...vary, vary.length === 0 ? '' : digest(joined(values))]);
}

/** On all that is stored for a URL, whoever asked for it. */
export function urlTag(url: string): string {
  return tuple(['http:url', url]);
}

/** A group belongs to an origin (RFC 9875 §2.1). */
export function groupTag(origin: string, group: string): string {
  return tuple(['http:group', origin, group]);
}

function joined(parts: readonly (string | undefined)[]): string {
  return parts.map((part) => (part === undefined ? '-' : `${part.length}:${part}`)).join('');
}

function digest(text: string): string {
  // UTF-16, for in UTF-8 all lone surrogates would be one.
  return createHash('sha256').update(Buffer.from(text, 'utf16le')).digest('base64url');
}
