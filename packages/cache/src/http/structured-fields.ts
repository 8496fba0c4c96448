/**
 * As much of Structured Fields as caches speak: dictionaries (`CDN-Cache-Control`) and lists of strings
 * (`Cache-Groups`). A field that breaks the grammar anywhere is no field at all, as the specification asks, so a parser
 * either understands the whole text or returns undefined.
 *
 * The grammar is regular once an inner list cannot hold another, so each member is one sticky expression, put together
 * from the rules of the specification. Every alternative is told by its first character and no repetition can match what
 * follows it, so a match takes linear time.
 *
 * [1] RFC 8941, Structured Field Values for HTTP, §3 and §4.2. The types that RFC 9651 added are in no field of a cache.
 */

/** An integer, a string or a boolean. What caches have no use for (tokens, decimals, inner lists …) is checked and null. */
export type BareItem = number | string | boolean | null;

const KEY = String.raw`[a-z*][a-z\d_.*-]*`;
const TOKEN = String.raw`[A-Za-z*][!#$%&'*+.^_\`|~\dA-Za-z:/-]*`;
const BARE_ITEM = [
  String.raw`-?(?:\d{1,12}\.\d{1,3}|\d{1,15})(?![\d.])`,
  String.raw`"(?:[ !#-[\]-~]|\\["\\])*"`,
  TOKEN,
  String.raw`\?[01]`,
  String.raw`:[A-Za-z\d+/]*={0,2}:`,
].join('|');
const PARAMETERS = `(?:; *${KEY}(?:=(?:${BARE_ITEM}))?)*`;
const ITEM = `(?:${BARE_ITEM})${PARAMETERS}`;
const INNER_LIST = String.raw`\( *(?:${ITEM}(?: +${ITEM})* *)?\)`;

const MEMBER = new RegExp(`(${KEY})(?:=(${BARE_ITEM}|${INNER_LIST}))?${PARAMETERS}`, 'y');
const LIST_ITEM = new RegExp(`(${BARE_ITEM})${PARAMETERS}`, 'y');
const COMMA = /[ \t]*,[ \t]*(?!$)/y;
const WHOLE_TOKEN = new RegExp(`^${TOKEN}$`);

/** The members by key, the last of equal ones; undefined when it does not parse. */
export function parseDictionary(text: string): Map<string, BareItem> | undefined {
  const members = new Map<string, BareItem>();
  const matches = matchMembers(text, MEMBER);
  for (const [, key, value = '?1'] of matches ?? []) {
    members.delete(key!);
    members.set(key!, bareItem(value));
  }
  return matches && members;
}

/** The strings of a list, without their parameters; undefined when it does not parse or holds anything else. */
export function parseStringList(text: string): string[] | undefined {
  const items = matchMembers(text, LIST_ITEM)?.map(([, item]) => bareItem(item!));
  return items?.every((item) => typeof item === 'string') === true ? items : undefined;
}

/** As a token where it is one, else as a string, in which `?` stands for what is no printable ASCII. */
export function serializeText(text: string): string {
  if (WHOLE_TOKEN.test(text)) return text;
  return `"${text.replaceAll(/[^ -~]/g, '?').replaceAll(/["\\]/g, String.raw`\$&`)}"`;
}

/** The matches of a comma-separated list; a trailing comma is an error. */
function matchMembers(field: string, member: RegExp): RegExpExecArray[] | undefined {
  const text = field.trim();
  const matches: RegExpExecArray[] = [];
  for (let at = 0; at < text.length; at = COMMA.lastIndex) {
    member.lastIndex = at;
    const match = member.exec(text);
    if (match === null) return undefined;
    matches.push(match);
    if (member.lastIndex === text.length) break;
    COMMA.lastIndex = member.lastIndex;
    if (!COMMA.test(text)) return undefined;
  }
  return matches;
}

function bareItem(text: string): BareItem {
  if (/^-?\d+$/.test(text)) return Number(text);
  if (text.startsWith('"')) return text.slice(1, -1).replaceAll(/\\(.)/g, '$1');
  return text.startsWith('?') ? text === '?1' : null;
}
