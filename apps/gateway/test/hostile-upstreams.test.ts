import { describe, expect, it } from 'vitest';
import { ask, call, counterServer, fakeUpstream, gatewayFor, legacyClient } from './support.ts';

describe('an upstream that breaks the protocol', () => {
  it('does not take the list of the others away with items that are none', async () => {
    const odd = await fakeUpstream(
      () => '"result":{"tools":[null,"a",{"description":"no name"},{"name":5},{"name":"good"}]}',
    );
    const gateway = await gatewayFor({ odd: { url: odd.url }, counter: counterServer() });
    const { body } = await ask(gateway, 'tools/list');
    const names = body.result.tools.map(({ name }: { name: string }) => name);
    expect(names).toEqual(expect.arrayContaining(['odd__good', 'counter__pid']));
    expect(names.filter((name: string) => name.startsWith('odd'))).toEqual(['odd__good']);
  });

  it.each(['"result":null', '"result":"hello"', '"result":[]', '"x":1', '"error":"boom"'])(
    'costs its call an error when it answers %s',
    async (answer) => {
      const odd = await fakeUpstream(() => answer);
      const gateway = await gatewayFor(
        { odd: { url: odd.url } },
        { servers: { odd: { tools: { t: { ttl: 60_000 } } } } },
      );
      for (const _ of [1, 2]) {
        const { body } = await ask(gateway, 'tools/call', '"name":"t"', 't');
        expect(body).toMatchObject({
          id: 'q',
          error: {
            message: expect.stringMatching(
              /^Upstream "odd" failed: The upstream sent a response whose (result|error) is no object$/,
            ),
          },
        });
      }
      expect(odd.seen.filter(({ method }) => method === 'tools/call')).toHaveLength(2);
    },
  );

  it('has no say about how long a tool is kept: that is the rule of the operator', async () => {
    let n = 0;
    const eager = await fakeUpstream(() => `"result":{"content":[],"n":${(n += 1)},"ttlMs":86400000}`);
    const gateway = await gatewayFor(
      { eager: { url: eager.url } },
      { servers: { eager: { tools: { t: { ttl: 100 } } } } },
    );
    const ofCall = async (): Promise<number> => (await ask(gateway, 'tools/call', '"name":"t"', 't')).body.result.n;
    expect([await ofCall(), await ofCall()]).toEqual([1, 1]);
    await expect.poll(ofCall).toBe(2);
  });

  it('shows its errors of the envelope in the status, and asks in vain for what a legacy client cannot give', async () => {
    const odd = await fakeUpstream(({ params }) =>
      params.name === 'ask'
        ? '"result":{"resultType":"input_required","inputRequests":{}}'
        : '"error":{"code":-32021,"message":"needs roots"}',
    );
    const gateway = await gatewayFor({ odd: { url: odd.url } });
    expect(await ask(gateway, 'tools/call', '"name":"t"', 't')).toMatchObject({
      status: 400,
      body: { error: { code: -32021 } },
    });
    expect(await ask(gateway, 'tools/call', '"name":"ask"', 'ask')).toMatchObject({
      status: 200,
      body: { result: { resultType: 'input_required' } },
    });
    const { client } = await legacyClient(gateway);
    await expect(client.callTool({ name: 'ask' })).rejects.toThrow(
      'asks for what a client of this protocol version cannot give',
    );
  });

  it('that is silent holds the lists of the others up once, and not again until it has answered', async () => {
    let silent = true;
    const moody = await fakeUpstream(() => (silent ? undefined : '"result":{"tools":[{"name":"back"}]}'));
    const gateway = await gatewayFor(
      { moody: { url: moody.url }, counter: counterServer() },
      { servers: { moody: { timeout: 1000 } } },
    );
    const names = async (): Promise<string[]> =>
      (await ask(gateway, 'tools/list')).body.result.tools.map(({ name }: { name: string }) => name);
    expect(await names()).toContain('counter__pid');
    const start = performance.now();
    for (let n = 0; n < 5; n += 1) expect(await names()).toContain('counter__pid');
    expect(performance.now() - start).toBeLessThan(900);
    silent = false;
    await expect.poll(names, { timeout: 10_000, interval: 200 }).toContain('moody__back');
  }, 30_000);
});

