import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findProgram } from '@forge/config/programs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { call, counterServer, gatewayFor } from './support.ts';

const chromium = findProgram('chromium');

/** The page's text as a browser shows it. */
async function textInBrowser(url: string): Promise<string> {
  const profile = await mkdtemp(join(tmpdir(), 'forge-chromium-'));
  onTestFinished(() => rm(profile, { recursive: true, force: true }));
  const flags = [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ];
  const { stdout } = await promisify(execFile)(
    chromium.path!,
    [...flags, `--user-data-dir=${profile}`, '--dump-dom', url],
    { timeout: 30_000 },
  );
  return stdout
    .replace(/<style>.*?<\/style>/s, '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ');
}

describe('the status page', () => {
  it.skipIf(chromium.path === undefined)(
    `shows in a browser what really happened${chromium.hint}`,
    async () => {
      const rules = { tools: { write: { ttl: 60_000 }, wait: { merge: true } } };
      const gateway = await gatewayFor({ counter: counterServer() }, { servers: { counter: rules } });
      await expect.poll(async () => (await fetch(`${gateway.url}/ready`)).status).toBe(200);
      for (let n = 0; n < 3; n += 1) await call(gateway, 'write', { value: 'x' });
      await Promise.all([1, 2, 3, 4].map(() => call(gateway, 'wait', { ms: 200 })));
      await call(gateway, 'fail');
      const text = await textInBrowser(gateway.url);
      expect(text).toMatch(/answered 8 .* errors 12\.5 %/);
      expect(text).toContain('hits 2 misses 1 hit rate 66.7 % merged calls 3 entries 1');
      // One connection; a lease at the start and one for each of the three calls that reached the server; three of six merged.
      expect(text).toContain('counter connected 2025-11-25 (legacy) 1 0 4 0 6 3 0');
    },
    60_000,
  );
});
