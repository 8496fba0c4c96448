import { createParser } from 'eventsource-parser';
import { readAnswer, type Answer } from '../protocol/answer.ts';
import { encodeHeader } from '../protocol/envelope.ts';
import { isObject } from '../protocol/message.ts';
import { forwardedMethod } from '../protocol/methods.ts';
import { MODERN_VERSION } from '../protocol/versions.ts';
import {
  writeParams,
  type Implementation,
  type NotificationListener,
  type UpstreamCall,
  type UpstreamConnection,
  type UpstreamInfo,
} from './connection.ts';
import { isUpstreamError, UpstreamError } from './errors.ts';
import { discoverParams, initializeParams, readDiscovery, readInitialization } from './negotiate.ts';

/** One HTTP exchange with the upstream, on a socket of the caller's choosing. */
export type HttpExchange = (request: HttpRequest, signal: AbortSignal) => Promise<HttpResponse>;

export interface HttpRequest {
  readonly method: 'POST' | 'DELETE';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface HttpResponse {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: AsyncIterable<Uint8Array>;
  /** Gives the body up, and its socket with it. */
  destroy(): void;
}

export interface HttpOptions {
  readonly exchange: HttpExchange;
  readonly self: Implementation;
  /** What an earlier connection found: a modern upstream needs no question at all, a legacy one only its session. */
  readonly known?: UpstreamInfo | undefined;
  readonly onNotification?: NotificationListener | undefined;
  /** @default 16_777_216 */
  readonly maxMessageLength?: number | undefined;
}

const MAX_MESSAGE_LENGTH = 16 * 1024 * 1024;

/**
 * Connects to a Streamable HTTP upstream and finds its era: `server/discover` first, `initialize` where that is no
 * answer (2026-07-28, Transports, backward compatibility).
 *
 * @throws UpstreamError MCP_CONNECT_FAILED, MCP_HTTP_STATUS; what `exchange` throws; `signal.reason` on abort
 */
export async function connectHttp(options: HttpOptions, signal: AbortSignal): Promise<UpstreamConnection> {
  if (options.known?.era === 'modern') return new HttpConnection(options, options.known, undefined);
  const discovered = options.known === undefined ? await discover(options, signal) : undefined;
  if (discovered !== undefined) return new HttpConnection(options, discovered, undefined);
  const message = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":${initializeParams(options.self)}}`;
  const response = await post(options, message, {}, signal);
  const info = readInitialization(await readResponse(response, 1, options));
  const session = one(response.headers['mcp-session-id']);
  const headers = legacyHeaders(info, session);
  await discard(await post(options, '{"jsonrpc":"2.0","method":"notifications/initialized"}', headers, signal));
  return new HttpConnection(options, info, session);
}

async function discover(options: HttpOptions, signal: AbortSignal): Promise<UpstreamInfo | undefined> {
  const message = `{"jsonrpc":"2.0","id":0,"method":"server/discover","params":${discoverParams(options.self)}}`;
  try {
    const response = await post(options, message, modernHeaders('server/discover'), signal);
    return readDiscovery(readAnswer(await readResponse(response, 0, options)));
  } catch (error) {
    // A legacy server refuses the unknown version or the missing session with a 4xx of its own wording.
    if (isUpstreamError(error) && error.code === 'MCP_HTTP_STATUS' && error.notProcessed) return undefined;
    throw error;
  }
}

class HttpConnection implements UpstreamConnection {
  readonly info: UpstreamInfo;
  readonly #options: HttpOptions;
  readonly #session: string | undefined;
  readonly #closedListeners: ((reason: Error | undefined) => void)[] = [];
  #nextId = 2;
  #closed = false;

  constructor(options: HttpOptions, info: UpstreamInfo, session: string | undefined) {
    this.#options = options;
    this.info = info;
    this.#session = session;
  }

