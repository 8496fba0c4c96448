import { request } from 'node:http';
import { describe, expect, it } from 'vitest';
import { counterServer, gatewayFor, textOf } from './support.ts';

interface Reply {
  readonly status: number;
  readonly headers: Record<string, unknown>;
  readonly text: string;
}

/** A request with any header, which fetch would not send. */
function send(url: string, headers: Record<string, string>, body?: string): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method: body === undefined ? 'GET' : 'POST', headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => {
        resolve({ status: response.statusCode!, headers: response.headers, text });
      });
    });
    outgoing.on('error', reject).end(body);
  });
}

const JSON_TYPE = { 'content-type': 'application/json' };
const ping = '{"jsonrpc":"2.0","id":1,"method":"ping"}';

describe('the front', () => {
  it.each([
    ['a Host that is not ours', { host: 'evil.example' }, 403],
    ['a Host that only begins like ours', { host: 'localhost.evil.example' }, 403],
    ['no usable Host', { host: 'a@localhost' }, 403],
    ['a foreign Origin', { origin: 'https://evil.example' }, 403],
    ['the Origin null', { origin: 'null' }, 403],
    ['an Origin that only begins like ours', { origin: 'http://localhost.evil.example' }, 403],
    ['a loopback Origin', { origin: 'http://localhost:5173' }, 200],
    ['an allowed Host and Origin', { host: 'gateway.example', origin: 'https://app.example' }, 200],
  ])('answers %s as it should', async (_, headers, status) => {
    const { url } = await gatewayFor(
      { counter: counterServer() },
      { allowedHosts: ['gateway.example'], allowedOrigins: ['https://app.example'] },
    );
    expect((await send(`${url}/mcp`, { ...JSON_TYPE, ...headers }, ping)).status).toBe(status);
    expect((await send(`${url}/health`, headers)).status).toBe(status);
  });

  it.each([
    ['another content type', { 'content-type': 'text/plain' }, ping, 415, -32600],
    ['no JSON', JSON_TYPE, '{', 400, -32700],
    ['a batch', JSON_TYPE, `[${ping}]`, 400, -32600],
    ['an unknown session', { ...JSON_TYPE, 'mcp-session-id': 'x' }, ping, 404, -32600],
    ['a body over the limit', JSON_TYPE, JSON.stringify({ pad: 'x'.repeat(2000) }), 413, -32600],
    ['an unknown legacy method', JSON_TYPE, '{"jsonrpc":"2.0","id":1,"method":"nope"}', 200, -32601],
    [
      'a tool call without a name',
      JSON_TYPE,
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{}}',
      200,
      -32602,
    ],
  ])('refuses %s with a JSON-RPC error', async (_, headers, body, status, code) => {
    const { url } = await gatewayFor({ counter: counterServer() }, { limits: { maxBodyBytes: 1000 } });
    const reply = await send(`${url}/mcp`, headers, body);
    expect([reply.status, (JSON.parse(reply.text) as { error: { code: number } }).error.code]).toEqual([status, code]);
  });

  it('refuses a modern method that it does not have with 404, and GET and DELETE with 405', async () => {
    const { url } = await gatewayFor({ counter: counterServer() });
    const meta = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientCapabilities': {},
    };
    const headers = { ...JSON_TYPE, 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'ping' };
    expect(
      (await send(`${url}/mcp`, headers, JSON.stringify({ ...JSON.parse(ping), params: { _meta: meta } }))).status,
    ).toBe(404);
    expect((await send(`${url}/mcp`, {})).status).toBe(405);
    expect(
      (await fetch(`${url}/mcp`, { method: 'DELETE', headers: { 'mcp-protocol-version': '2026-07-28' } })).status,
    ).toBe(405);
  });

  it('gives an id and the numbers of an answer back as they were written', async () => {
    const { url } = await gatewayFor({ counter: counterServer() });
    const reply = await send(`${url}/mcp`, JSON_TYPE, '{"jsonrpc":"2.0","id":12345678901234567890,"method":"ping"}');
    expect(reply.text).toBe('{"jsonrpc":"2.0","id":12345678901234567890,"result":{}}');
  });

  it('refuses a request target that is no path with 400', async () => {
    const { url } = await gatewayFor({ counter: counterServer() });
    expect((await send(`${url}//`, {})).status).toBe(404);
  });

  it('tells Prometheus, probes and people how it is', async () => {
    const { url } = await gatewayFor({ '<b>counter': counterServer() });
    await expect.poll(async () => (await fetch(`${url}/ready`)).status).toBe(200);
    await fetch(`${url}/api/mcp/tools/pid`, { method: 'POST', headers: JSON_TYPE, body: '{}' });
    expect(await (await fetch(`${url}/health`)).json()).toEqual({ status: 'ok' });
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics).toMatch(
      /^mcp_client_operation_duration_seconds_count\{upstream="b-counter",mcp_method_name="tools\/call",outcome="ok"\} 1$/m,
    );
    expect(metrics).toMatch(
      /^mcp_server_operation_duration_seconds_count\{mcp_method_name="tools\/call",outcome="ok",source="upstream"\} 1$/m,
    );
    const page = await fetch(url);
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(await page.text()).toContain('<td>b-counter<td>connected<td>2025-11-25 (legacy)<td>1<td>0');
  });
});

