import { once } from 'node:events';
import { Agent, createServer as createHttpServer, request as httpRequest, type IncomingMessage } from 'node:http';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import {
  HttpCache,
  type HttpField,
  type HttpRecord,
  type HttpRequest,
  type HttpResponse,
} from '../../src/http/index.ts';
import { ResponseCache } from '../../src/index.ts';

/** What a raw origin does with a request: it writes bytes as it likes. */
export type Behaviour = (socket: Socket, request: string) => void;

/** An origin that speaks whatever the test wants, and a caching proxy before it, both on loopback. */
export class Loopback {
  behaviour: Behaviour;
  /** The heads of the requests that the origin got. */
  readonly requests: string[] = [];
  readonly cache: HttpCache;
  readonly #records = new ResponseCache<HttpRecord>({ maxBytes: 2 ** 24 });
  readonly #agent = new Agent({ keepAlive: true });
  readonly #sockets = new Set<Socket>();
  readonly #origin: Server = createServer((socket) => this.#accept(socket));
  readonly #proxy = createHttpServer((incoming, outgoing) => {
    const left = new AbortController();
    outgoing.once('close', () => left.abort(new Error('The client has left')));
    const request: HttpRequest = {
      method: incoming.method!,
      url: `${this.#target}${incoming.url}`,
      headers: fieldsOf(incoming),
      signal: left.signal,
    };
    this.cache
      .handle(request, (forwarded) => this.#forward(forwarded))
      .then(async ({ status, headers, body }) => {
        outgoing.writeHead(status, headers.flat());
        if (body === undefined || body instanceof Uint8Array) outgoing.end(body);
        else await pipeline(body, outgoing);
      })
      .catch(() => {
        if (outgoing.headersSent) outgoing.destroy();
        else outgoing.writeHead(502).end();
      });
  });
  #target = '';
  url = '';

  constructor(behaviour: Behaviour, options: { readonly maxBodyBytes?: number } = {}) {
    this.behaviour = behaviour;
    this.cache = new HttpCache({ cache: this.#records, ...options });
  }

  async start(): Promise<this> {
    [this.#target, this.url] = [await listen(this.#origin), await listen(this.#proxy)];
    return this;
  }

  async stop(): Promise<void> {
    this.#proxy.close();
    this.#proxy.closeAllConnections();
    this.#agent.destroy();
    this.#origin.close();
    for (const socket of this.#sockets) socket.destroy();
    await this.#records.close();
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => {}).once('close', () => this.#sockets.delete(socket));
    let head = '';
    socket.on('data', (data) => {
      head += data.toString('latin1');
      if (!head.includes('\r\n\r\n')) return;
      this.requests.push(head);
      const request = head;
      head = '';
      this.behaviour(socket, request);
    });
  }

  #forward({ method, url, headers, signal }: HttpRequest): Promise<HttpResponse> {
    return new Promise((resolve, reject) => {
      const outgoing = httpRequest(url, { method, headers: headers.flat(), agent: this.#agent, signal });
      outgoing.once('error', reject).end();
      outgoing.once('response', (body) => resolve({ status: body.statusCode!, headers: fieldsOf(body), body }));
    });
  }
}

function fieldsOf({ rawHeaders }: IncomingMessage): HttpField[] {
  const fields: HttpField[] = [];
  for (let at = 0; at < rawHeaders.length; at += 2) fields.push([rawHeaders[at]!, rawHeaders[at + 1]!]);
  return fields.filter(([name]) => !['connection', 'keep-alive', 'transfer-encoding'].includes(name.toLowerCase()));
}

async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
