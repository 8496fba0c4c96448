import { readAnswer, type Answer } from '../protocol/answer.ts';
import {
  ping,
  writeParams,
  type Implementation,
  type NotificationListener,
  type UpstreamCall,
  type UpstreamConnection,
  type UpstreamInfo,
} from './connection.ts';
import { Ending } from './ending.ts';
import { eraChanged, namesHandshake, tellsEraChange } from './era-change.ts';
import { isUpstreamError, UpstreamError } from './errors.ts';
import { header, legacyHeaders, modernHeaders, post, type HttpExchange, type HttpResponse } from './http-exchange.ts';
import { discard, readResponse, type ReceivedResponse } from './http-response.ts';
import { discoverParams, initializeParams, negotiate, readDiscovery, readInitialization } from './negotiate.ts';
import { replyTo, type RequestListener } from './server-requests.ts';

export interface HttpOptions {
  readonly exchange: HttpExchange;
  readonly self: Implementation;
  /**
   * What an earlier connection found: a modern upstream needs no question at all, a legacy one only its session. Leave it
   * out once a connection has ended with MCP_ERA_CHANGED.
   */
  readonly known?: UpstreamInfo | undefined;
  readonly onNotification?: NotificationListener | undefined;
  /** Bytes. @default 16_777_216 */
  readonly maxMessageLength?: number | undefined;
}

const MAX_MESSAGE_LENGTH = 16 * 1024 * 1024;

/** What a connection is made of: the upstream as it was found and, in the legacy era, its session. */
interface Opened {
  readonly info: UpstreamInfo;
  readonly session: string | undefined;
}

/**
 * Connects to a Streamable HTTP upstream and finds its era (2026-07-28, Transports, backward compatibility).
 *
 * @throws UpstreamError MCP_CONNECT_FAILED, MCP_HTTP_STATUS; what `exchange` throws; `signal.reason` on abort
 */
export async function connectHttp(options: HttpOptions, signal: AbortSignal): Promise<UpstreamConnection> {
  const { known } = options;
  if (known?.era === 'modern') return new HttpConnection(options, { info: known, session: undefined });
  const handshake = {
    discover: (limit: AbortSignal) => discover(options, limit),
    initialize: (limit: AbortSignal) => initialize(options, limit),
    patience: 0,
  };
  return new HttpConnection(options, await negotiate(handshake, known?.era, signal));
}

async function discover(options: HttpOptions, signal: AbortSignal): Promise<Opened | undefined> {
  const message = `{"jsonrpc":"2.0","id":0,"method":"server/discover","params":${discoverParams(options.self)}}`;
  try {
    const response = await post(options.exchange, message, modernHeaders('server/discover'), signal);
    const info = readDiscovery((await read(response, 0, options)).json);
    return info && { info, session: undefined };
  } catch (error) {
    if (isUpstreamError(error) && mayBeLegacy(error)) return undefined;
    throw error;
  }
}

/** Statuses of who stands before the upstream, or of the caller's credentials: another question fares no better. */
const NO_VERDICT: ReadonlySet<number> = new Set([401, 403, 408, 429, 502, 503, 504]);

/**
 * A legacy server refuses the unknown version or the missing session with a 4xx of its own wording, breaks on it, or
 * closes the stream.
 */
function mayBeLegacy({ code, status }: UpstreamError): boolean {
  if (code === 'MCP_CONNECTION_CLOSED') return true;
  return status !== undefined && !NO_VERDICT.has(status) && (status < 300 || status >= 400);
}

async function initialize(options: HttpOptions, signal: AbortSignal): Promise<Opened> {
  const { exchange, self } = options;
  const message = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":${initializeParams(self)}}`;
  const response = await post(exchange, message, {}, signal);
  const info = readInitialization((await read(response, 1, options)).json);
  const session = header(response, 'mcp-session-id');
  const initialized = '{"jsonrpc":"2.0","method":"notifications/initialized"}';
  await discard(await post(exchange, initialized, legacyHeaders(info, session), signal));
  return { info, session };
}

