import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const example = fileURLToPath(new URL('../examples/basic.ts', import.meta.url));

describe('README', () => {
  it('shows the example as it is', async () => {
    const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
    expect(/```ts\n(.*?)```/s.exec(readme)?.[1]).toBe(await readFile(example, 'utf8'));
  });

  it('says truly what the example prints', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, ['--conditions=@forge/source', example]);
    expect(stdout).toBe("[ 'price 10', 'price 10', 'price 10' ]\n1\nprice 10 -> price 12\n");
  });
});
