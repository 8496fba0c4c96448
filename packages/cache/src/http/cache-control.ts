import { fieldValue, hasField, isToken, type HttpField } from './http-message.ts';
import { parseDictionary } from './structured-fields.ts';

/**
 * Cache directives by name in lower case; the argument, unquoted, or true without one.
 *
 * A directive counts by its name whatever its argument: `no-store=1` is `no-store`, for to misread a prohibition is to
 * leak. What cannot be parsed as a list of directives is no empty list but undefined, and its response is not stored.
 */
export type Directives = ReadonlyMap<string, string | true>;

/** Shared caches read their own field in place of `Cache-Control` and `Expires` (RFC 9213 §2.2). */
const TARGETED_FIELD = 'cdn-cache-control';
/** Directives whose argument is a number of seconds. */
const IN_SECONDS: ReadonlySet<string> = new Set(['max-age', 's-maxage', 'stale-while-revalidate', 'stale-if-error']);
/** What a directive means whose repetitions disagree: nothing that is safe to use (RFC 9111 §4.2.1). */
const CONTRADICTION = 'contradiction';
/** RFC 9111 §1.2.2: what is too big to be represented counts as 2^31. */
const MOST_SECONDS = 2 ** 31;
const MS = 1000;

/** One directive, or none, with the comma or the end behind it. */
const DIRECTIVE =
  /[ \t]*(?:([!#$%&'*+.^_`|~\dA-Za-z-]+)(?:=(?:"((?:[^"\\]|\\.)*)"|([!#$%&'*+.^_`|~\dA-Za-z-]+)))?[ \t]*)?(,|$)/sy;

/** The directives of `Cache-Control`; undefined when it cannot be parsed (RFC 9111 §5.2). */
export function parseCacheControl(headers: readonly HttpField[]): Directives | undefined {
  const text = fieldValue(headers, 'cache-control') ?? '';
  const directives = new Map<string, string | true>();
  DIRECTIVE.lastIndex = 0;
  for (let separator: string | undefined = ','; separator === ',';) {
    const found = DIRECTIVE.exec(text);
    if (found === null) return undefined;
    const [, name, quoted, token] = found;
    separator = found[4];
    if (name === undefined) continue;
    const key = name.toLowerCase();
    const argument = quoted?.replaceAll(/\\(.)/gs, '$1') ?? token ?? true;
    const earlier = directives.get(key);
    directives.set(key, earlier === undefined || earlier === argument ? argument : CONTRADICTION);
  }
  return directives;
}

/** What a request asks of caches; undefined when it cannot be parsed. */
export function requestDirectives(headers: readonly HttpField[]): Directives | undefined {
  const pragma = fieldValue(headers, 'pragma')?.toLowerCase();
  // Only where there is no Cache-Control (RFC 9111 §5.4).
  if (pragma === 'no-cache' && !hasField(headers, 'cache-control')) return new Map([['no-cache', true]]);
  return parseCacheControl(headers);
}

/**
 * What governs a response: in a shared cache `CDN-Cache-Control`, where it is present, not empty and parses, and else
 * `Cache-Control`.
 */
export function responseDirectives(headers: readonly HttpField[], shared: boolean): Directives | undefined {
  return (shared ? targetedDirectives(headers) : undefined) ?? parseCacheControl(headers);
}

/** `Expires` is ignored beside a targeted field (RFC 9213 §2.1). */
export function isTargeted(headers: readonly HttpField[], shared: boolean): boolean {
  return shared && targetedDirectives(headers) !== undefined;
}

/** The argument in ms: 0 when it is no number of seconds, for such information is stale; undefined without the directive. */
export function durationOf(directives: Directives, name: string): number | undefined {
  const argument = directives.get(name);
  if (argument === undefined) return undefined;
  return argument !== true && /^\d+$/.test(argument) ? Math.min(Number(argument), MOST_SECONDS) * MS : 0;
}

/**
 * The fields that a qualified `private="a, b"` or `no-cache="a, b"` names, in lower case; undefined when the directive is
 * absent or unqualified, and also when its argument names no fields: it then concerns the whole response.
 */
export function namedFields(directives: Directives, name: string): readonly string[] | undefined {
  const argument = directives.get(name);
  if (typeof argument !== 'string' || argument === CONTRADICTION) return undefined;
  const names = argument.split(',').map((each) => each.trim().toLowerCase());
  return names.every(isToken) ? names : undefined;
}

/** Whether the directive concerns the whole response. */
export function isUnqualified(directives: Directives, name: string): boolean {
  return directives.has(name) && namedFields(directives, name) === undefined;
}

function targetedDirectives(headers: readonly HttpField[]): Directives | undefined {
  const text = fieldValue(headers, TARGETED_FIELD);
  const members = text === undefined ? undefined : parseDictionary(text);
  if (members === undefined || members.size === 0) return undefined;
  const directives = new Map<string, string | true>();
  for (const [name, item] of members) {
    if (IN_SECONDS.has(name)) {
      // A value of the wrong type is ignored (RFC 9213 §2.1).
      if (typeof item === 'number') directives.set(name, String(item));
    } else if (item !== false) {
      // `private=?0` would be false; anything else, however odd, keeps its prohibition.
      directives.set(name, typeof item === 'string' ? item : true);
    }
  }
  return directives;
}