function read(
  response: HttpResponse,
  id: number,
  { maxMessageLength = MAX_MESSAGE_LENGTH, onNotification = () => {} }: HttpOptions,
  onRequest: RequestListener = () => {},
): Promise<ReceivedResponse> {
  return readResponse(response, { id, maxLength: maxMessageLength, onNotification, onRequest });
}

/** How a server that has forgotten a session, after a restart for example, refuses what names it: before its code runs. */
const SESSION_UNKNOWN: ReadonlySet<number | undefined> = new Set([404, 410]);

class HttpConnection implements UpstreamConnection {
  readonly info: UpstreamInfo;
  readonly #options: HttpOptions;
  readonly #session: string | undefined;
  readonly #ending = new Ending();
  #nextId = 2;

  constructor(options: HttpOptions, { info, session }: Opened) {
    this.#options = options;
    this.info = info;
    this.#session = session;
  }

  async request(call: UpstreamCall, signal: AbortSignal): Promise<Answer> {
    const id = this.#nextId++;
    const { method } = call;
    const { era } = this.info;
    const { exchange, self } = this.#options;
    const message = `{"jsonrpc":"2.0","id":${id},"method":${JSON.stringify(method)},"params":${writeParams(call, era, self)}}`;
    const headers =
      era === 'modern' ? { ...call.paramHeaders, ...modernHeaders(method, call.params) } : this.#legacyHeaders();
    try {
      const response = await post(exchange, message, headers, signal);
      const { json, status } = await read(response, id, this.#options, this.#onRequest);
      const answer = readAnswer(json);
      if (tellsEraChange(answer, era, { method, status })) throw eraChanged(this.info.protocolVersion, answer.body);
      return answer;
    } catch (error) {
      if (signal.aborted && era === 'legacy') this.#cancel(id);
      const loss = this.#loss(error);
      if (loss !== undefined) this.#ending.happen(loss);
      throw loss ?? error;
    }
  }

  ping(signal: AbortSignal): Promise<void> {
    return ping(this, signal);
  }

  onClosed(listener: (reason: Error | undefined) => void): void {
    this.#ending.on(listener);
  }

  async close(): Promise<void> {
    if (this.#ending.happened) return;
    this.#ending.happen(undefined);
    if (this.#session === undefined) return;
    const request = { method: 'DELETE', headers: this.#legacyHeaders(), aside: true } as const;
    // The upstream forgets an abandoned session by itself: ending it is a courtesy that nobody waits for.
    await this.#options
      .exchange(request, briefly())
      .then(discard)
      .catch(() => {});
  }

  /** The failure that ends the connection, where `error` tells one: what was agreed with the upstream holds no more. */
  #loss(error: unknown): UpstreamError | undefined {
    if (!isUpstreamError(error)) return undefined;
    const { code, message, status } = error;
    if (code === 'MCP_ERA_CHANGED') return error;
    // A 400 is a tool's as well: what counts is of what it speaks.
    const misses = status === 400 && namesHandshake(message);
    if (this.#session === undefined) return misses ? eraChanged(this.info.protocolVersion, message, error) : undefined;
    if (!misses && !SESSION_UNKNOWN.has(status)) return undefined;
    return new UpstreamError('MCP_SESSION_LOST', `The upstream has lost its session (HTTP ${status})`, {
      cause: error,
      notProcessed: true,
    });
  }

  /** The modern era has no requests of servers. */
  readonly #onRequest: RequestListener = (id, method) => {
    if (this.info.era === 'legacy') this.#tell(replyTo(id, method));
  };

  /** In the modern era closing the response is the cancellation; a legacy upstream wants to be told. */
  #cancel(id: number): void {
    this.#tell(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${id}}}`);
  }

  #tell(message: string): void {
    void post(this.#options.exchange, message, this.#legacyHeaders(), briefly(), true)
      .then(discard)
      .catch(() => {});
  }

  #legacyHeaders(): Record<string, string> {
    return legacyHeaders(this.info, this.#session);
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
