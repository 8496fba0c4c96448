import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { connectStdio, type StdioOptions, type UpstreamConnection } from '../src/sessions/index.ts';

const self = { name: 'test', version: '1.0.0' };
const never = new AbortController().signal;

/**
 * A server in one string: `answer(message)` gives the members of the response beside its id, or undefined for silence.
 * `legacy` knows no server/discover.
 */
const server = (answer: string, before = ''): Partial<StdioOptions> & { command: string } => ({
  command: process.execPath,
  args: [
    '-e',
    `${before}
     const say = (m) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', ...m }) + '\\n');
     const legacy = (m) => m.method === 'initialize'
       ? { result: { protocolVersion: '2025-06-18', capabilities: { tools: {} }, serverInfo: { name: 's', version: '2' }, instructions: 'be kind' } }
       : m.method === 'server/discover' ? { error: { code: -32601, message: 'no' } } : undefined;
     const answer = (m) => (${answer});
     let text = '';
     process.stdin.setEncoding('utf8').on('data', (chunk) => {
       text += chunk;
       for (let end; (end = text.indexOf('\\n')) !== -1; text = text.slice(end + 1)) {
         const m = JSON.parse(text.slice(0, end));
         const said = answer(m);
         if (said !== undefined && m.id !== undefined) say({ id: m.id, ...said });
       }
     });`,
  ],
});

async function connect(options: Partial<StdioOptions> & { command: string }): Promise<UpstreamConnection> {
  const connection = await connectStdio({ self, ...options }, never);
  onTestFinished(() => connection.close());
  return connection;
}

const call = (connection: UpstreamConnection, method: string, params: Record<string, string> = {}, signal = never) =>
  connection.request(
    {
      method,
      params: new Map(Object.entries(params)),
      meta: { progressToken: 1, trace: 'x' },
      clientCapabilities: { roots: {} },
    },
    signal,
  );

const echo = '{ result: { got: m } }';

