import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { postgresHint, postgresIsMissing, PostgresProcess } from '@forge/config/postgres';
import { Pool as PgPool } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Pool } from '../../src/index.ts';
import * as gate from './gate.ts';

const POOLS = { 'pg-pool': PgPool, '@forge/pool-pg': Pool } as unknown as Record<string, gate.PoolClass>;
const GROUPS = {
  'with callbacks': gate.CALLBACKS,
  'with promises': gate.PROMISES,
  'when something fails': gate.ERRORS,
  'with a connectionTimeoutMillis': gate.CONNECT_TIMEOUTS,
  'with times': gate.TIMES,
  'with sizes': gate.SIZES,
  'with listeners': gate.EVENTS,
  'with hooks': gate.HOOKS,
  'at its end': gate.ENDS,
};

describe.skipIf(postgresIsMissing)(`the compatibility gate${postgresHint}`, () => {
  let server: PostgresProcess;

  beforeAll(async () => {
    server = await PostgresProcess.start();
    Object.assign(process.env, server.env);
  });
  afterAll(() => server.stop());

  describe.each(Object.keys(POOLS))('%s', (name) => {
    describe.each(Object.entries(GROUPS))('%s', (_, cases) => {
      it.each(Object.entries(cases))('%s', async (__, run) => {
        await expect(run(POOLS[name]!)).resolves.toBeUndefined();
      });
    });

    // pg-pool is a version behind its own suite here.
    it.each(name === 'pg-pool' ? [] : Object.entries(gate.BEYOND))('%s', async (_, run) => {
      await expect(run(POOLS[name]!)).resolves.toBeUndefined();
    });

    it.each([
      ['lets the process end with an idle client when told by allowExitOnIdle', true, 'first second '],
      ['holds the process until its idle client was removed, else', false, 'first second removed '],
    ])('%s', async (_, allowExitOnIdle, said) => {
      const script = fileURLToPath(new URL('../fixtures/idle-exit.ts', import.meta.url));
      const args = ['--conditions=@forge/source', script, name, String(allowExitOnIdle)];
      const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 10_000 });
      expect(stdout).toBe(said);
    });
  });
});
