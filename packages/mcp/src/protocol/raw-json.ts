/**
 * The members of a JSON object as they are written, so that what a gateway does not own passes through byte for byte:
 * `JSON.parse` and `JSON.stringify` would change numbers beyond 2^53, `1.0` and escapes.
 *
 * Only the outermost object is looked at; nested values are skipped by counting brackets outside strings, and strings by
 * `indexOf`, so that a megabyte of text costs a few calls. The text must be valid JSON (parse it first): on anything else
 * the result is unspecified, but the scan always ends.
 *
 * @param json a valid JSON object
 * @returns member name → raw text of its value, in order; of a name that stands twice, the last, as in `JSON.parse`
 */
export function rawMembers(json: string): Map<string, string> {
  const members = new Map<string, string>();
  let at = json.indexOf('{') + 1;
  while (at < json.length) {
    const keyStart = json.indexOf('"', at);
    if (keyStart === -1) break;
    const keyEnd = endOfString(json, keyStart);
    const colon = json.indexOf(':', keyEnd);
    if (colon === -1) break;
    const valueStart = skipSpace(json, colon + 1);
    const valueEnd = endOfValue(json, valueStart);
    const rawKey = json.slice(keyStart, keyEnd);
    const key = rawKey.includes('\\') ? (JSON.parse(rawKey) as string) : rawKey.slice(1, -1);
    members.delete(key);
    members.set(key, json.slice(valueStart, valueEnd));
    at = skipSpace(json, valueEnd);
    if (json.charCodeAt(at) !== COMMA) break;
    at += 1;
  }
  return members;
}

/** The elements of a JSON array as they are written; as {@link rawMembers}. */
export function rawElements(json: string): string[] {
  const elements: string[] = [];
  let at = skipSpace(json, json.indexOf('[') + 1);
  while (at < json.length && json.charCodeAt(at) !== CLOSING_BRACKET) {
    const end = endOfValue(json, at);
    elements.push(json.slice(at, end));
    const comma = skipSpace(json, end);
    if (json.charCodeAt(comma) !== COMMA) break;
    at = skipSpace(json, comma + 1);
  }
  return elements;
}

/** The reverse of {@link rawMembers}. */
export function writeMembers(members: Iterable<readonly [name: string, raw: string]>): string {
  let text = '';
  for (const [name, raw] of members) text += `${text === '' ? '' : ','}${JSON.stringify(name)}:${raw}`;
  return `{${text}}`;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const CLOSING_BRACKET = 0x5d;

/** The index after the string that starts at `start`. */
function endOfString(json: string, start: number): number {
  for (let end = json.indexOf('"', start + 1); end !== -1; end = json.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (json.charCodeAt(end - 1 - backslashes) === BACKSLASH) backslashes += 1;
    if (backslashes % 2 === 0) return end + 1;
  }
  return json.length;
}

function endOfValue(json: string, start: number): number {
  const first = json.charCodeAt(start);
  if (first === QUOTE) return endOfString(json, start);
  if (first !== 0x7b && first !== 0x5b) return endOfScalar(json, start);
  let depth = 0;
  for (let at = start; at < json.length; at += 1) {
    switch (json.charCodeAt(at)) {
      case QUOTE:
        at = endOfString(json, at) - 1;
        break;
      case 0x7b:
      case 0x5b:
        depth += 1;
        break;
      case 0x7d:
      case 0x5d:
        depth -= 1;
        if (depth === 0) return at + 1;
        break;
      default:
    }
  }
  return json.length;
}

function endOfScalar(json: string, start: number): number {
  let at = start;
  while (at < json.length && !isSpace(json.charCodeAt(at)) && !',}]'.includes(json.charAt(at))) at += 1;
  return at;
}

function skipSpace(json: string, start: number): number {
  let at = start;
  while (isSpace(json.charCodeAt(at))) at += 1;
  return at;
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}
