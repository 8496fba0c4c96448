import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { closeKind, statusKind } from '../src/close-kinds.ts';
import { OTEL_NAMES, WebSocketPool } from '../src/index.ts';
import { ADDED_KINDS } from '../src/metrics.ts';
import { resolveOptions } from '../src/options.ts';

const root = new URL('../', import.meta.url);
const read = (path: string): Promise<string> => readFile(new URL(path, root), 'utf8');
const readme = await read('README.md');

/** The rows of the tables below a heading, without those that only group. */
function rows(heading: string): string[][] {
  const section = readme.split(`\n## ${heading}\n`)[1]!.split('\n## ', 1)[0]!;
  const lines = section.split('\n').filter((line) => line.startsWith('| `'));
  return lines.map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}
const quoted = (cell: string): string => /`([^`]+)`/.exec(cell)![1]!;

const url = 'ws://127.0.0.1:1';
const OPTIONS = rows('Options').map(([name, type, fallback]) => ({
  name: quoted(name!),
  type: type!,
  fallback: fallback!,
}));

/** What must be refused where a row has this type. */
const WRONG: readonly (readonly [type: RegExp, values: readonly unknown[]])[] = [
  [/^ms/, [-1, Number.NaN, '5', null]],
  [/^bytes$/, [0, -1, Number.NaN, '5']],
  [/^requests$/, [0, 1.5, -1, 10_001, Number.NaN, '5']],
  [/^sockets$|^callers$/, [-1, 1.5, Number.NaN, '5', 'auto']],
  [/^string, URL/, [undefined, '', 'nowhere', 'ftp://a.b', 5, {}]],
  [/=>|^function$/, [5, 'f', {}]],
  [/^`\{ encode/, [5, {}, { encode: () => '' }]],
  [/^options of ws/, [5, 'x', null]],
  [/^strings$/, [[5], [undefined]]],
  [/^`\{ now/, [5, {}, { now: 5 }]],
];

describe('README', () => {
  it('shows the example as it is, and says truly what it prints', async () => {
    expect(/```ts\n(.*?)```/s.exec(readme)?.[1]).toBe(await read('examples/basic.ts'));
    const example = fileURLToPath(new URL('examples/basic.ts', root));
    const run = promisify(execFile)(process.execPath, ['--conditions=@forge/source', example], { timeout: 10_000 });
    expect((await run).stdout).toBe('[ 2, 4, 6, 8, 10 ]\n2 sockets, 2 requests sent again\n');
  });

  it('lists every option, and no other', async () => {
    const [, own] = /export interface WebSocketPoolOptions.*?\{\n(.*?)\n\}/s.exec(await read('src/options.ts'))!;
    const [, inherited] = /type Inherited =\s*(.*?);/s.exec(await read('src/options.ts'))!;
    const names = [...own!.matchAll(/readonly (\w+)\??:/g), ...inherited!.matchAll(/'(\w+)'/g)].map(
      ([, name]) => name!,
    );
    expect(OPTIONS.map(({ name }) => name).toSorted()).toEqual(names.toSorted());
  });

  it.each(OPTIONS)('$name refuses what is no $type', ({ name, type }) => {
    const wrong = WRONG.find(([pattern]) => pattern.test(type));
    expect(wrong).toBeDefined();
    for (const value of wrong![1]) expect(() => new WebSocketPool({ url, [name]: value }), String(value)).toThrow(name);
  });

  it.each(OPTIONS.filter(({ name, fallback }) => /^\d/.test(fallback) && Object.hasOwn(resolveOptions({ url }), name)))(
    '$name is $fallback when it is not given',
    ({ name, fallback }) => {
      expect(String(Reflect.get(resolveOptions({ url }), name))).toBe(fallback.replaceAll(' ', ''));
    },
  );

  it('lists every code of the errors', async () => {
    const [, union] = /WebSocketErrorCode =\n(.*?);/s.exec(await read('src/errors.ts'))!;
    const codes = [...union!.matchAll(/'(WS_\w+)'/g)].map(([, code]) => code!);
    expect(
      rows('Errors')
        .map(([code]) => quoted(code!))
        .toSorted(),
    ).toEqual(codes.toSorted());
  });

  it('lists every metric, and every name of OpenTelemetry', () => {
    const listed = rows('Metrics').map(([name, other]) => [quoted(name!), other!] as const);
    const otel = listed.filter(([, other]) => other.startsWith('`'));
    expect(Object.fromEntries(otel.map(([name, other]) => [name, quoted(other)]))).toEqual(OTEL_NAMES);
    const metrics = listed.filter((row) => !otel.includes(row)).map(([name]) => name);
    expect(metrics.toSorted()).toEqual(Object.keys(ADDED_KINDS).toSorted());
  });

  it('says of each close code and status what it means', () => {
    for (const [kind, codes, statuses] of rows('What a close means')) {
      for (const [code] of codes!.matchAll(/\d{4}/g)) expect(closeKind(Number(code)), code).toBe(quoted(kind!));
      for (const [status] of statuses!.matchAll(/\b\d{3}\b/g))
        expect(statusKind(Number(status)), status).toBe(quoted(kind!));
    }
  });
});
