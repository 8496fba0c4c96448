import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
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
const discovery = "{ result: { supportedVersions: ['2026-07-28'], capabilities: {} } }";
const modernOnly = `m.method === 'server/discover' ? ${discovery} : m.method === 'initialize' ? { error: { code: -32601, message: 'modern only' } } : ${echo}`;

/** The pipes stay real: only what waits for a time to pass stands still until it is advanced. */
function stopTime(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
}

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
    stopTime();
    const connecting = connect(server(`m.method === 'server/discover' ? undefined : legacy(m) ?? ${echo}`));
    await vi.advanceTimersByTimeAsync(3000);
    expect((await connecting).info.era).toBe('legacy');
  });

  it.each([
    ['modern', 'refuses to be initialized', "{ error: { code: -32601, message: 'modern only' } }"],
    ['legacy', 'takes what it was told last for its era', 'legacy(m)'],
  ])('finds the %s era of a server that was slow to start and %s', async (era, _, initialized) => {
    stopTime();
    // It finds both questions when it comes to read, and answers the second a while after the first.
    const slow = server(
      `m.method === 'server/discover' ? void (first = m) : m.method === 'initialize' ? void answerBoth(m) : ${echo}`,
      `let first;
       const answerBoth = (m) => {
         say({ id: first.id, ...(${discovery}) });
         say({ method: 'notifications/discovered' });
         setTimeout(() => say({ id: m.id, ...(${initialized}) }), 50);
       };`,
    );
    const connecting = connect({ ...slow, onNotification: () => setImmediate(() => vi.advanceTimersByTime(2)) });
    await vi.advanceTimersByTimeAsync(3000);
    expect((await connecting).info.era).toBe(era);
  });

  it('starts a server again that exits on a first message other than initialize', async () => {
    const connection = await connect(
      server(`m.method === 'initialize' ? (ready = true, legacy(m)) : ready ? ${echo} : process.exit(1)`, 'let ready;'),
    );
    expect(connection.info.era).toBe('legacy');
    expect(await call(connection, 'x')).toMatchObject({ kind: 'result' });
  });

  it('finds the modern era of a server that is known as a legacy one', async () => {
    const connection = await connect({ ...server(modernOnly), knownEra: 'legacy' });
    expect(connection.info.era).toBe('modern');
  });

  it('ends the connection when the server no longer speaks the version', async () => {
    const refusal = "{ error: { code: -32022, message: 'Unsupported protocol version' } }";
    const connection = await connect(server(`m.method === 'x' ? ${refusal} : ${modernOnly}`));
    const closed = new Promise<Error | undefined>((resolve) => {
      connection.onClosed(resolve);
    });
    await expect(call(connection, 'x')).rejects.toMatchObject({ code: 'MCP_ERA_CHANGED', notProcessed: true });
    expect(await closed).toMatchObject({ code: 'MCP_ERA_CHANGED' });
  });

  it.each([
    ['it is left to itself', () => {}],
    ['it is closed at once', (connection: UpstreamConnection) => void connection.close()],
  ])('takes an answer that is read after the process has exited, when %s', async (_, onClosed) => {
    stopTime();
    // Its child writes once it is gone, which is when its end has been seen.
    const write = `while kill -0 $1 2>/dev/null; do sleep 0.01; done; printf '%s\\n' "$0"`;
    const answer = "JSON.stringify({ jsonrpc: '2.0', id: m.id, result: { last: true } })";
    const leave = `(require('child_process').spawn('sh', ['-c', ${JSON.stringify(write)}, ${answer}, process.pid], { stdio: 'inherit' }), process.exit(0))`;
    const connection = await connect(server(`legacy(m) ?? (m.id === undefined ? undefined : ${leave})`));
    connection.onClosed(() => onClosed(connection));
    expect(await call(connection, 'x')).toMatchObject({ body: '{"last":true}' });
  });

  it('does not wait long for more when a grandchild holds the pipe of a process that has died', async () => {
    const held =
      "require('child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'inherit' })";
    const connection = await connect(
      server(`legacy(m) ?? (m.id === undefined ? undefined : (${held}, process.exit(3)))`),
    );
    await expect(call(connection, 'x')).rejects.toMatchObject({ code: 'MCP_CONNECTION_CLOSED', notProcessed: false });
  });

  it('refuses more requests when the server leaves 16 MiB unread', async () => {
    const connection = await connect(server('m.id === undefined ? void process.stdin.pause() : legacy(m)'));
    const big = { text: JSON.stringify('x'.repeat(4 * 1024 * 1024)) };
    const controller = new AbortController();
    const waiting = Array.from({ length: 5 }, () => call(connection, 'x', big, controller.signal));
    const settled = Promise.allSettled(waiting);
    await expect(call(connection, 'x')).rejects.toMatchObject({ code: 'MCP_BACKPRESSURE', notProcessed: true });
    controller.abort(new Error('enough'));
    expect((await settled).every(({ status }) => status === 'rejected')).toBe(true);
  });

  it('kills at once a process that says too much', async () => {
    // Neither the end of its input nor SIGTERM would move it, and no time passes.
    const stubborn = "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000);";
    const flood = "m.method === 'x' ? void process.stdout.write('x'.repeat(1e6)) : undefined";
    const connection = await connect({
      ...server(`legacy(m) ?? (m.method === 'pid' ? { result: { pid: process.pid } } : ${flood})`, stubborn),
      knownEra: 'legacy',
      maxMessageLength: 10_000,
    });
    const { body } = (await call(connection, 'pid')) as { body: string };
    stopTime();
    await expect(call(connection, 'x')).rejects.toMatchObject({ code: 'MCP_MESSAGE_TOO_LARGE' });
    await connection.close();
    expect(exists((JSON.parse(body) as { pid: number }).pid)).toBe(false);
  });

  it('takes an answer under the id as a string, and an error without an id when only one request is under way', async () => {
    const connection = await connect(
      server(
        "m.method === 'string' ? void say({ id: String(m.id), result: { as: 'string' } }) : m.method === 'none' ? void say({ id: null, error: { code: -32700, message: 'what?' } }) : legacy(m)",
      ),
    );
    expect(await call(connection, 'string')).toMatchObject({ body: '{"as":"string"}' });
    expect(await call(connection, 'none')).toEqual({ kind: 'error', body: '{"code":-32700,"message":"what?"}' });
  });

  it.each([
    ['legacy', `m.method === 'ping' ? { result: {} } : legacy(m)`],
    ['legacy', `m.method === 'ping' ? { error: { code: -32601, message: 'no' } } : legacy(m)`],
    ['modern', modernOnly],
  ])('resolves a ping of a %s server that is alive', async (era, answers) => {
    const connection = await connect(server(answers));
    expect(connection.info.era).toBe(era);
    await connection.ping(never);
  });

  it('rejects a ping that the server answers with an error', async () => {
    const connection = await connect(
      server("m.method === 'ping' ? { error: { code: -32603, message: 'sick' } } : legacy(m)"),
    );
    await expect(connection.ping(never)).rejects.toMatchObject({
      code: 'MCP_CONNECT_FAILED',
      message: expect.stringContaining('sick'),
    });
  });

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

  it('rejects what is under way when the process dies, its last words beside the message, and what comes later as not processed', async () => {
    const connection = await connect(
      server("legacy(m) ?? (m.id === undefined ? undefined : (console.error('out of luck'), process.exit(3)))"),
    );
    const closed = new Promise<Error | undefined>((resolve) => {
      connection.onClosed(resolve);
    });
    await expect(call(connection, 'x')).rejects.toMatchObject({
      code: 'MCP_CONNECTION_CLOSED',
      notProcessed: false,
      message: 'The upstream process ended (exit code 3) while it was in use',
      lastWords: 'out of luck',
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
