import { createHash } from 'node:crypto';

/** Longer texts are stored under their hash. */
const LONGEST = 256;

/** What keeps the keys of one name apart from those of every other: its JSON ends where it ends, whatever it contains. */
export function partPrefix(name: string, kind: string): string {
  return `${JSON.stringify(name)}:${kind}:`;
}

/**
 * The key of one part, of bounded length. JSON tells 1 from "1" and writes lone surrogates as escapes, so that no two ids
 * share a key; a hash, which no JSON begins like, has one length. So neither is the beginning of another, and whatever is
 * appended to a key belongs to it alone.
 */
export function partKey(prefix: string, id: string | number): string {
  const text = JSON.stringify(id);
  return text.length <= LONGEST ? prefix + text : `${prefix}#${createHash('sha256').update(text).digest('base64url')}`;
}