describe('connectStdio', () => {
  it('finds a legacy server by its error to server/discover and initializes it', async () => {
    const connection = await connect(server(`legacy(m) ?? ${echo}`));
    expect(connection.info).toEqual({
      era: 'legacy',
      protocolVersion: '2025-06-18',
      capabilities: { tools: {} },
      serverInfo: { name: 's', version: '2' },
      instructions: 'be kind',
    });
  });

  it('finds a modern server by its answer', async () => {
    const connection = await connect(
      server(
        `m.method === 'server/discover' ? { result: { supportedVersions: ['2026-07-28'], capabilities: {} } } : ${echo}`,
      ),
    );
    expect(connection.info).toMatchObject({ era: 'modern', protocolVersion: '2026-07-28' });
    const { body } = (await call(connection, 'tools/list')) as { body: string };
    expect(JSON.parse(body)).toMatchObject({
      got: {
        params: {
          _meta: {
            trace: 'x',
            'io.modelcontextprotocol/protocolVersion': '2026-07-28',
            'io.modelcontextprotocol/clientCapabilities': { roots: {} },
            'io.modelcontextprotocol/clientInfo': self,
          },
        },
      },
    });
    expect(body).not.toContain('progressToken');
  });

  it('takes silence for the answer of a legacy server', async () => {
    const connection = await connect(server(`m.method === 'server/discover' ? undefined : legacy(m) ?? ${echo}`));
    expect(connection.info.era).toBe('legacy');
  }, 15_000);

  it('does not ask again what is known', async () => {
    const connection = await connect({
      ...server(`m.method === 'server/discover' ? process.exit(9) : legacy(m) ?? ${echo}`),
      knownEra: 'legacy',
    });
    expect(connection.info.era).toBe('legacy');
  });

  it('passes params on byte for byte and answers by id, in whatever order they come', async () => {
    const answers = `legacy(m) ?? (m.method === 'late' ? void setTimeout(() => say({ id: m.id, result: { late: true } }), 50) : ${echo})`;
    const connection = await connect(server(answers));
    const [late, soon] = await Promise.all([
      call(connection, 'late'),
      call(connection, 'x', { big: '12345678901234567890', one: '1.0' }),
    ]);
    expect(late).toMatchObject({ body: '{"late":true}' });
    expect(soon).toMatchObject({ body: expect.stringContaining('"_meta":{"trace":"x"}') });
  });

  it('answers a ping of the server, refuses its other questions and passes its notifications on', async () => {
    const heard: string[] = [];
    const asks = `m.method === undefined ? void replies.push(m) : m.method !== 'go' ? legacy(m) : (say({ id: 'p', method: 'ping' }), say({ id: 'q', method: 'roots/list' }), say({ method: 'notifications/x' }), console.log('noise'), void setTimeout(() => say({ id: m.id, result: { replies } }), 100))`;
    const connection = await connect({
      ...server(asks, 'const replies = [];'),
      onNotification: (method) => heard.push(method),
    });
    const { body } = (await call(connection, 'go')) as { body: string };
    expect(JSON.parse(body)).toEqual({
      replies: [
        { jsonrpc: '2.0', id: 'p', result: {} },
        { jsonrpc: '2.0', id: 'q', error: { code: -32601, message: 'Method not found: roots/list' } },
      ],
    });
    expect(heard).toEqual(['notifications/x']);
  });

  it('tells the server when a request is aborted, and rejects with the reason', async () => {
    const heard: string[] = [];
    const connection = await connect({
      ...server(
        "m.method === 'notifications/cancelled' ? void say({ method: 'told/' + m.params.requestId }) : legacy(m)",
      ),
      onNotification: (method) => heard.push(method),
    });
    const controller = new AbortController();
    const reason = new Error('enough');
    const refused = expect(call(connection, 'tools/call', {}, controller.signal)).rejects.toBe(reason);
    controller.abort(reason);
    await refused;
    await expect.poll(() => heard).toEqual(['told/3']);
  });

  it('rejects what is under way when the process dies, with its last words, and what comes later as not processed', async () => {
    const connection = await connect(
      server("legacy(m) ?? (m.id === undefined ? undefined : (console.error('out of luck'), process.exit(3)))"),
    );
    const closed = new Promise<Error | undefined>((resolve) => {
      connection.onClosed(resolve);
    });
    await expect(call(connection, 'x')).rejects.toMatchObject({
      code: 'MCP_CONNECTION_CLOSED',
      notProcessed: false,
      message: 'The upstream process ended (exit code 3) while it was in use; its last words: out of luck',
    });
    expect((await closed)?.message).toContain('exit code 3');
    await expect(call(connection, 'x')).rejects.toMatchObject({ code: 'MCP_CONNECTION_CLOSED', notProcessed: true });
  });

  it.each<[string, Partial<StdioOptions> & { command: string }, object]>([
    [
      'there is no such program',
      { command: 'no-such-program-anywhere' },
      { code: 'MCP_SPAWN_FAILED', message: expect.stringContaining('ENOENT') },
    ],
    [
      'it dies at once',
      { command: process.execPath, args: ['-e', 'process.exit(1)'] },
      { code: 'MCP_CONNECTION_CLOSED' },
    ],
    [
      'it refuses',
      server('{ error: { code: 1, message: "go away" } }'),
      { code: 'MCP_CONNECT_FAILED', message: expect.stringContaining('go away') },
    ],
    [
      'it speaks an unknown version',
      server("m.method === 'initialize' ? { result: { protocolVersion: '1999-01-01' } } : legacy(m)"),
      { code: 'MCP_CONNECT_FAILED', message: expect.stringContaining('"1999-01-01"') },
    ],
    [
      'it says too much',
      { ...server("{ result: 'x'.repeat(5000) }"), maxMessageLength: 1000 },
      { code: 'MCP_MESSAGE_TOO_LARGE' },
    ],
  ])('rejects when %s', async (_, options, error) => {
    await expect(connectStdio({ self, ...options }, never)).rejects.toMatchObject(error);
  });

  it('leaves no process when it is aborted', async () => {
    const controller = new AbortController();
    const pids: number[] = [];
    const options = {
      ...server('undefined', 'console.log(JSON.stringify({ method: "pid", params: process.pid }));'),
      self,
      onNotification: (_: string, pid: unknown) => void pids.push(pid as number),
    };
    const refused = expect(connectStdio(options, controller.signal)).rejects.toThrow('no more');
    await expect.poll(() => pids.length).toBe(1);
    controller.abort(new Error('no more'));
    await refused;
    expect(() => process.kill(pids[0]!, 0)).toThrow('ESRCH');
  });

  it('ends what the process has started too', async () => {
    const grandchild =
      "const { pid } = require('child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'inherit' });";
    const connection = await connect(server('legacy(m) ?? { result: { pid } }', grandchild));
    const { body } = (await call(connection, 'x')) as { body: string };
    const { pid } = JSON.parse(body) as { pid: number };
    process.kill(pid, 0);
    await connection.close();
    await expect.poll(() => exists(pid)).toBe(false);
  });
});

/** Alive, and not only waiting for its parent to notice that it has ended. */
function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  const state = existsSync('/proc') ? readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.[0] : undefined;
  return state !== 'Z';
}
