import { once } from 'node:events';
import {
  Agent,
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ResponseCache } from '@forge/cache';
import { HttpCache, type HttpField, type HttpRecord, type HttpRequest, type HttpResponse } from '@forge/cache/http';

const HOP_BY_HOP: ReadonlySet<string> = new Set([
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
]);

/** A shared reverse proxy for one origin: node:http on both sides, and nothing that caches but `HttpCache`. */
export class HttpCacheProxy {
  readonly #origin: string;
  readonly #records = new ResponseCache<HttpRecord>({ maxBytes: 2 ** 28 });
  readonly #cache = new HttpCache({ cache: this.#records });
  readonly #agent = new Agent({ keepAlive: true });
  readonly #server: Server = createServer((request, response) => void this.#serve(request, response));

  /** @param origin such as `http://127.0.0.1:8000` */
  constructor(origin: string) {
    this.#origin = origin;
  }

  /** Listens on a free port and gives its URL. */
  async start(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    this.#agent.destroy();
    await this.#records.close();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const left = new AbortController();
    response.once('close', () => left.abort(new Error('The client has left')));
    const { method = 'GET', url = '/' } = request;
    const hasBody =
      request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined;
    const received: HttpRequest = {
      method,
      url: this.#origin + url,
      headers: endToEnd(request.rawHeaders),
      body: hasBody ? request : undefined,
      signal: left.signal,
    };
    try {
      const answer = await this.#cache.handle(received, (forwarded) => this.#forward(forwarded, response));
      response.writeHead(answer.status, answer.statusText, answer.headers.flat());
      if (answer.body === undefined || answer.body instanceof Uint8Array) response.end(answer.body);
      else await pipeline(answer.body, response);
    } catch {
      if (response.headersSent) response.destroy();
      else response.writeHead(502, { 'Content-Length': '0' }).end();
    }
  }

  #forward({ method, url, headers, body, signal }: HttpRequest, client: ServerResponse): Promise<HttpResponse> {
    return new Promise((resolve, reject) => {
      const outgoing = httpRequest(url, { method, headers: headers.flat(), agent: this.#agent, signal });
      outgoing.once('error', reject);
      outgoing.on('information', ({ statusCode, rawHeaders }) => {
        if (statusCode === 102) client.writeProcessing();
        if (statusCode === 103) client.writeEarlyHints(earlyHints(rawHeaders));
      });
      outgoing.once('response', (incoming) => resolve(responseOf(incoming)));
      if (body === undefined || body instanceof Uint8Array) outgoing.end(body);
      else pipeline(Readable.from(body), outgoing).catch(reject);
    });
  }
}

function responseOf(incoming: IncomingMessage): HttpResponse {
  const { statusCode = 502, statusMessage, rawHeaders } = incoming;
  return { status: statusCode, statusText: statusMessage, headers: endToEnd(rawHeaders), body: incoming };
}

/** Name and value pairs of what is not for this connection alone. */
function endToEnd(rawHeaders: readonly string[]): HttpField[] {
  const fields: HttpField[] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) fields.push([rawHeaders[at]!, rawHeaders[at + 1]!]);
  const dropped = new Set(HOP_BY_HOP);
  for (const [name, value] of fields) {
    if (name.toLowerCase() === 'connection')
      for (const each of value.split(',')) dropped.add(each.trim().toLowerCase());
  }
  return fields.filter(([name]) => !dropped.has(name.toLowerCase()));
}

function earlyHints(rawHeaders: readonly string[]): Record<string, string | string[]> {
  const hints: Record<string, string[]> = {};
  for (const [name, value] of endToEnd(rawHeaders)) (hints[name.toLowerCase()] ??= []).push(value);
  return hints;
}
