import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { hint, missing, Server } from './fixtures/servers.ts';

const example = fileURLToPath(new URL('../examples/basic.ts', import.meta.url));

const run = (url: string): Promise<{ stdout: string }> =>
  promisify(execFile)(process.execPath, ['--conditions=@forge/source', example], {
    env: { ...process.env, REDIS_URL: url },
    timeout: 10_000,
  });

describe('README', () => {
  it('shows the example as it is', async () => {
    const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
    expect(/```ts\n(.*?)```/s.exec(readme)?.[1]).toBe(await readFile(example, 'utf8'));
  });

  it.skipIf(missing)(`says truly what the example prints${hint}`, async () => {
    const server = await Server.start();
    try {
      expect((await run(server.url)).stdout).toBe('load 1\nload 1\nload 2\n');
    } finally {
      await server.stop();
    }
  });

  it('has an example that says what it needs when there is no Redis', async () => {
    await expect(run('redis://127.0.0.1:1')).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('This example needs a Redis at redis://127.0.0.1:1') as string,
    });
  });
});
