import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

it('SecondTier and Coherence let the process exit while a store is out and a bus is open', async () => {
  const fixture = fileURLToPath(new URL('../fixtures/tiers-idle.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ['--conditions=@forge/source', fixture], {
    timeout: 20_000,
  });
  expect(stdout).toBe('queued\n');
});