describe('the REST face', () => {
  const post = (url: string, path: string, body: unknown): Promise<Response> =>
    fetch(`${url}/api/mcp/${path}`, { method: 'POST', headers: JSON_TYPE, body: JSON.stringify(body) });

  it('lists, reads and calls', async () => {
    const { url } = await gatewayFor({ counter: counterServer() });
    const get = async (path: string): Promise<any> => (await fetch(`${url}/api/mcp/${path}`)).json();
    expect((await get('tools')).tools.map(({ name }: { name: string }) => name)).toContain('pid');
    expect((await get('prompts')).prompts).toHaveLength(1);
    expect((await get('resources')).resources[0].uri).toBe('counter://note');
    expect((await get('resources/read?uri=counter://note')).contents[0].text).toBe('read 1');
    expect((await get('servers')).servers[0]).toMatchObject({
      id: 'counter',
      connected: true,
      info: { era: 'legacy' },
    });
    expect(await (await post(url, 'prompts/greet', { who: 'Ada' })).json()).toMatchObject({
      messages: [{ role: 'user' }],
    });
    expect(textOf(await (await post(url, 'tools/write', { value: 'x' })).json())).toBe('write 1');
  });

  it('answers a batch with one envelope for each call, in order, whatever becomes of the others', async () => {
    const { url } = await gatewayFor({ counter: counterServer(), gone: { command: 'no-such-program-anywhere' } });
    const calls = [
      { id: 'slow', tool: 'counter__wait', arguments: { ms: 50 } },
      { tool: 'gone__x' },
      { id: 3, tool: 'counter__fail' },
      { tool: 'nowhere__x' },
      { tool: 'counter__write', arguments: { value: 'x' } },
    ];
    const response = await post(url, 'batch', { requests: calls });
    const body = (await response.json()) as { batchId: string; processingTime: number; responses: any[] };
    expect(response.status).toBe(200);
    expect(body.batchId).toMatch(/^[0-9a-f-]{36}$/);
    expect(body.processingTime).toBeGreaterThan(45);
    expect(body.responses.map(({ index, id, ok }) => [index, id, ok])).toEqual([
      [0, 'slow', true],
      [1, undefined, false],
      [2, 3, false],
      [3, undefined, false],
      [4, undefined, true],
    ]);
    expect(body.responses[1].error.message).toContain('ENOENT');
    expect(body.responses[2].result.isError).toBe(true);
    expect(body.responses[4].result.content[0].text).toBe('write 1');
  });

  it.each([
    ['GET', 'nope', undefined, 404],
    ['GET', 'resources/read', undefined, 400],
    ['GET', 'resources/read?uri=nope://x', undefined, 400],
    ['POST', 'tools/write', '[1]', 400],
    ['POST', 'tools/write', '{', 400],
    ['POST', 'tools/%E0%A4%A', '{}', 400],
    ['POST', 'batch', '{"requests":[{"name":"x"}]}', 400],
    ['POST', 'batch', JSON.stringify(Array.from({ length: 101 }, () => ({ tool: 'pid' }))), 400],
    ['PUT', 'tools/write', '{}', 405],
  ])('refuses %s %s %s with %i...', async (method, path, body, status) => {
    const { url } = await gatewayFor({ counter: counterServer() });
    const response = await fetch(`${url}/api/mcp/${path}`, {
      method,
      headers: JSON_TYPE,
      ...(body !== undefined && { body }),
    });
    const { error } = (await response.json()) as { error: { message: string } };
    expect([response.status, error.message.length > 10]).toEqual([status, true]);
  });
});
