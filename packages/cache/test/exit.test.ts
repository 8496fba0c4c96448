import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

async function run(fixture: string): Promise<string> {
  const path = fileURLToPath(new URL(`fixtures/${fixture}.ts`, import.meta.url));
  const flags = ['--conditions=@forge/source', '--expose-gc', path];
  return (await promisify(execFile)(process.execPath, flags, { timeout: 20_000 })).stdout;
}

it('ResponseCache lets the process exit while it is open and idle', async () => {
  expect(await run('idle')).toBe('held\n');
});

it('ResponseCache is collected with what it holds when nobody refers to it, although its timer is armed', async () => {
  expect(await run('abandoned')).toBe('collected\n');
});
