import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const home = new URL('../', import.meta.url);

/** Runs a file on the sources and returns what it prints. */
async function run(file: string): Promise<string> {
  const { pathname } = new URL(file, home);
  const options = { timeout: 20_000, encoding: 'utf8' } as const;
  const { stdout } = await promisify(execFile)(process.execPath, ['--conditions=@forge/source', pathname], options);
  return stdout;
}

describe('a process', () => {
  it('exits while a pool is open and idle', { timeout: 30_000 }, async () => {
    const printed = await run('test/fixtures/idle.ts');
    expect(JSON.parse(printed)).toMatchObject([
      { created: 1, availableConnections: 1 },
      { created: 1, destroyed: 1 },
    ]);
  });

  it('runs the example of the README as it stands there', { timeout: 30_000 }, async () => {
    const readme = await readFile(new URL('README.md', home), 'utf8');
    const [, block] = /```ts\n(.*?)```/s.exec(readme) ?? [];
    expect(block).toBe(await readFile(new URL('examples/basic.ts', home), 'utf8'));
    const printed = await run('examples/basic.ts');
    expect(printed.trim().split('\n')).toEqual([
      '5 requests, 2 connections, answers: 1 2 3 4 5',
      'a second release is refused: POOL_LEASE_STALE',
      'leaked: 0',
    ]);
  });

  it('runs the example of processes', { timeout: 30_000 }, async () => {
    expect(await run('examples/processes.ts')).toBe('<one> <two> <three> <four>\n');
  });

  it('runs the examples of many pools as one', { timeout: 30_000 }, async () => {
    expect(await run('examples/keyed.ts')).toBe('a b a b a b true\n');
    expect(await run('examples/balanced.ts')).toMatch(/^2 servers answer\n(?:ejected true\n)*true\n$/);
  });
});
