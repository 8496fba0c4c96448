import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

it('ResponseCache lets the process exit while it is open and idle', async () => {
  const fixture = fileURLToPath(new URL('fixtures/idle.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ['--conditions=@forge/source', fixture], {
    timeout: 20_000,
  });
  expect(stdout).toBe('held\n');
});
