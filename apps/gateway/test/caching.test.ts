import { describe, expect, it } from 'vitest';
import { call, counterServer, gatewayFor, legacyClient, notesServer, textOf } from './support.ts';

const modernMeta = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
};

async function list(url: string, method: string): Promise<any> {
  const response = await fetch(`${url}/mcp`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'mcp-protocol-version': '2026-07-28', 'mcp-method': method },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: { _meta: modernMeta } }),
  });
  return ((await response.json()) as { result: unknown }).result;
}

async function batches(url: string, server: string): Promise<number> {
  const { servers } = (await (await fetch(`${url}/api/mcp/servers`)).json()) as {
    servers: { id: string; batcher: { totalBatches: number } }[];
  };
  return servers.find(({ id }) => id === server)!.batcher.totalBatches;
}

describe('what is asked twice', () => {
  it('reaches no upstream the second time when a rule lets a tool be kept', async () => {
    const gateway = await gatewayFor(
      { counter: counterServer() },
      { servers: { counter: { tools: { wait: { ttl: 60_000 } } } } },
    );
    const first = await call(gateway, 'wait', { ms: 1, label: 'a' });
    expect((await call(gateway, 'wait', { label: 'a', ms: 1 })).body).toEqual(first.body);
    expect(textOf((await call(gateway, 'wait', { ms: 1, label: 'b' })).body)).toBe('b 2');
    expect(textOf((await call(gateway, 'calls', { tool: 'wait' })).body)).toBe('2');
  });

  it('reaches the upstream each time without a rule, and a failure even with one', async () => {
    const gateway = await gatewayFor(
      { counter: counterServer() },
      { servers: { counter: { tools: { fail: { ttl: 60_000 } } } } },
    );
    for (const n of [1, 2]) {
      expect(textOf((await call(gateway, 'write', { value: 'x' })).body)).toBe(`write ${n}`);
      expect(textOf((await call(gateway, 'fail')).body)).toBe(`failure ${n}`);
    }
  });

  it.each([
    ['kept', { ttl: 60_000 }],
    ['merged alone', { merge: true }],
  ])('reaches the upstream once when 32 ask at the same time and the tool may be %s', async (_, rule) => {
    const gateway = await gatewayFor({ counter: counterServer() }, { servers: { counter: { tools: { wait: rule } } } });
    const answers = await Promise.all(Array.from({ length: 32 }, () => call(gateway, 'wait', { ms: 300 })));
    expect(new Set(answers.map(({ body }) => textOf(body)))).toEqual(new Set(['waited 1']));
    expect(textOf((await call(gateway, 'calls', { tool: 'wait' })).body)).toBe('1');
  });

  it('reaches the upstream 32 times when the tool may be neither kept nor merged', async () => {
    const gateway = await gatewayFor({ counter: counterServer() });
    await Promise.all(Array.from({ length: 32 }, () => call(gateway, 'wait', { ms: 100 })));
    expect(textOf((await call(gateway, 'calls', { tool: 'wait' })).body)).toBe('32');
  });
});

describe('lists and reads', () => {
  it('are kept by the hint of a modern upstream, and the client is told what remains of it', async () => {
    const notes = await notesServer();
    const { url } = await gatewayFor({ notes: { url: notes.url } });
    const first = await list(url, 'tools/list');
    expect(first).toMatchObject({ resultType: 'complete', cacheScope: 'public' });
    const before = await batches(url, 'notes');
    await expect.poll(async () => (await list(url, 'tools/list')).ttlMs).toBeLessThan(first.ttlMs);
    expect(await batches(url, 'notes')).toBe(before);
  });

  it('of a legacy upstream are kept by configuration alone', async () => {
    const { url } = await gatewayFor(
      { kept: counterServer(), not: counterServer() },
      { servers: { kept: { cache: { lists: 60_000, reads: 60_000 } } } },
    );
    const read = async (uri: string): Promise<string> => {
      const response = await fetch(`${url}/api/mcp/resources/read?uri=${encodeURIComponent(uri)}`);
      return ((await response.json()) as { contents: { text: string }[] }).contents[0]!.text;
    };
    expect([await read('kept+counter://note'), await read('kept+counter://note')]).toEqual(['read 1', 'read 1']);
    expect([await read('not+counter://note'), await read('not+counter://note')]).toEqual(['read 1', 'read 2']);
    await list(url, 'tools/list');
    const before = [await batches(url, 'kept'), await batches(url, 'not')];
    expect(await list(url, 'tools/list')).toMatchObject({ ttlMs: 0, cacheScope: 'private' });
    expect([await batches(url, 'kept'), await batches(url, 'not')]).toEqual([before[0], before[1]! + 1]);
  });

  it('are asked for anew when the upstream says that they changed', async () => {
    const gateway = await gatewayFor(
      { counter: counterServer() },
      { servers: { counter: { cache: { lists: 60_000 } } } },
    );
    const { client } = await legacyClient(gateway);
    const names = async (): Promise<string[]> => (await client.listTools()).tools.map(({ name }) => name);
    expect(await names()).not.toContain('grown-1');
    await call(gateway, 'grow');
    await expect.poll(names).toContain('grown-1');
  });
});
