import { encodeHeader } from '../protocol/envelope.ts';
import { forwardedMethod } from '../protocol/methods.ts';
import { MODERN_VERSION } from '../protocol/versions.ts';
import type { UpstreamInfo } from './connection.ts';

/** One HTTP exchange with the upstream, on a socket of the caller's choosing. */
export type HttpExchange = (request: HttpRequest, signal: AbortSignal) => Promise<HttpResponse>;

export interface HttpRequest {
  readonly method: 'POST' | 'DELETE';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** A word beside the calls, such as a cancellation: it must not wait for a socket behind them. */
  readonly aside?: boolean;
}

export interface HttpResponse {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: AsyncIterable<Uint8Array>;
  /** Gives the body up, and its socket with it. */
  destroy(): void;
}

export function post(
  exchange: HttpExchange,
  body: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
  aside = false,
): Promise<HttpResponse> {
  const accepted = { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers };
  return exchange({ method: 'POST', headers: accepted, body, aside }, signal);
}

export function modernHeaders(method: string, params?: ReadonlyMap<string, string>): Record<string, string> {
  const headers: Record<string, string> = { 'mcp-protocol-version': MODERN_VERSION, 'mcp-method': method };
  const member = forwardedMethod(method)?.nameMember;
  const raw = member === undefined ? undefined : params?.get(member);
  const name: unknown = raw === undefined ? undefined : JSON.parse(raw);
  return typeof name === 'string' ? { ...headers, 'mcp-name': encodeHeader(name) } : headers;
}

export function legacyHeaders(info: UpstreamInfo, session: string | undefined): Record<string, string> {
  return { 'mcp-protocol-version': info.protocolVersion, ...(session !== undefined && { 'mcp-session-id': session }) };
}

/** The value of a header, the first where it came more than once. */
export function header({ headers }: HttpResponse, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' || value === undefined ? value : value[0];
}
