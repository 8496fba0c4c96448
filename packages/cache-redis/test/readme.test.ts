import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createClient } from 'redis';
import { describe, expect, it } from 'vitest';
import { ledgerScript, pairScript, publishScript, runScript } from '../src/scripts.ts';
import { hint, missing, Server } from './fixtures/servers.ts';

const example = fileURLToPath(new URL('../examples/basic.ts', import.meta.url));

const run = (url: string): Promise<{ stdout: string }> =>
  promisify(execFile)(process.execPath, ['--conditions=@forge/source', example], {
    env: { ...process.env, REDIS_URL: url },
    timeout: 10_000,
  });

const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');

/** The commands that a user needs, as the sentence about access lists names them. */
const rights = (): string[] => {
  const sentence = /^A user of Redis's access lists.*$/m.exec(readme)![0];
  return [...sentence.matchAll(/`([A-Z ]+)`/g)].flatMap(([, names]) => names!.split(/ (?!LOAD)/));
};

describe('README', () => {
  it('shows the example as it is', async () => {
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

  it.skipIf(missing)(`names all the rights that a user of Redis's access lists needs${hint}`, async () => {
    const granted = rights().map((name) => `+${name.toLowerCase().replace(' ', '|')}`);
    const server = await Server.start();
    const admin = createClient({ url: server.url });
    try {
      await admin.connect();
      await admin.aclSetUser('limited', ['on', '>secret', '-@all', '~forge:*', '~{forge}:*', '&forge', ...granted]);
      expect((await run(server.url.replace('//', '//limited:secret@'))).stdout).toBe('load 1\nload 1\nload 2\n');
      expect(await admin.sendCommand(['ACL', 'LOG'])).toEqual([]);
    } finally {
      admin.destroy();
      await server.stop();
    }
  });

  it('names every command that the scripts call, and no other', () => {
    const sources = [pairScript('forge'), ledgerScript('forge'), runScript(), publishScript()].map(
      ({ source }) => source,
    );
    const called = sources.flatMap((source) =>
      [...source.matchAll(/redis\.p?call\('(\w+)'/g)].map(([, name]) => name!),
    );
    const sent = ['EVAL', 'EVALSHA', 'SCRIPT LOAD', 'UNLINK', 'SUBSCRIBE'];
    expect(rights().toSorted()).toEqual([...sent, ...new Set(called)].toSorted());
  });

  it('has an example that says what it needs when there is no Redis', async () => {
    await expect(run('redis://127.0.0.1:1')).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('This example needs a Redis at redis://127.0.0.1:1') as string,
    });
  });
});
