import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { call, counterServer, end, gatewayFor, isAlive, textOf } from './support.ts';

const script = fileURLToPath(new URL('../src/cli.ts', import.meta.url));

interface Run {
  readonly child: ChildProcess;
  readonly exit: Promise<number | null>;
  readonly output: () => string;
}

function run(...args: string[]): Run {
  const child = spawn(process.execPath, ['--conditions=@forge/source', script, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => end(child));
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const exit = new Promise<number | null>((resolve) => child.once('close', resolve));
  return { child, exit, output: () => output };
}

async function configFile(config: object): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'forge-cli-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, 'gateway.json5');
  await writeFile(file, JSON.stringify(config));
  return file;
}

describe('forge-gateway', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'serves until %s, then ends with 0 within 3 s and leaves no process',
    async (signal) => {
      const file = await configFile({
        mcpServers: { easy: counterServer(), stubborn: counterServer('--stubborn') },
        forge: { port: 0 },
      });
      const { child, exit, output } = run('--config', file);
      await expect.poll(output, { timeout: 10_000 }).toMatch(/MCP at http/);
      const url = /MCP at (\S+)\/mcp/.exec(output())![1]!;
      const gateway = { url, close: async () => {} };
      const pids = await Promise.all(
        ['easy__pid', 'stubborn__pid'].map(async (tool) => Number(textOf((await call(gateway, tool)).body))),
      );
      expect(pids.map(isAlive)).toEqual([true, true]);
      // A call under way does not hold it up.
      const cut = call(gateway, 'easy__wait', { ms: 60_000 }).catch(() => {});
      await expect.poll(async () => textOf((await call(gateway, 'easy__calls', { tool: 'wait' })).body)).toBe('1');
      const start = performance.now();
      child.kill(signal);
      expect(await exit).toBe(0);
      expect(performance.now() - start).toBeLessThan(3000);
      expect(pids.map(isAlive)).toEqual([false, false]);
      await cut;
    },
    30_000,
  );

  it('ends with 2 and one line when the configuration is wrong', async () => {
    const { exit, output } = run('--config', await configFile({ mcpServers: { a: { command: 1 } } }));
    expect(await exit).toBe(2);
    expect(output()).toBe('forge-gateway: gateway.json5: mcpServers.a.command: expected string, got 1\n');
  });

  it('ends with 2 when the file or the argument is missing, and says how it is used', async () => {
    const missing = run('--config', join(tmpdir(), 'forge-there-is-no-such-file.json5'));
    expect(await missing.exit).toBe(2);
    expect(missing.output()).toMatch(/^forge-gateway: Cannot read the configuration: ENOENT/);
    const none = run();
    expect(await none.exit).toBe(2);
    expect(none.output()).toContain('--config FILE is missing');
    expect(none.output()).toContain('forge-gateway --config FILE');
  });

  it('ends with 1 and says what to do when the port is taken', async () => {
    const port = Number(new URL((await gatewayFor({ counter: counterServer() })).url).port);
    const { exit, output } = run('--config', await configFile({ mcpServers: { a: counterServer() }, forge: { port } }));
    expect(await exit).toBe(1);
    expect(output()).toContain('set forge.port to a free port');
  });

  it('prints its help and its version', async () => {
    const help = run('--help');
    expect([await help.exit, help.output().split('\n')[0]]).toEqual([
      0,
      'forge-gateway: an MCP gateway that caches, pools, merges and measures',
    ]);
    const version = run('--version');
    expect([await version.exit, version.output()]).toEqual([0, '0.0.0-source\n']);
  });
});