describe('what passes through', () => {
  it('keeps the numbers of arguments and results as they were written, over MCP and REST', async () => {
    const big = '9007199254740993';
    const echo = await fakeUpstream(
      ({ params }) => `"result":{"content":[],"sent":${JSON.stringify(params.arguments)},"big":${big}}`,
    );
    const gateway = await gatewayFor({ echo: { url: echo.url } });
    expect((await ask(gateway, 'tools/call', `"name":"t","arguments":{"n":1.0}`, 't')).text).toContain(`"big":${big}`);
    const post = (path: string, body: string): Promise<string> =>
      fetch(`${gateway.url}/api/mcp/${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      }).then((response) => response.text());
    expect(await post('tools/t', `{"n":${big}}`)).toContain(`"big":${big}`);
    const batch = await post('batch', `{"requests":[{"id":${big},"tool":"t","arguments":{"n":1}}]}`);
    expect(batch).toContain(`"id":${big}`);
    expect(batch).toContain(`"big":${big}`);
  });

  it('gives a modern upstream the headers that repeat arguments, and keeps answers of different ones apart', async () => {
    const regions: unknown[] = [];
    const echo = await fakeUpstream((_, __, headers) => {
      regions.push(headers['mcp-param-region']);
      return '"result":{"content":[]}';
    });
    const gateway = await gatewayFor(
      { echo: { url: echo.url } },
      { servers: { echo: { tools: { t: { ttl: 60_000 } } } } },
    );
    for (const region of ['eu', 'us', 'eu']) {
      await ask(gateway, 'tools/call', '"name":"t"', 't', {
        'mcp-param-region': region,
        authorization: 'Bearer of the client',
      });
    }
    expect(regions).toEqual(['eu', 'us']);
    expect(echo.headers.map(({ authorization }) => authorization)).not.toContain('Bearer of the client');
  });

  it('has readable URIs wherever one of several upstreams names a resource', async () => {
    const docs = await fakeUpstream(({ method }) => {
      if (method === 'tools/call')
        return '"result":{"content":[{"type":"resource_link","uri":"doc://1","name":"d"},{"type":"resource","resource":{"uri":"doc://2","text":"t"}},{"type":"text","text":"doc://3"}],"structuredContent":{"n":1.0}}';
      if (method === 'prompts/get')
        return '"result":{"messages":[{"role":"user","content":{"type":"resource","resource":{"uri":"doc://4","text":"t"}}}]}';
      return '"result":{"contents":[{"uri":"doc://1","text":"read"}]}';
    });
    const gateway = await gatewayFor({ docs: { url: docs.url }, counter: counterServer() });
    const { body, text } = await ask(gateway, 'tools/call', '"name":"docs__t"', 'docs__t');
    expect(body.result.content).toMatchObject([
      { uri: 'docs+doc://1' },
      { resource: { uri: 'docs+doc://2' } },
      { text: 'doc://3' },
    ]);
    expect(text).toContain('{"n":1.0}');
    expect(
      (await ask(gateway, 'prompts/get', '"name":"docs__p"', 'docs__p')).body.result.messages[0].content.resource.uri,
    ).toBe('docs+doc://4');
    expect((await ask(gateway, 'resources/read', '"uri":"docs+doc://1"', 'docs+doc://1')).body.result.contents).toEqual(
      [{ uri: 'docs+doc://1', text: 'read' }],
    );
  });
});

describe('what is too much', () => {
  it('is refused with 503 when calls wait beyond the bound', async () => {
    const slow = await fakeUpstream(() => undefined);
    const gateway = await gatewayFor(
      { slow: { url: slow.url } },
      { batch: { maxQueueSize: 1 }, servers: { slow: { timeout: 1000, batch: { maxConcurrency: 1 } } } },
    );
    await expect.poll(() => slow.seen.length).toBeGreaterThan(0);
    const statuses = await Promise.all([1, 2, 3, 4].map(async (n) => (await call(gateway, 't', { n })).status));
    expect(statuses.sort((a, b) => a - b)).toEqual([503, 503, 504, 504]);
  });
});
