import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { mariadbHint, mariadbIsMissing, MariadbProcess } from '@forge/config/mariadb';
import type { Pool } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPool, OTEL_NAMES, type MysqlPoolEvents } from '../src/index.ts';
import { resolveOptions } from '../src/options.ts';

const example = fileURLToPath(new URL('../examples/basic.ts', import.meta.url));
const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');

const run = (uri: string): Promise<{ stdout: string }> =>
  promisify(execFile)(process.execPath, ['--conditions=@forge/source', example], {
    env: { ...process.env, MYSQL_URL: uri },
    timeout: 15_000,
  });

/** The cells of the rows below a heading, without the bold ones that group them. */
function rows(heading: string): string[][] {
  const text = readme.split(`\n## ${heading}\n`)[1]!.split('\n## ', 1)[0]!;
  const cells = text.split('\n').flatMap((line) => (line.startsWith('| ') ? [line.split('|').slice(1, -1)] : []));
  return cells.map((row) => row.map((cell) => cell.trim())).filter(([first]) => first!.startsWith('`'));
}

const quoted = (text: string): string[] => [...text.matchAll(/`([^`]+)`/g)].map(([, name]) => name!);

const OPTIONS = rows('Options').map(([name, type, fallback]) => ({
  name: quoted(name!)[0]!,
  type: type!,
  fallback: fallback!,
}));

/** What must be refused where a row of the table names this type. */
const WRONG: readonly (readonly [type: RegExp, values: readonly unknown[]])[] = [
  [/^ms, from 1$/, [0, -1, Number.NaN, null]],
  [/^ms$/, [-1, Number.NaN, 'soon', null]],
  [/^(connections|callers)$/, [-1, 1.5, Number.NaN, 'many', null]],
  [/^`\{ now\(\) \}`/, [5, {}, { now: () => 'late' }]],
];

describe('README', () => {
  it('shows the example as it is', async () => {
    expect(/```ts\n(.*?)```/s.exec(readme)?.[1]).toBe(await readFile(example, 'utf8'));
  });

  it('has an example that says what it needs when there is no server', async () => {
    await expect(run('mysql://root@127.0.0.1:1/test')).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining(
        'This example needs a MySQL or MariaDB at mysql://root@127.0.0.1:1/test',
      ) as string,
    });
  });

  it('tells all names of OpenTelemetry', () => {
    const told = rows('Metrics').map(([metric, name]) => [quoted(metric!)[0], quoted(name!)[0]]);
    expect(Object.fromEntries(told)).toEqual(OTEL_NAMES);
  });

  it('tells every event', () => {
    const events: Record<keyof MysqlPoolEvents, true> = {
      connection: true,
      acquire: true,
      release: true,
      enqueue: true,
      transactionAbandoned: true,
      failover: true,
      connectionError: true,
      leaseLeaked: true,
    };
    expect(rows('Errors and events').flatMap(([names]) => quoted(names!))).toEqual(Object.keys(events));
  });

  it('tells what the metrics have beyond those of the core', () => {
    const own = [...readme.matchAll(/`(m(?:ax|in)\w*Connections|\w+(?:Queries|Transactions)|failovers)`/g)];
    const known = Object.keys(createPool({}).getMetrics());
    expect(own.map(([, name]) => name).filter((name) => !known.includes(name!))).toEqual([]);
  });
});

describe('README options', () => {
  it.each(OPTIONS.filter(({ type }) => type !== 'boolean'))('$name refuses what is no $type', ({ name, type }) => {
    const wrong = WRONG.find(([pattern]) => pattern.test(type));
    expect(wrong).toBeDefined();
    for (const value of wrong![1]) expect(() => createPool({ [name]: value }), String(value)).toThrow(name);
  });

  it.each(OPTIONS.filter(({ fallback }) => /^(\d|`)/.test(fallback)))(
    '$name is $fallback when it is not given',
    ({ name, fallback }) => {
      const resolved = resolveOptions({});
      const value = { connectionLimit: resolved.max, queueLimit: resolved.maxPending, waitForConnections: true }[name];
      const unlimited = name === 'queueLimit' ? 'Infinity' : fallback.replace(/[` ]/g, '');
      expect(String(value ?? Reflect.get(resolved, name))).toBe(unlimited);
    },
  );

  it('are all that there are', () => {
    const own = { connectionLimit: 0, maxIdle: 0, idleTimeout: 0, queueLimit: 0, waitForConnections: 0 };
    const resolved = Object.keys(resolveOptions({})).filter((name) => !/^(connection|max|maxPending)$/.test(name));
    expect(OPTIONS.map(({ name }) => name).toSorted()).toEqual(
      [...new Set([...Object.keys(own), ...resolved])].toSorted(),
    );
  });

  it('of mysql2 may be strings, and 0 where it means no limit', () => {
    const limits = { connectionLimit: '0', queueLimit: 0, connectTimeout: 0 } as object;
    expect(resolveOptions(limits)).toMatchObject({ max: Infinity, maxPending: Infinity, connectTimeout: Infinity });
    expect(resolveOptions({ queueLimit: 3, waitForConnections: false }).maxPending).toBe(0);
    expect(() => createPool(undefined as never)).toThrow('Cannot create a MySQL pool: the options must be an object');
    expect(() => createPool({ min: 3, connectionLimit: 2 })).toThrow(RangeError);
  });

  it('are left as they were given', () => {
    const given = Object.freeze({ uri: 'mysql://app@db.test/shop?connectionLimit=4', user: 'other' });
    expect(resolveOptions(given)).toMatchObject({ max: 4, connection: { user: 'other', database: 'shop' } });
  });
});

describe('createPool', () => {
  it('makes what goes wherever a pool of mysql2 is asked for', () => {
    const pool: Pool = createPool('mysql://app@127.0.0.1/shop');
    expect(pool.format('SELECT ?', [1])).toBe('SELECT 1');
  });
});

describe.skipIf(mariadbIsMissing)(`README example${mariadbHint}`, () => {
  let mariadb: MariadbProcess;
  beforeAll(async () => {
    mariadb = await MariadbProcess.start();
  });
  afterAll(() => mariadb.stop());

  it('prints what it should', async () => {
    const { host, port, user, password, database } = mariadb.account;
    const { stdout } = await run(`mysql://${user}:${password}@${host}:${port}/${database}`);
    expect(stdout).toBe('sum: 42\nslow: PROTOCOL_SEQUENCE_TIMEOUT\nrolled back\nopen transactions: 0\n');
  });
});
