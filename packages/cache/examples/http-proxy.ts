import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { ResponseCache } from '@forge/cache';
import { HttpCache, type HttpField, type HttpRecord, type HttpRequest, type HttpResponse } from '@forge/cache/http';

/** A caching reverse proxy for GET and HEAD: what its answers show in `Cache-Status` is what the cache did. */
function cachingProxy(origin: string, cache: HttpCache): Server {
  return createServer((incoming, outgoing) => {
    serve(origin, cache, incoming, outgoing).catch(() => {
      if (outgoing.headersSent) outgoing.destroy();
      else outgoing.writeHead(502).end();
    });
  });
}

async function serve(
  origin: string,
  cache: HttpCache,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const client = new AbortController();
  outgoing.once('close', () => client.abort());
  const request: HttpRequest = {
    method: incoming.method ?? 'GET',
    url: origin + incoming.url,
    headers: Object.entries(incoming.headersDistinct).flatMap(([name, lines = []]) =>
      lines.map((line): HttpField => [name, line]),
    ),
    signal: client.signal,
  };
  const { status, headers, body } = await cache.handle(request, forward);
  outgoing.writeHead(status, headers.flat());
  if (body === undefined || body instanceof Uint8Array) outgoing.end(body);
  else await pipeline(body, outgoing);
}

/** Any client will do. What concerns one connection alone stays behind, and `fetch` has decoded the body. */
async function forward({ method, url, headers, signal }: HttpRequest): Promise<HttpResponse> {
  const sent = headers.filter(([name]) => !['connection', 'host', 'transfer-encoding'].includes(name));
  const response = await fetch(url, {
    method,
    headers: sent.map(([name, value]): [string, string] => [name, value]),
    redirect: 'manual',
    ...(signal && { signal }),
  });
  const dropped = new Set(['connection', 'content-encoding', 'content-length', 'keep-alive', 'transfer-encoding']);
  return {
    status: response.status,
    headers: [...response.headers].filter(([name]) => !dropped.has(name)),
    body: response.body ?? undefined,
  };
}

async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

// An origin whose page is fresh for two seconds, and can be validated then.
const origin = createServer((request, response) => {
  response.setHeader('Cache-Control', 'max-age=2').setHeader('ETag', '"1"');
  if (request.headers['if-none-match'] === '"1"') response.writeHead(304).end();
  else response.end('a page');
});
const records = new ResponseCache<HttpRecord>({ maxBytes: 2 ** 26 });
const proxy = cachingProxy(await listen(origin), new HttpCache({ cache: records }));
const url = await listen(proxy);

const show = async (what: string): Promise<void> => {
  const response = await fetch(url);
  console.log(what.padEnd(16), await response.text(), '|', response.headers.get('cache-status'));
};
await show('the first'); // forge; fwd=uri-miss; stored
await show('at once'); // forge; hit; ttl=1
await new Promise((resolve) => setTimeout(resolve, 2500));
await show('2.5 s later'); // forge; fwd=stale; fwd-status=304

for (const server of [proxy, origin]) server.close().closeAllConnections();
await records.close();
