/**
 * JSON in one form for each value (RFC 8785, JSON Canonicalization Scheme): members sorted by UTF-16 code units, no
 * white space, numbers and strings as ECMAScript writes them.
 *
 * @param value what `JSON.parse` returned
 */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`).join(',')}}`;
}
