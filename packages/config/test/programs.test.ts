import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { findProgram } from '../src/programs.ts';

function folderWith(mode: number): string {
  const folder = mkdtempSync(join(tmpdir(), 'forge-programs-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  writeFileSync(join(folder, 'chromium'), '', { mode });
  return folder;
}

it('findProgram finds an executable on PATH', () => {
  const folder = folderWith(0o755);
  expect(findProgram('chromium', { PATH: `/nowhere:${folder}`, CI: 'true' })).toEqual({
    path: join(folder, 'chromium'),
    hint: '',
  });
});

it('findProgram says how to install what is missing', () => {
  const missing = { path: undefined, hint: ' (skipped: chromium is missing; apt-get install chromium)' };
  expect(findProgram('chromium', { PATH: folderWith(0o644) })).toEqual(missing);
  expect(findProgram('chromium', {})).toEqual(missing);
});

it('findProgram fails in CI rather than have tests skipped', () => {
  expect(() => findProgram('chromium', { PATH: '/nowhere', CI: 'true' })).toThrow('chromium is missing');
});
