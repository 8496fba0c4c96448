import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { postgresHint, postgresIsMissing, PostgresProcess } from '@forge/config/postgres';
import type { ClientConfig } from 'pg';
import { describe, expect, it } from 'vitest';
import { OTEL_NAMES, Pool, type PoolConfig } from '../src/index.ts';

const example = fileURLToPath(new URL('../examples/basic.ts', import.meta.url));
const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');

const run = (env: object): Promise<{ stdout: string }> =>
  promisify(execFile)(process.execPath, ['--conditions=@forge/source', example], {
    env: { ...process.env, ...env },
    timeout: 10_000,
  });

/** The first cells of the rows below a heading, and their further cells. */
function rows(heading: string): { names: string[]; cells: string[] }[] {
  const section = readme.split(`\n## ${heading}\n`)[1]!.split('\n## ', 1)[0]!;
  const lines = section.split('\n').filter((line) => line.startsWith('| `'));
  return lines.map((line) => {
    const [first = '', ...cells] = line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim());
    return { names: [...first.matchAll(/`([^`]+)`/g)].map(([, name]) => name!), cells };
  });
}

/** Complete, or it does not compile. */
const OPTIONS: Readonly<
  Record<Exclude<keyof PoolConfig, Exclude<keyof ClientConfig, 'query_timeout' | 'connectionTimeoutMillis'>>, true>
> = {
  max: true,
  poolSize: true,
  min: true,
  idleTimeoutMillis: true,
  connectionTimeoutMillis: true,
  maxUses: true,
  maxLifetimeSeconds: true,
  allowExitOnIdle: true,
  Client: true,
  onConnect: true,
  verify: true,
  log: true,
  Promise: true,
  query_timeout: true,
  maxPending: true,
  createRetries: true,
  validateAfter: true,
  resetOnRelease: true,
  leakThreshold: true,
};

describe('README', () => {
  it('shows the example as it is', async () => {
    expect(/```ts\n(.*?)```/s.exec(readme)?.[1]).toBe(await readFile(example, 'utf8'));
  });

  it.skipIf(postgresIsMissing)(`says truly what the example prints${postgresHint}`, async () => {
    const server = await PostgresProcess.start();
    try {
      const printed = '[ { answer: 42 } ]\nQuery read timeout\nrolled back\n';
      expect((await run(server.env)).stdout).toBe(printed);
    } finally {
      await server.stop();
    }
  });

  it('has an example that says what it needs when there is no PostgreSQL', async () => {
    await expect(run({ PGHOST: '127.0.0.1', PGPORT: '1' })).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('This example needs a PostgreSQL') as string,
    });
  });

  it('names every option', () => {
    expect(
      rows('Options')
        .flatMap(({ names }) => names)
        .toSorted(),
    ).toEqual(Object.keys(OPTIONS).toSorted());
  });

  it('says truly which option is a number and what it is by default', () => {
    const amounts = rows('Options').filter(({ cells }) => /^(?:ms|s|clients|uses|callers|connects)\b/.test(cells[0]!));
    expect(amounts.length).toBeGreaterThan(8);
    const { options } = new Pool();
    for (const { names, cells } of amounts) {
      for (const name of names) {
        expect(() => new Pool({ [name]: -1 }), name).toThrow(RangeError);
        expect(() => new Pool({ [name]: {} }), name).toThrow(TypeError);
        const shown = Reflect.get(options, name) as unknown;
        const fallback = cells[1] === '`Infinity`' ? Infinity : Number(cells[1]!.replace(' ', ''));
        if (shown !== undefined) expect(shown, name).toBe(fallback);
      }
    }
  });

  it('maps the metrics as OTEL_NAMES does', () => {
    const table = rows('Events, errors, metrics').map(({ names: [name], cells: [otel] }) => [
      name,
      otel!.replaceAll('`', ''),
    ]);
    expect(Object.fromEntries(table)).toEqual(OTEL_NAMES);
  });
});
