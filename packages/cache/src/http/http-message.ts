import type { Bytes } from '../units.ts';

/** One field line; the name in any case. Repeated fields are repeated lines, in order. */
export type HttpField = readonly [name: string, value: string];

export type HttpBody = Uint8Array | AsyncIterable<Uint8Array>;

/** A request, free of any framework. */
export interface HttpRequest {
  readonly method: string;
  /** Absolute, such as `https://example.com/a?b`; a fragment is ignored. Of another scheme it goes through untouched. */
  readonly url: string;
  readonly headers: readonly HttpField[];
  readonly body?: HttpBody | undefined;
  /** Aborts when the client leaves. */
  readonly signal?: AbortSignal | undefined;
}

/** A final response: interim ones (1xx) are the business of whoever forwards. */
export interface HttpResponse {
  readonly status: number;
  /** Undefined stands for the usual one. */
  readonly statusText?: string | undefined;
  readonly headers: readonly HttpField[];
  /** Whoever gets the response reads it to its end, or calls `return()` of its iterator. */
  readonly body?: HttpBody | undefined;
}

/** The values of all lines of a field, in order. @param name in lower case */
export function fieldLines(headers: readonly HttpField[], name: string): string[] {
  const lines: string[] = [];
  for (const [each, value] of headers) {
    if (each.length === name.length && each.toLowerCase() === name) lines.push(value);
  }
  return lines;
}

/** The field as one list (RFC 9110 §5.3); undefined where it is absent. @param name in lower case */
export function fieldValue(headers: readonly HttpField[], name: string): string | undefined {
  const lines = fieldLines(headers, name);
  return lines.length === 0 ? undefined : lines.join(', ').trim();
}

/** What `Content-Length` says; NaN when that is no length, undefined without the field. */
export function statedLength(headers: readonly HttpField[]): Bytes | undefined {
  const text = fieldValue(headers, 'content-length');
  if (text === undefined) return undefined;
  return /^\d+$/.test(text) ? Number(text) : NaN;
}

export function hasField(headers: readonly HttpField[], name: string): boolean {
  return fieldLines(headers, name).length > 0;
}

/** @param names in lower case */
export function withoutFields(headers: readonly HttpField[], names: ReadonlySet<string>): HttpField[] {
  return headers.filter(([name]) => !names.has(name.toLowerCase()));
}

/** Puts one line in place of all lines of the field. */
export function withField(headers: readonly HttpField[], name: string, value: string): HttpField[] {
  return [...withoutFields(headers, new Set([name.toLowerCase()])), [name, value]];
}

/** Puts what a body's length is in place of what was said of it. */
export function withLength(headers: readonly HttpField[], length: Bytes): HttpField[] {
  return withField(headers, 'Content-Length', String(length));
}

/** Without its fragment; undefined when it is none of HTTP, whose origins tell sites apart, or is relative without a base. */
export function parseUrl(reference: string | undefined, base?: string): URL | undefined {
  if (reference === undefined || !URL.canParse(reference, base)) return undefined;
  const url = new URL(reference, base);
  url.hash = '';
  return /^https?:$/.test(url.protocol) ? url : undefined;
}

const TOKEN = /^[!#$%&'*+.^_`|~\dA-Za-z-]+$/;

export function isToken(text: string): boolean {
  return TOKEN.test(text);
}

/** Fields that concern one connection and are never stored (RFC 9110 §7.6.1, RFC 9111 §3.1). */
const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
] as const;

/** Fields that say who may be given a response and for how long: without them it would be given to more, for longer. */
const GOVERNING = ['age', 'cache-control', 'cdn-cache-control', 'date', 'expires', 'vary'] as const;

/**
 * The hop-by-hop fields of a message: the known ones and those that its `Connection` names, which may name no governing
 * ones (RFC 9110 §7.6.1). In lower case.
 */
export function hopByHopFields(headers: readonly HttpField[]): Set<string> {
  const names = new Set<string>(HOP_BY_HOP);
  for (const name of (fieldValue(headers, 'connection') ?? '').split(',')) names.add(name.trim().toLowerCase());
  for (const name of GOVERNING) names.delete(name);
  return names;
}
