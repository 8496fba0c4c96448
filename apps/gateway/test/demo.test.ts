import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { end } from './support.ts';

const script = fileURLToPath(new URL('../demo/main.ts', import.meta.url));

it('the demo takes a free port, moves the figures of all four, and ends on Ctrl-C within 3 s', async () => {
  const taken = createServer().listen(4620, '127.0.0.1');
  onTestFinished(() => void taken.close());
  // Where something else has the default port already, that serves as well.
  await new Promise((resolve) => taken.once('listening', resolve).once('error', resolve));
  const child = spawn(process.execPath, ['--conditions=@forge/source', script], { stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => end(child));
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  await expect.poll(() => output, { timeout: 15_000 }).toContain('Ctrl-C ends everything');
  expect(output).toContain('port 4620 is taken, so any free one is used');
  const url = /MCP endpoint\s+(\S+)\/mcp/.exec(output)![1]!;
  expect(Number(new URL(url).port)).not.toBe(4620);
  const figure = async (name: string): Promise<number> => {
    const metrics = await (await fetch(`${url}/metrics`)).text();
    return metrics
      .split('\n')
      .filter((line) => line.startsWith(name))
      .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  };
  await expect.poll(() => figure('cache_hits_total'), { timeout: 15_000 }).toBeGreaterThan(0);
  await expect.poll(() => figure('batcher_deduplicated_total'), { timeout: 15_000 }).toBeGreaterThan(0);
  expect(await figure('pool_acquired_total')).toBeGreaterThan(0);
  expect(await figure('forge_requests_total')).toBeGreaterThan(0);
  expect(output).not.toContain('a call of the load failed');
  const start = performance.now();
  const exit = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGINT');
  expect(await exit).toBe(0);
  expect(performance.now() - start).toBeLessThan(3000);
}, 60_000);
