import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { mariadbHint, mariadbIsMissing } from '@forge/config/mariadb';
import * as mysql2 from 'mysql2/promise';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ask, errorOf, threadOf, useWorld } from '../support.ts';

/** Blocks the event loop, as a long computation does. */
function stall(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

const run = (
  script: string,
  world: { readonly mariadb: { readonly account: object } },
): Promise<{ stdout: string }> => {
  const file = fileURLToPath(new URL(`../fixtures/${script}`, import.meta.url));
  const command = `ulimit -n 60; exec "$0" --conditions=@forge/source "$1"`;
  const env = { ...process.env, MYSQL_ACCOUNT: JSON.stringify(world.mariadb.account) };
  return promisify(execFile)('sh', ['-c', command, process.execPath, file], { env, timeout: 15_000 });
};

describe.skipIf(mariadbIsMissing)(`a pool in a process that has trouble of its own${mariadbHint}`, () => {
  const world = useWorld();
  afterEach(() => {
    vi.useRealTimers();
  });

  it('gives the answers that came while the event loop stood still', async () => {
    const pool = world.open({ connectionLimit: 3, queryTimeout: 300, acquireTimeout: 300 });
    await Promise.all([1, 2, 3].map(() => pool.query('DO SLEEP(0.01)')));
    const answers = [1, 2, 3, 4, 5].map((value) => ask(pool, `${value}`));
    await new Promise(setImmediate);
    stall(500);
    expect(await Promise.all(answers)).toEqual([1, 2, 3, 4, 5]);
    expect(pool.getMetrics().stoppedQueries).toBe(0);
  });

  it('makes a connection whose handshake came while the event loop stood still, where mysql2 does not', async () => {
    const options = { ...world.mariadb.account, connectTimeout: 50 };
    const theirs = mysql2.createPool(options);
    const outcome = errorOf(theirs.getConnection());
    stall(150);
    expect((await outcome).code).toBe('ETIMEDOUT');
    await theirs.end();
    const answer = ask(world.open(options), '1');
    stall(150);
    expect(await answer).toBe(1);
  });

  it('keeps its connections when the clock of the system jumps', async () => {
    const pool = world.open({ maxLifetime: 60_000, idleTimeout: 60_000, queryTimeout: 60_000 });
    const threadId = await threadOf(pool);
    for (const jump of [365 * 86_400_000, -365 * 86_400_000]) {
      vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + jump });
      expect(await threadOf(pool)).toBe(threadId);
      vi.useRealTimers();
    }
  });

  it('is served when files can be opened again', async () => {
    expect((await run('emfile.ts', world)).stdout).toBe('EMFILE\nserved: 1\n');
  });

  it('lets the process end once it has ended itself', async () => {
    expect((await run('exit.ts', world)).stdout).toBe('idle: 1\n');
  });
});
