import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { connectHttp, type HttpExchange, type HttpOptions, type UpstreamConnection } from '../src/sessions/index.ts';

interface Seen {
  readonly method: string;
  readonly headers: IncomingMessage['headers'];
  readonly message: { id?: number; method: string; params?: any };
}

type Handler = (seen: Seen, response: ServerResponse) => void;

const self = { name: 'test', version: '1.0.0' };
const never = new AbortController().signal;

/** A server whose every answer the test writes, and an exchange that reaches it over real sockets. */
async function upstream(handle: Handler): Promise<{ exchange: HttpExchange; seen: Seen[] }> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      const one = {
        method: request.method!,
        headers: request.headers,
        message: body === '' ? { method: '' } : JSON.parse(body),
      };
      seen.push(one);
      handle(one, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
  const exchange: HttpExchange = async ({ method, headers, body }, signal) => {
    const response = await fetch(url, { method, headers, body: body ?? null, signal });
    const stream = response.body ?? new ReadableStream<Uint8Array>();
    return {
      status: response.status,
      headers: Object.fromEntries(response.headers),
      body: response.body === null ? nothing() : stream,
      destroy: () => void stream.cancel().catch(() => {}),
    };
  };
  return { exchange, seen };
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

const reply = (response: ServerResponse, message: object, status = 200, headers: Record<string, string> = {}): void => {
  response
    .writeHead(status, { 'content-type': 'application/json', ...headers })
    .end(JSON.stringify({ jsonrpc: '2.0', ...message }));
};

/** A legacy server with a session, as the first SDK has it; `rest` answers what comes after the handshake. */
const legacy =
  (rest: Handler): Handler =>
  (seen, response) => {
    const { method, id } = seen.message;
    if (seen.method === 'DELETE') response.writeHead(200).end();
    else if (method === 'server/discover')
      reply(response, { id: null, error: { code: -32000, message: 'No valid session ID' } }, 400);
    else if (method === 'initialize')
      reply(
        response,
        { id, result: { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: self } },
        200,
        { 'mcp-session-id': 's1' },
      );
    else if (method === 'notifications/initialized') response.writeHead(202).end();
    else rest(seen, response);
  };

const modern =
  (rest: Handler): Handler =>
  (seen, response) => {
    if (seen.message.method === 'server/discover')
      reply(response, {
        id: seen.message.id,
        result: { supportedVersions: ['2026-07-28'], capabilities: { tools: {} } },
      });
    else rest(seen, response);
  };

const connect = (exchange: HttpExchange, more: Partial<HttpOptions> = {}): Promise<UpstreamConnection> =>
  connectHttp({ exchange, self, ...more }, never);
const call = (connection: UpstreamConnection, method = 'tools/call', signal = never) =>
  connection.request(
    {
      method,
      params: new Map([
        ['name', '"größe"'],
        ['arguments', '{"n":1.0}'],
      ]),
    },
    signal,
  );

describe('connectHttp', () => {
  it('speaks to a modern server with the headers that mirror the body', async () => {
    const { exchange, seen } = await upstream(
      modern(({ message }, response) => reply(response, { id: message.id, result: { content: [], ttlMs: 5 } })),
    );
    const connection = await connect(exchange);
    expect(connection.info.era).toBe('modern');
    expect(await call(connection)).toMatchObject({ kind: 'result', body: '{"content":[]}', ttl: 5 });
    expect(seen.at(-1)!.headers).toMatchObject({
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': '=?base64?Z3LDtsOfZQ==?=',
    });
    expect(seen.at(-1)!.headers['authorization']).toBeUndefined();
  });

  it('asks a known modern server nothing', async () => {
    const { exchange, seen } = await upstream(
      modern(({ message }, response) => reply(response, { id: message.id, result: {} })),
    );
    const { info } = await connect(exchange);
    await call(await connect(exchange, { known: info }));
    expect(seen.map(({ message }) => message.method)).toEqual(['server/discover', 'tools/call']);
  });

  it('opens a session with a legacy server, names it in each request and ends it', async () => {
    const { exchange, seen } = await upstream(
      legacy(({ message }, response) => reply(response, { id: message.id, result: { content: [] } })),
    );
    const connection = await connect(exchange);
    expect(connection.info).toMatchObject({ era: 'legacy', protocolVersion: '2025-11-25' });
    await call(connection);
    expect(seen.at(-1)!.headers).toMatchObject({ 'mcp-session-id': 's1', 'mcp-protocol-version': '2025-11-25' });
    await connection.close();
    expect(seen.at(-1)).toMatchObject({ method: 'DELETE', headers: { 'mcp-session-id': 's1' } });
  });

  it('reads the answer out of an event stream, and what the server says besides', async () => {
    const heard: string[] = [];
    const { exchange } = await upstream(
      legacy(({ message }, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write(
          ': hello\n\nevent: message\ndata: {"jsonrpc":"2.0","method":"notifications/tools/list_changed"}\n\n',
        );
        response.end(`data: ${JSON.stringify({ jsonrpc: '2.0', id: message.id, result: { content: ['ü'] } })}\n\n`);
      }),
    );
    const connection = await connect(exchange, { onNotification: (method) => heard.push(method) });
    expect(await call(connection)).toMatchObject({ body: '{"content":["ü"]}' });
    expect(heard).toEqual(['notifications/tools/list_changed']);
  });

  it('passes a JSON-RPC error on, whatever its status', async () => {
    const { exchange } = await upstream(
      modern(({ message }, response) =>
        reply(response, { id: message.id, error: { code: -32601, message: 'no' } }, 404),
      ),
    );
    expect(await call(await connect(exchange))).toEqual({ kind: 'error', body: '{"code":-32601,"message":"no"}' });
  });

  it('ends the connection when the server has lost its session, and says that the request may be sent again', async () => {
    const { exchange } = await upstream(legacy((_, response) => void response.writeHead(404).end('gone')));
    const connection = await connect(exchange);
    const closed = new Promise<Error | undefined>((resolve) => {
      connection.onClosed(resolve);
    });
    await expect(call(connection)).rejects.toMatchObject({ code: 'MCP_SESSION_LOST', notProcessed: true });
    expect(await closed).toMatchObject({ code: 'MCP_SESSION_LOST' });
  });

  it('tells a legacy server when a request is aborted', async () => {
    const { exchange, seen } = await upstream(
      legacy(
        ({ message }, response) => void (message.method.startsWith('notifications/') && response.writeHead(202).end()),
      ),
    );
    const connection = await connect(exchange);
    const controller = new AbortController();
    const refused = expect(call(connection, 'tools/call', controller.signal)).rejects.toThrow('enough');
    await expect.poll(() => seen.at(-1)!.message.method).toBe('tools/call');
    const { id } = seen.at(-1)!.message;
    controller.abort(new Error('enough'));
    await refused;
    await expect
      .poll(() => seen.at(-1)!.message)
      .toMatchObject({ method: 'notifications/cancelled', params: { requestId: id } });
  });

  it.each<[string, Handler, object]>([
    [
      'a server error',
      (_, response) => void response.writeHead(500).end('oops'),
      { code: 'MCP_HTTP_STATUS', status: 500, notProcessed: false, message: 'The upstream answered HTTP 500: oops' },
    ],
    ['a refusal', (_, response) => void response.writeHead(401).end(), { code: 'MCP_HTTP_STATUS', status: 401 }],
    ['a redirect', (_, response) => void response.writeHead(307, { location: '/elsewhere' }).end(), {}],
    [
      'text that is no message',
      (_, response) => void response.writeHead(200, { 'content-type': 'application/json' }).end('{"x":1}'),
      { code: 'MCP_HTTP_STATUS' },
    ],
    [
      'a stream without the answer',
      (_, response) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).end('data: {}\n\n'),
      { code: 'MCP_CONNECTION_CLOSED' },
    ],
    [
      'too much',
      ({ message }, response) => reply(response, { id: message.id, result: 'x'.repeat(5000) }),
      { code: 'MCP_MESSAGE_TOO_LARGE' },
    ],
  ])('rejects on %s', async (_, handle, error) => {
    const { exchange } = await upstream(modern(handle));
    await expect(call(await connect(exchange, { maxMessageLength: 1000 }))).rejects.toMatchObject(error);
  });

  it('rejects when the server wants to know who we are, rather than to take that for the legacy era', async () => {
    const { exchange } = await upstream((_, response) => void response.writeHead(401).end());
    await expect(connect(exchange)).rejects.toMatchObject({ code: 'MCP_HTTP_STATUS', status: 401 });
  });
});
