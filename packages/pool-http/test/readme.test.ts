import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Client } from 'undici';
import { describe, expect, it } from 'vitest';
import { HttpPool, OTEL_NAMES, type HttpPoolOptions } from '../src/index.ts';
import { resolveOptions } from '../src/options.ts';
import { serve } from './fixtures/world.ts';

const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
const example = fileURLToPath(new URL('../examples/basic.ts', import.meta.url));

const run = (file: string, ...args: string[]): Promise<{ stdout: string }> =>
  promisify(execFile)(process.execPath, ['--conditions=@forge/source', file, ...args], { timeout: 10_000 });

/** The cells of the rows below a heading, without quotes. */
function rows(heading: string): [name: string, type: string, fallback: string][] {
  const section = readme.split(`\n## ${heading}\n`)[1]!.split('\n## ', 1)[0]!;
  const lines = section.split('\n').filter((line) => line.startsWith('| `'));
  return lines.map((line) => {
    const [name = '', type = '', fallback = ''] = line.split('|').slice(1, -1);
    const plain = (cell: string): string => cell.trim().replaceAll('`', '');
    return [plain(name), plain(type), plain(fallback)];
  });
}

/** Complete, or it does not compile. */
const OPTIONS: Readonly<Record<Exclude<keyof HttpPoolOptions, keyof Client.Options>, true>> = {
  connections: true,
  acquireTimeout: true,
  maxPending: true,
  maxLifetime: true,
  maxTotal: true,
  maxOrigins: true,
  endpoints: true,
  refreshInterval: true,
  clock: true,
  random: true,
};

const WRONG: readonly (readonly [type: RegExp, values: readonly unknown[]])[] = [
  [/^integer from 1$/, [0, -1, 1.5, Number.NaN, '1', null]],
  [/^integer from 0$/, [-1, 1.5, Number.NaN, '1', null]],
  [/^ms from 1$/, [0, -1, Number.NaN, '5', null]],
  [/^ms$/, [-1, Number.NaN, '5', null]],
  [/=>/, [5, 'dns', {}]],
  [/^\{ now/, [{}, 5, { now: () => Number.NaN }]],
];

describe('README', () => {
  it('shows the example as it is', async () => {
    expect(/```ts\n(.*?)```/s.exec(readme)?.[1]).toBe(await readFile(example, 'utf8'));
  });

  it('says truly what the example prints', async () => {
    expect((await run(example)).stdout).toBe('TimeoutError\n4 answers, 2 connections\n');
  });

  it('says truly that an idle pool holds no process open', async () => {
    const { origin } = await serve((_, answer) => void answer.end('ok'));
    expect((await run(fileURLToPath(new URL('fixtures/idle-exit.ts', import.meta.url)), origin)).stdout).toBe('ok 1\n');
  });

  it('names every option', () => {
    expect(rows('Options').map(([name]) => name)).toEqual(Object.keys(OPTIONS));
  });

  it.each(rows('Options'))('says truly what %s must be: %s', (name, type) => {
    for (const value of WRONG.find(([pattern]) => pattern.test(type))![1]) {
      expect(() => new HttpPool({ [name]: value }), String(value)).toThrow(name);
    }
  });

  it.each(rows('Options').filter(([, , fallback]) => /^\d/.test(fallback)))(
    'says truly the default of %s',
    (name, _, fallback) => {
      expect(Reflect.get(resolveOptions({}), name)).toBe(Number(fallback.replaceAll(' ', '')));
    },
  );

  it('names every name of OpenTelemetry', () => {
    expect(Object.fromEntries(rows('Metrics and events').map(([name, otel]) => [name, otel]))).toEqual(OTEL_NAMES);
  });
});
