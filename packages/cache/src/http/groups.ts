import { fieldValue, type HttpField } from './http-message.ts';
import { parseStringList } from './structured-fields.ts';

/** A field with more, or longer, groups is cut: RFC 9875 §2 asks caches for at least 32 of 32 characters. */
const MOST_GROUPS = 64;
const LONGEST_GROUP = 256;

/** The groups that a response belongs to (RFC 9875 §2). */
export function groupsOf(headers: readonly HttpField[]): readonly string[] {
  return namesIn(headers, 'cache-groups');
}

/** The groups that the answer to an unsafe request invalidates (RFC 9875 §3). */
export function invalidatedGroups(headers: readonly HttpField[]): readonly string[] {
  return namesIn(headers, 'cache-group-invalidation');
}

function namesIn(headers: readonly HttpField[], field: string): readonly string[] {
  const names = parseStringList(fieldValue(headers, field) ?? '') ?? [];
  return names.filter((name) => name.length <= LONGEST_GROUP).slice(0, MOST_GROUPS);
}
