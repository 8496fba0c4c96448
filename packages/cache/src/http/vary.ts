import { fieldValue, isToken, type HttpField } from './http-message.ts';

/** Fields whose members have weights and no order among equal weights (RFC 9110 §12.5). */
const WEIGHTED: ReadonlySet<string> = new Set(['accept', 'accept-charset', 'accept-encoding', 'accept-language']);
/** So that a hostile `Vary` neither costs much nor fills keys. */
const MOST_NAMES = 32;

/**
 * The field names of `Vary`, in lower case, sorted and without repetition; undefined when it has a `*` or cannot be
 * parsed, so that nobody may be given the response again (RFC 9111 §4.1).
 */
export function parseVary(headers: readonly HttpField[]): readonly string[] | undefined {
  const members = (fieldValue(headers, 'vary') ?? '').split(',').map((name) => name.trim().toLowerCase());
  const names = [...new Set(members)].filter((name) => name !== '').sort();
  const usable = names.length <= MOST_NAMES && names.every((name) => name !== '*' && isToken(name));
  return usable ? names : undefined;
}

/**
 * The value of a request field in a form that equal requests share, or `undefined` where it is absent, which matches only
 * absence: lines are joined, white space around commas goes, and members with weights are sorted.
 *
 * Equal weights say nothing about order (RFC 9110 §12.5.4), so `en, de` and `de, en` are one variant.
 */
export function normalizedField(headers: readonly HttpField[], name: string): string | undefined {
  const value = fieldValue(headers, name);
  if (value === undefined) return undefined;
  const members = membersOf(value);
  // What is quoted may hold anything; and a field that is no list may be a user's name, in which `a,` is not `a`.
  if (!WEIGHTED.has(name) || value.includes('"')) return members.join(',');
  return members
    .filter((member) => member !== '')
    .map(weighted)
    .sort()
    .join(',');
}

/** The parts between commas, trimmed; commas inside quotes separate nothing, and a quote that never ends makes one part. */
function membersOf(value: string): string[] {
  const members: string[] = [];
  let start = 0;
  let quoted = false;
  for (let at = 0; at < value.length; at++) {
    const character = value[at];
    if (character === '"') quoted = !quoted;
    else if (character === '\\' && quoted) at += 1;
    else if (character === ',' && !quoted) {
      members.push(value.slice(start, at).trim());
      start = at + 1;
    }
  }
  if (quoted) return [value];
  members.push(value.slice(start).trim());
  return members;
}

/** In one form for equal weights; the value of another parameter may tell cases apart. */
function weighted(member: string): string {
  const text = member
    .split(';')
    .map((parameter) => parameter.trim())
    .join(';');
  const [, range = text, digits = '1'] = /^(.*?);q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/is.exec(text) ?? [];
  return `${range.includes('=') ? range : range.toLowerCase()};q=${Number(digits)}`;
}
