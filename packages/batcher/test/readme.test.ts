import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const read = (path: string): Promise<string> => readFile(new URL(path, import.meta.url), 'utf8');

describe('README', { timeout: 30_000 }, () => {
  it('shows examples/basic.ts and what it prints', async () => {
    const [, example, output] = /```ts\n(.*?)```.*?```\n(.*?)```/s.exec(await read('../README.md')) ?? [];
    expect(example).toBe(await read('../examples/basic.ts'));
    const path = new URL('../examples/basic.ts', import.meta.url).pathname;
    const { stdout } = await promisify(execFile)(process.execPath, ['--conditions=@forge/source', path]);
    expect(stdout).toBe(output);
  });
});
