import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { call, counterServer, gatewayFor, isAlive, textOf } from './support.ts';

describe('an upstream that fails', () => {
  it('has its last words told to the operator, and not to the client', async () => {
    const log: string[] = [];
    const script = "process.stderr.write('the password is wrong'); process.exit(3)";
    const gateway = await gatewayFor({ bad: { command: process.execPath, args: ['-e', script] } }, {}, log);
    expect(JSON.stringify((await call(gateway, 'x')).body)).not.toContain('password');
    expect(log.join('\n')).toContain('the password is wrong');
  });

  it('gives the call under way a clear error when its process is killed, and the next call a new process', async () => {
    const gateway = await gatewayFor({ counter: counterServer() });
    const pid = Number(textOf((await call(gateway, 'pid')).body));
    const waiting = call(gateway, 'wait', { ms: 60_000 });
    await expect.poll(async () => textOf((await call(gateway, 'calls', { tool: 'wait' })).body)).toBe('1');
    process.kill(pid, 'SIGKILL');
    const { status, body } = await waiting;
    expect(status).toBe(502);
    expect(body.error.message).toBe(
      'Upstream "counter" failed: The upstream process ended (signal SIGKILL) while it was in use',
    );
    const next = Number(textOf((await call(gateway, 'pid')).body));
    expect(next).not.toBe(pid);
  });

  it('is cut off at its deadline, and told that nobody waits any more', async () => {
    const gateway = await gatewayFor({ counter: counterServer() }, { servers: { counter: { timeout: 1500 } } });
    await call(gateway, 'pid');
    const { status, body } = await call(gateway, 'wait', { ms: 60_000 });
    expect(status).toBe(504);
    expect(body.error.message).toBe('Upstream "counter" failed: no answer within 1500 ms');
    await expect.poll(async () => textOf((await call(gateway, 'calls', { tool: 'cancelled' })).body)).toBe('1');
  });

  it('is cut off sooner where a tool has a shorter bound', async () => {
    const gateway = await gatewayFor(
      { counter: counterServer() },
      { servers: { counter: { tools: { wait: { timeout: 300 } } } } },
    );
    await call(gateway, 'pid');
    expect((await call(gateway, 'wait', { ms: 60_000 })).body.error.message).toBe(
      'Upstream "counter" failed: no answer within 300 ms',
    );
  });

  it('does not take the tools of the others away', async () => {
    const gateway = await gatewayFor({
      counter: counterServer(),
      gone: { command: 'no-such-program-anywhere' },
      closed: { url: 'http://127.0.0.1:1/mcp' },
    });
    const tools = (await (await fetch(`${gateway.url}/api/mcp/tools`)).json()) as { tools: { name: string }[] };
    expect(tools.tools.map(({ name }) => name)).toContain('counter__pid');
    expect((await call(gateway, 'gone__x')).body.error.message).toContain('spawn no-such-program-anywhere ENOENT');
    expect((await call(gateway, 'closed__x')).body.error.message).toContain('ECONNREFUSED');
  });

  it('that accepts a connection and says nothing holds no list up for longer than its deadline', async () => {
    const silent = createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void silent.close());
    const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/mcp`;
    const gateway = await gatewayFor(
      { counter: counterServer(), silent: { url } },
      { servers: { silent: { timeout: 1000 } } },
    );
    const tools = (await (await fetch(`${gateway.url}/api/mcp/tools`)).json()) as { tools: { name: string }[] };
    expect(tools.tools.map(({ name }) => name)).toContain('counter__pid');
  }, 15_000);

  it('costs the calls that it cuts at the end an error, not a broken connection', async () => {
    const gateway = await gatewayFor({ counter: counterServer() });
    await call(gateway, 'pid');
    const cut = [1, 2, 3].map(() => call(gateway, 'wait', { ms: 60_000 }));
    await expect.poll(async () => textOf((await call(gateway, 'calls', { tool: 'wait' })).body)).toBe('3');
    await gateway.close();
    expect((await Promise.all(cut)).map(({ status }) => status)).toEqual([502, 502, 502]);
  });

  it('leaves no process behind when the gateway closes, not even one that ignores SIGTERM', async () => {
    const gateway = await gatewayFor({ easy: counterServer(), stubborn: counterServer('--stubborn') });
    const pids = await Promise.all(
      ['easy__pid', 'stubborn__pid'].map(async (tool) => Number(textOf((await call(gateway, tool)).body))),
    );
    await gateway.close();
    expect(pids.map(isAlive)).toEqual([false, false]);
  });
});
