import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const CLI = fileURLToPath(new URL('../src/cli.ts', import.meta.url));
const cli = (...args: string[]): { status: number | null; stdout: string; stderr: string } =>
  spawnSync(process.execPath, ['--conditions=@forge/source', CLI, ...args], { encoding: 'utf8' });

describe('cli', () => {
  it('lists the benches of the project on standard output', () => {
    expect(cli('--list')).toMatchObject({ status: 0, stdout: expect.stringMatching(/^cache-zipf$/m) as string });
  });

  it('exits with 2 and complains on standard error when a name is unknown', () => {
    expect(cli('nope')).toMatchObject({ status: 2, stdout: '', stderr: expect.stringContaining('nope') as string });
  });
});
