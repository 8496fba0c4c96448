import { describe, expect, it } from 'vitest';
import { call, counterServer, gatewayFor, legacyClient, modernClient, notesServer, textOf } from './support.ts';

describe('the official clients', () => {
  it('the modern one lists and calls what several upstreams of both eras offer, under prefixed names', async () => {
    const notes = await notesServer();
    const client = await modernClient(await gatewayFor({ counter: counterServer(), notes: { url: notes.url } }));
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['counter__wait', 'counter__write', 'notes__search']),
    );
    expect(textOf(await client.callTool({ name: 'notes__search', arguments: { text: 'lease' } }))).toBe('["pool"]');
    expect(textOf(await client.callTool({ name: 'counter__write', arguments: { value: 'x' } }))).toBe('write 1');
    const { resources } = await client.listResources();
    expect(resources.map(({ uri }) => uri)).toEqual(['counter+counter://note']);
    expect((await client.readResource({ uri: 'counter+counter://note' })).contents).toEqual([
      { uri: 'counter+counter://note', text: 'read 1' },
    ]);
    expect((await client.listPrompts()).prompts.map(({ name }) => name)).toEqual(['counter__greet']);
    const prompt = await client.getPrompt({ name: 'counter__greet', arguments: { who: 'Ada' } });
    expect(prompt.messages[0]?.content).toEqual({ type: 'text', text: 'Greet Ada for the 1. time' });
  });

  it('the legacy one does the same in a session that it can end', async () => {
    const notes = await notesServer();
    const gateway = await gatewayFor({ counter: counterServer(), notes: { url: notes.url } });
    const { client, transport } = await legacyClient(gateway);
    expect(transport.sessionId).toMatch(/^[0-9a-f-]{36}$/);
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['counter__wait', 'notes__search']),
    );
    expect(textOf(await client.callTool({ name: 'notes__search', arguments: { text: 'lease' } }))).toBe('["pool"]');
    expect((await client.readResource({ uri: 'counter+counter://note' })).contents).toHaveLength(1);
    expect((await client.getPrompt({ name: 'counter__greet', arguments: { who: 'Ada' } })).messages).toHaveLength(1);
    const session = transport.sessionId!;
    await transport.terminateSession();
    const after = await fetch(`${gateway.url}/mcp`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25' },
      body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}',
    });
    expect(after.status).toBe(404);
  });

  it('see the names of a single upstream as they are', async () => {
    const client = await modernClient(await gatewayFor({ counter: counterServer() }));
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain('write');
    expect(textOf(await client.callTool({ name: 'write', arguments: { value: 'x' } }))).toBe('write 1');
    expect((await client.readResource({ uri: 'counter://note' })).contents).toEqual([
      { uri: 'counter://note', text: 'read 1' },
    ]);
  });

  it("get a tool's own failure as a result and an unknown tool as an error", async () => {
    const client = await modernClient(await gatewayFor({ counter: counterServer(), other: counterServer() }));
    expect(await client.callTool({ name: 'counter__fail' })).toMatchObject({ isError: true });
    await expect(client.callTool({ name: 'nowhere__fail' })).rejects.toThrow('Unknown tool: "nowhere__fail"');
  });

  it('cancel upstream what they cancel', async () => {
    const gateway = await gatewayFor({ counter: counterServer() });
    const client = await modernClient(gateway);
    const { client: legacy } = await legacyClient(gateway);
    for (const [n, caller] of [client, legacy].entries()) {
      const controller = new AbortController();
      const waiting =
        caller === client
          ? client.callTool({ name: 'wait', arguments: { ms: 20_000 } }, { signal: controller.signal })
          : legacy.callTool({ name: 'wait', arguments: { ms: 20_000 } }, undefined, { signal: controller.signal });
      const refused = expect(waiting).rejects.toThrow();
      await expect.poll(async () => textOf((await call(gateway, 'calls', { tool: 'wait' })).body)).toBe(String(n + 1));
      controller.abort();
      await refused;
      await expect
        .poll(async () => textOf((await call(gateway, 'calls', { tool: 'cancelled' })).body))
        .toBe(String(n + 1));
    }
  });
});