  async request(call: UpstreamCall, signal: AbortSignal): Promise<Answer> {
    const id = this.#nextId++;
    const { era } = this.info;
    const message = `{"jsonrpc":"2.0","id":${id},"method":${JSON.stringify(call.method)},"params":${writeParams(call, era, this.#options.self)}}`;
    const headers =
      era === 'modern' ? modernHeaders(call.method, call.params) : legacyHeaders(this.info, this.#session);
    try {
      const response = await post(this.#options, message, headers, signal);
      return readAnswer(await readResponse(response, id, this.#options));
    } catch (error) {
      if (signal.aborted && era === 'legacy') this.#cancel(id);
      throw this.#isSessionLoss(error) ? this.#lose(error) : error;
    }
  }

  onClosed(listener: (reason: Error | undefined) => void): void {
    this.#closedListeners.push(listener);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#end(undefined);
    if (this.#session === undefined) return;
    const request = { method: 'DELETE', headers: legacyHeaders(this.info, this.#session) } as const;
    // The upstream forgets an abandoned session by itself: ending it is a courtesy that nobody waits for.
    await this.#options.exchange(request, briefly()).then(discard, () => {});
  }

  /** A legacy upstream that has forgotten the session, after a restart for example, says 404 and has done nothing. */
  #isSessionLoss(error: unknown): error is UpstreamError {
    return isUpstreamError(error) && this.#session !== undefined && (error.status === 404 || error.status === 410);
  }

  #lose(cause: UpstreamError): UpstreamError {
    const lost = new UpstreamError('MCP_SESSION_LOST', `The upstream has lost its session (HTTP ${cause.status})`, {
      cause,
      notProcessed: true,
    });
    this.#end(lost);
    return lost;
  }

  /** In the modern era closing the response is the cancellation; a legacy upstream wants to be told. */
  #cancel(id: number): void {
    const message = `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${id}}}`;
    const headers = legacyHeaders(this.info, this.#session);
    post(this.#options, message, headers, briefly()).then(discard, () => {});
  }

  #end(reason: Error | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const listener of this.#closedListeners.splice(0)) listener(reason);
  }
}

const FAREWELL = 1000;

function briefly(): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => {
    controller.abort();
  }, FAREWELL).unref();
  return controller.signal;
}

function modernHeaders(method: string, params?: ReadonlyMap<string, string>): Record<string, string> {
  const headers: Record<string, string> = { 'mcp-protocol-version': MODERN_VERSION, 'mcp-method': method };
  const member = forwardedMethod(method)?.nameMember;
  const raw = member === undefined ? undefined : params?.get(member);
  const name: unknown = raw === undefined ? undefined : JSON.parse(raw);
  return typeof name === 'string' ? { ...headers, 'mcp-name': encodeHeader(name) } : headers;
}

function legacyHeaders(info: UpstreamInfo, session: string | undefined): Record<string, string> {
  return { 'mcp-protocol-version': info.protocolVersion, ...(session !== undefined && { 'mcp-session-id': session }) };
}

function post(
  { exchange }: HttpOptions,
  body: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<HttpResponse> {
  const accepted = { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers };
  return exchange({ method: 'POST', headers: accepted, body }, signal);
}

/** The text of the JSON-RPC response with that id, out of a JSON body or an event stream. */
async function readResponse(response: HttpResponse, id: number, options: HttpOptions): Promise<string> {
  const type = one(response.headers['content-type']) ?? '';
  const limit = options.maxMessageLength ?? MAX_MESSAGE_LENGTH;
  if (response.status === 200 && type.startsWith('text/event-stream')) {
    return readEventStream(response, id, limit, options.onNotification ?? (() => {}));
  }
  const text = await readText(response.body, limit);
  // The modern era sends its errors as JSON-RPC in the body of a 4xx.
  if (isResponse(text, id)) return text;
  throw statusError(response.status, text);
}

function statusError(status: number, text: string): UpstreamError {
  const said = text.trim().slice(0, 300);
  const notProcessed = status >= 400 && status < 500 && ![401, 403, 408].includes(status);
  const message = `The upstream answered HTTP ${status}${said === '' ? '' : `: ${said}`}`;
  return new UpstreamError('MCP_HTTP_STATUS', message, { notProcessed, status });
}

async function readText(body: AsyncIterable<Uint8Array>, limit: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.byteLength;
    if (length > limit) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

async function readEventStream(
  response: HttpResponse,
  id: number,
  limit: number,
  onNotification: NotificationListener,
): Promise<string> {
  let answer: string | undefined;
  const parser = createParser({
    onEvent: ({ data }) => {
      if (isResponse(data, id)) answer = data;
      else readNotification(data, onNotification);
    },
  });
  const decoder = new TextDecoder();
  const chunks = response.body[Symbol.asyncIterator]();
  let length = 0;
  for (let chunk = await chunks.next(); chunk.done !== true; chunk = await chunks.next()) {
    length += chunk.value.byteLength;
    if (length > limit) {
      response.destroy();
      throw tooLarge();
    }
    parser.feed(decoder.decode(chunk.value, { stream: true }));
    if (answer !== undefined) {
      void finish(response, chunks);
      return answer;
    }
  }
  throw new UpstreamError('MCP_CONNECTION_CLOSED', 'The upstream ended its response stream before the answer');
}

/** Reads the stream to its end, which follows the answer, so that the socket can be used again. */
async function finish(response: HttpResponse, chunks: AsyncIterator<Uint8Array>): Promise<void> {
  const timer = setTimeout(() => {
    response.destroy();
  }, FAREWELL);
  try {
    while ((await chunks.next()).done !== true);
  } catch {
    // The socket is gone: the next request opens another.
  } finally {
    clearTimeout(timer);
  }
}

function tooLarge(): UpstreamError {
  return new UpstreamError('MCP_MESSAGE_TOO_LARGE', 'The upstream sent a message that is too long');
}

function isResponse(text: string, id: number): boolean {
  const message = parse(text);
  return (
    isObject(message) &&
    message['method'] === undefined &&
    (message['id'] === id || (message['id'] === null && 'error' in message))
  );
}

function readNotification(text: string, onNotification: NotificationListener): void {
  const message = parse(text);
  if (isObject(message) && typeof message['method'] === 'string' && message['id'] === undefined) {
    onNotification(message['method'], message['params']);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function discard(response: HttpResponse): Promise<void> {
  await readText(response.body, MAX_MESSAGE_LENGTH);
}

function one(header: string | readonly string[] | undefined): string | undefined {
  return typeof header === 'string' || header === undefined ? header : header[0];
}
