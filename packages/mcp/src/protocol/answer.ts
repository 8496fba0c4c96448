import { ProtocolViolation } from './errors.ts';
import { rawMembers, writeMembers } from './raw-json.ts';
import type { Era } from './versions.ts';

export type CacheScope = 'public' | 'private';

/**
 * An upstream's answer between the eras: raw JSON without what one era adds to it, so that it can be kept once and given
 * to clients of both, under their own ids.
 */
export type Answer = ResultAnswer | { readonly kind: 'error'; /** Raw JSON-RPC error object. */ readonly body: string };

export interface ResultAnswer {
  readonly kind: 'result';
  /** Raw JSON object without `resultType`, `ttlMs` and `cacheScope`. */
  readonly body: string;
  /** `complete`, `input_required` or an extension's; a legacy result is complete. */
  readonly resultType: string;
  /** The cache hint of the upstream, in ms, between 0 and a day; undefined where it gave none. */
  readonly ttl: number | undefined;
  readonly scope: CacheScope;
}

/** No hint is believed for longer (the official SDK's bound too). */
const LONGEST_TTL = 86_400_000;

export function errorAnswer(body: string): Answer {
  return { kind: 'error', body };
}

export function resultAnswer(body: string): ResultAnswer {
  return { kind: 'result', body, resultType: 'complete', ttl: undefined, scope: 'private' };
}

/**
 * Reads one JSON-RPC response. Absent, negative or malformed hints mean: private, not to be kept.
 *
 * @param json text that `JSON.parse` has accepted as an object
 * @throws ProtocolViolation when it has neither a result nor an error, or one that is no object
 */
export function readAnswer(json: string): Answer {
  const response = rawMembers(json);
  const error = response.get('error');
  if (error !== undefined && error !== 'null') return errorAnswer(objectText('error', error));
  const text = objectText('result', response.get('result'));
  const result = rawMembers(text);
  const resultType = take(result, 'resultType');
  const ttl = take(result, 'ttlMs');
  const scope = take(result, 'cacheScope');
  return {
    kind: 'result',
    body: resultType === undefined && ttl === undefined && scope === undefined ? text : writeMembers(result),
    resultType: typeof resultType === 'string' ? resultType : 'complete',
    ttl: typeof ttl === 'number' ? Math.min(Math.max(ttl, 0), LONGEST_TTL) : undefined,
    scope: scope === 'public' ? 'public' : 'private',
  };
}

function objectText(member: string, raw: string | undefined): string {
  if (raw?.startsWith('{') === true) return raw;
  throw new ProtocolViolation(`The upstream sent a response whose ${member} is no object`);
}

/** What a modern client is told about how long it may keep a result. */
export interface Hints {
  /** What is left of it now, ms. */
  readonly ttl: number;
  readonly scope: CacheScope;
}

/** The JSON-RPC response to a client: the stored bytes with the client's id, and in the modern era its members, spliced in. */
export function writeAnswer(answer: Answer, id: string, era: Era, hints: Hints | undefined): string {
  if (answer.kind === 'error') return `{"jsonrpc":"2.0","id":${id},"error":${answer.body}}`;
  return `{"jsonrpc":"2.0","id":${id},"result":${era === 'modern' ? withModernMembers(answer, hints) : answer.body}}`;
}

function withModernMembers(answer: ResultAnswer, hints: Hints | undefined): string {
  const hint =
    hints === undefined ? '' : `,"ttlMs":${Math.max(0, Math.floor(hints.ttl))},"cacheScope":"${hints.scope}"`;
  const head = `{"resultType":${JSON.stringify(answer.resultType)}${hint}`;
  const rest = answer.body.slice(answer.body.indexOf('{') + 1);
  return rest.trimStart().startsWith('}') ? `${head}${rest}` : `${head},${rest}`;
}

/** True for a tool result that reports the tool's own failure. */
export function isToolError(answer: Answer): boolean {
  return answer.kind === 'result' && rawMembers(answer.body).get('isError') === 'true';
}

/** The parsed result; undefined for an error. */
export function resultValue(answer: Answer): Record<string, unknown> | undefined {
  return answer.kind === 'error' ? undefined : (JSON.parse(answer.body) as Record<string, unknown>);
}

/** The code of a JSON-RPC error; undefined for a result or an error without one. */
export function errorCode(answer: Answer): number | undefined {
  const raw = answer.kind === 'error' ? rawMembers(answer.body).get('code') : undefined;
  const code: unknown = raw === undefined ? undefined : JSON.parse(raw);
  return typeof code === 'number' ? code : undefined;
}

function take(members: Map<string, string>, name: string): unknown {
  const raw = members.get(name);
  members.delete(name);
  return raw === undefined ? undefined : JSON.parse(raw);
}
