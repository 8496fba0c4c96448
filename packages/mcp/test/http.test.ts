import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
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

/** A legacy server without sessions. */
const sessionless =
  (rest: Handler): Handler =>
  (seen, response) => {
    const { method, id } = seen.message;
    if (method !== 'initialize') legacy(rest)(seen, response);
    else reply(response, { id, result: { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: self } });
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

const ended = (connection: UpstreamConnection): Promise<Error | undefined> =>
  new Promise((resolve) => {
    connection.onClosed(resolve);
  });

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

  it('passes on what a modern client repeats of its arguments, and lets it say nothing else', async () => {
    const { exchange, seen } = await upstream(
      modern(({ message }, response) => reply(response, { id: message.id, result: {} })),
    );
    const connection = await connect(exchange);
    const paramHeaders = { 'mcp-param-region': 'eu', 'mcp-method': 'tools/list' };
    await connection.request({ method: 'tools/call', params: new Map([['name', '"t"']]), paramHeaders }, never);
    expect(seen.at(-1)!.headers).toMatchObject({ 'mcp-param-region': 'eu', 'mcp-method': 'tools/call' });
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

  it.each<[string, Handler]>([
    ['404', (_, response) => void response.writeHead(404).end('gone')],
    ['410', (_, response) => void response.writeHead(410).end()],
    [
      '400 without an id',
      (_, response) => reply(response, { id: null, error: { code: -32000, message: 'No valid session ID' } }, 400),
    ],
    [
      '400 under an id of its own',
      (_, response) =>
        reply(response, { id: 'server-error', error: { code: -32600, message: 'Missing session ID' } }, 400),
    ],
    ['400 in plain text', (_, response) => void response.writeHead(400).end('Invalid or missing session ID')],
  ])(
    'ends the connection when the server has lost its session and says %s, and that the request may be sent again',
    async (_, handle) => {
      const { exchange } = await upstream(legacy(handle));
      const connection = await connect(exchange);
      await expect(call(connection)).rejects.toMatchObject({ code: 'MCP_SESSION_LOST', notProcessed: true });
      expect(await ended(connection)).toMatchObject({ code: 'MCP_SESSION_LOST' });
    },
  );

  it.each<[string, Handler]>([
    [
      '404',
      ({ message }, response) => reply(response, { id: message.id, error: { code: -32002, message: 'no' } }, 404),
    ],
    [
      '400',
      ({ message }, response) => reply(response, { id: message.id, error: { code: -32602, message: 'no' } }, 400),
    ],
  ])('passes an error with status %s on when it answers the request itself', async (_, handle) => {
    const { exchange } = await upstream(legacy(handle));
    const connection = await connect(exchange);
    expect(await call(connection)).toMatchObject({ kind: 'error' });
    expect(await call(connection)).toMatchObject({ kind: 'error' });
  });

  const oldVersion = { code: -32022, message: 'Unsupported protocol version', data: { supported: ['2026-07-28'] } };
  const noEnvelope = {
    code: -32602,
    message: 'Invalid params: _meta["io.modelcontextprotocol/protocolVersion"] is required',
  };
  it.each<[string, (rest: Handler) => Handler, Handler]>([
    ['legacy', legacy, ({ message }, response) => reply(response, { id: message.id, error: oldVersion }, 400)],
    ['legacy', legacy, ({ message }, response) => reply(response, { id: message.id, error: noEnvelope }, 400)],
    [
      'legacy',
      sessionless,
      (_, response) => reply(response, { id: null, error: { code: -32000, message: 'Session required' } }, 400),
    ],
    [
      'modern',
      modern,
      ({ message }, response) =>
        reply(response, { id: message.id, error: { code: -32000, message: 'Unsupported protocol version' } }, 400),
    ],
    ['modern', modern, (_, response) => void response.writeHead(400).end('Invalid or missing session ID')],
    ['modern', modern, ({ message }, response) => reply(response, { id: message.id, error: oldVersion })],
  ])('ends a connection of the %s era when the upstream no longer is of it', async (era, kind, handle) => {
    const { exchange } = await upstream(kind(handle));
    const connection = await connect(exchange);
    expect(connection.info.era).toBe(era);
    await expect(call(connection)).rejects.toMatchObject({ code: 'MCP_ERA_CHANGED', notProcessed: true });
    expect(await ended(connection)).toMatchObject({ code: 'MCP_ERA_CHANGED' });
  });

  it.each<[string, (rest: Handler) => Handler, Handler]>([
    ['modern in plain text', modern, (_, response) => void response.writeHead(400).end('The date is not valid')],
    [
      'modern under our id',
      modern,
      ({ message }, response) =>
        reply(response, { id: message.id, error: { code: -32000, message: 'No such date' } }, 400),
    ],
    ['legacy in plain text', legacy, (_, response) => void response.writeHead(400).end('The date is not valid')],
  ])("takes a 400 of a tool for the tool's: %s", async (_, era, rest) => {
    const { exchange } = await upstream(era(rest));
    const connection = await connect(exchange);
    let gone = false;
    connection.onClosed(() => (gone = true));
    const outcome = await call(connection).catch((error: unknown) => error);
    expect(outcome).not.toMatchObject({ code: expect.stringMatching(/MCP_ERA_CHANGED|MCP_SESSION_LOST/) });
    expect(gone).toBe(false);
  });

  it.each([-32602, -32020, -32021])('passes error %i of a modern server on with its status 400', async (code) => {
    const { exchange } = await upstream(
      modern(({ message }, response) => reply(response, { id: message.id, error: { code, message: 'no' } }, 400)),
    );
    expect(await call(await connect(exchange))).toMatchObject({ kind: 'error' });
  });

  it('finds the modern era of a server that is known as a legacy one', async () => {
    const old = await connect((await upstream(legacy(() => {}))).exchange);
    const { exchange, seen } = await upstream(
      modern(({ message }, response) => reply(response, { id: message.id, error: oldVersion }, 400)),
    );
    const connection = await connect(exchange, { known: old.info });
    expect(connection.info.era).toBe('modern');
    expect(seen.map(({ message }) => message.method)).toEqual(['initialize', 'server/discover']);
  });

  it('rejects with what a known legacy server said to initialize when it is no modern one either', async () => {
    const old = await connect((await upstream(legacy(() => {}))).exchange);
    const { exchange } = await upstream(({ message }, response) =>
      reply(response, { id: message.id, error: { code: -32603, message: `no ${message.method}` } }),
    );
    await expect(connect(exchange, { known: old.info })).rejects.toMatchObject({
      code: 'MCP_CONNECT_FAILED',
      message: expect.stringContaining('no initialize'),
    });
  });

  it.each<[string, Handler]>([
    ['breaks on it', (_, response) => void response.writeHead(500).end('Internal Server Error')],
    ['ends the stream', (_, response) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).end()],
    ['says something else', (_, response) => void response.writeHead(200).end('<html>')],
    ['answers with no object', ({ message }, response) => reply(response, { id: message.id, result: true })],
    ['does not answer', () => {}],
  ])('initializes a server that %s when it is asked whether it is modern', async (_, handle) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const rest = legacy(() => {});
    const { exchange, seen } = await upstream((one, response) =>
      (one.message.method === 'server/discover' ? handle : rest)(one, response),
    );
    const connecting = connect(exchange);
    await expect.poll(() => seen.length).toBeGreaterThan(0);
    await vi.advanceTimersByTimeAsync(3000);
    expect((await connecting).info.era).toBe('legacy');
  });

  it('finds the modern era of a server that was slow to start and refuses to be initialized', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const late: (() => void)[] = [];
    const { exchange, seen } = await upstream(({ message }, response) => {
      if (message.method === 'initialize') {
        reply(response, { id: message.id, error: oldVersion }, 400);
        for (const answer of late) answer();
      } else late.push(() => modern(() => {})({ method: 'POST', headers: {}, message }, response));
    });
    const connecting = connect(exchange);
    await expect.poll(() => seen.length).toBe(1);
    await vi.advanceTimersByTimeAsync(3000);
    expect((await connecting).info.era).toBe('modern');
  });

  it.each([401, 429, 503])('does not take status %i for the legacy era', async (status) => {
    const { exchange, seen } = await upstream((_, response) => void response.writeHead(status).end());
    await expect(connect(exchange)).rejects.toMatchObject({ code: 'MCP_HTTP_STATUS', status });
    expect(seen).toHaveLength(1);
  });

  it('answers what a legacy server asks in its response stream', async () => {
    const streams: { response: ServerResponse; id: number | undefined }[] = [];
    const replies: object[] = [];
    const { exchange, seen } = await upstream(
      legacy(({ message }, response) => {
        if (message.method === 'tools/call') {
          response.writeHead(200, { 'content-type': 'text/event-stream' });
          for (const [id, method] of [
            ['p', 'ping'],
            [7, 'sampling/createMessage'],
          ]) {
            response.write(`data: ${JSON.stringify({ jsonrpc: '2.0', id, method, params: {} })}\n\n`);
          }
          streams.push({ response, id: message.id });
        } else {
          response.writeHead(202).end();
          replies.push(message);
          const [stream] = streams;
          if (replies.length === 2)
            stream!.response.end(`data: ${JSON.stringify({ jsonrpc: '2.0', id: stream!.id, result: {} })}\n\n`);
        }
      }),
    );
    expect(await call(await connect(exchange))).toMatchObject({ kind: 'result' });
    expect(replies).toContainEqual({ jsonrpc: '2.0', id: 'p', result: {} });
    expect(replies).toContainEqual({
      jsonrpc: '2.0',
      id: 7,
      error: { code: -32601, message: 'Method not found: sampling/createMessage' },
    });
    expect(seen.at(-1)!.headers).toMatchObject({ 'mcp-session-id': 's1', 'mcp-protocol-version': '2025-11-25' });
  });

  it('takes an answer under the id as a string', async () => {
    const { exchange } = await upstream(
      modern(({ message }, response) => reply(response, { id: String(message.id), result: {} })),
    );
    expect(await call(await connect(exchange))).toMatchObject({ kind: 'result' });
  });

  it('rejects with a ProtocolViolation when the result is no object', async () => {
    const { exchange } = await upstream(
      modern(({ message }, response) => reply(response, { id: message.id, result: 1 })),
    );
    await expect(call(await connect(exchange))).rejects.toMatchObject({ name: 'ProtocolViolation' });
  });

  it.each<[string, (rest: Handler) => Handler, Handler]>([
    ['ping', legacy, ({ message }, response) => reply(response, { id: message.id, result: {} })],
    [
      'ping',
      legacy,
      ({ message }, response) => reply(response, { id: message.id, error: { code: -32601, message: 'no' } }),
    ],
    ['server/discover', modern, () => {}],
  ])('resolves a ping by %s when the server is alive', async (method, kind, handle) => {
    const { exchange, seen } = await upstream(kind(handle));
    await (await connect(exchange)).ping(never);
    expect(seen.at(-1)!.message.method).toBe(method);
  });

  it('rejects a ping that the server answers with an error', async () => {
    const { exchange } = await upstream(
      legacy(({ message }, response) => reply(response, { id: message.id, error: { code: -32603, message: 'sick' } })),
    );
    const connection = await connect(exchange);
    await expect(connection.ping(never)).rejects.toMatchObject({ code: 'MCP_CONNECT_FAILED' });
  });

  it('ends a modern connection when the server knows no server/discover any more', async () => {
    const { info } = await connect((await upstream(modern(() => {}))).exchange);
    const { exchange } = await upstream(({ message }, response) =>
      reply(response, { id: message.id, error: { code: -32601, message: 'no' } }),
    );
    const connection = await connect(exchange, { known: info });
    await expect(connection.ping(never)).rejects.toMatchObject({ code: 'MCP_ERA_CHANGED' });
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
});
