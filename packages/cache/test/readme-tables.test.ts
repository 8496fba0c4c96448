import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  MemoryCache,
  ResponseCache,
  type CacheErrorCode,
  type CacheEvents,
  type CacheNamespace,
} from '../src/index.ts';
import { cacheSettings } from '../src/response/cache-config.ts';
import { memoryStore } from '../src/testing/index.ts';

const root = new URL('../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');
const readme = read('README.md');

/** The text below a heading, to the next one of its level or above. */
function section(heading: string): string {
  const text = readme.split(`\n## ${heading}\n`)[1];
  if (text === undefined) throw new Error(`no section ${heading}`);
  return text.split('\n## ', 1)[0]!;
}

/** The cells of the table rows, without the bold ones that group them. */
function rows(text: string): string[][] {
  const cells = text
    .split('\n')
    .flatMap((line) => (line.startsWith('| ') ? [line.split(/(?<!\\)\|/).slice(1, -1)] : []));
  return cells.map((row) => row.map((cell) => cell.trim())).filter(([first]) => first?.startsWith('`') === true);
}

const quoted = (text: string): string[] => [...text.matchAll(/`([^`]+)`/g)].map(([, name]) => name!);
const methodsIn = (text: string): string[] =>
  rows(text).flatMap(([cell]) => quoted(cell!).map((name) => name.replace(/\(.*$/, '')));

/** The methods and getters of a class, its bases but `EventEmitter` included. */
function publicNames(start: object): string[] {
  const names = new Set<string>();
  let at = start;
  while (at !== Object.prototype && !Object.hasOwn(at, 'on')) {
    for (const name of Object.getOwnPropertyNames(at)) names.add(name);
    at = Object.getPrototypeOf(at) as object;
  }
  names.delete('constructor');
  return [...names].toSorted();
}

const OPTIONS = rows(section('Options')).flatMap(([names, type, fallback]) =>
  quoted(names!).map((name) => ({ name, type: type!, fallback: fallback! })),
);

/** What must be refused where a row of the table names this type. */
const WRONG: readonly (readonly [type: RegExp, values: readonly unknown[]])[] = [
  [/^integer from 1/, [0, -1, 1.5, Number.NaN, '1', null]],
  [/^ms$/, [-1, Number.NaN, '5', null]],
  [/^0 to 1$/, [-0.1, 1.1, Number.NaN, '1']],
  [/^from 0$/, [-1, Number.NaN, '1']],
  [/=>/, [5, 'log']],
  [/^`\{|^`CacheStore`|^`InvalidationBus`/, [{}, 5, 'redis']],
  [/\\\|/, ['fifo', 5]],
  [/^boolean$/, ['yes', 1, null]],
];

describe('README options', () => {
  it.each(OPTIONS)('$name refuses what is no $type', ({ name, type }) => {
    const wrong = WRONG.find(([pattern]) => pattern.test(type));
    expect(wrong).toBeDefined();
    const Cache = name === 'onRemoval' ? MemoryCache : ResponseCache;
    for (const value of wrong![1]) {
      expect(() => new Cache({ [name]: value }), String(value)).toThrow(name);
    }
  });

  it.each(OPTIONS.filter(({ fallback }) => /^(\d|`(Infinity|true|false|share|adaptive)`)/.test(fallback)))(
    '$name is $fallback when it is not given',
    ({ name, fallback }) => {
      const literal = /^`?(\w+)/.exec(fallback)![1];
      // Resolved, the share is a function that shortens a ttl by it.
      const value = name === 'ttlJitter' ? 1 - cacheSettings({}).jitter(1) : Reflect.get(cacheSettings({}), name);
      expect(String(value)).toBe(literal);
    },
  );

  it('have the defaults that others bring', () => {
    expect(cacheSettings({ maxBytes: 10 })).toMatchObject({ maxSize: 2 ** 26, maxEntrySize: 10, policy: 'gdsf' });
    expect(cacheSettings({ compressionEnabled: true }).values).toBe('bytes');
    expect(cacheSettings({ compressionEnabled: true, store: memoryStore() }).values).toBe('share');
  });

  it('are all that there are', () => {
    const settings = Object.keys(cacheSettings({})).map((name) => (name === 'jitter' ? 'ttlJitter' : name));
    const known = settings.filter((name) => name !== 'plainTerms');
    expect(OPTIONS.map(({ name }) => name).toSorted()).toEqual(known.toSorted());
  });
});

describe('README lists', () => {
  it('every method of both caches, and no other', () => {
    const [, memory, response] = section('Concepts').split(
      /`MemoryCache` is synchronous|`ResponseCache` is asynchronous/,
    );
    const inTable = (text: string | undefined): string[] => methodsIn(text!).toSorted();
    expect(inTable(memory)).toEqual(publicNames(MemoryCache.prototype));
    const elsewhere = new Set(['getMetrics', 'onMeasure']);
    expect(inTable(response)).toEqual(publicNames(ResponseCache.prototype).filter((name) => !elsewhere.has(name)));
  });

  it('the methods of a namespace', () => {
    const row = rows(section('Concepts')).find(([first]) => first === '`namespace(name)`');
    const cache: CacheNamespace<unknown> = new ResponseCache().namespace('n');
    expect(quoted(row![1]!).toSorted()).toEqual(publicNames(Object.getPrototypeOf(cache) as object));
  });

  it('every metric, and which both caches have', () => {
    const [both, response] = section('Metrics').split('Of a `ResponseCache` also');
    const known = (names: readonly string[]): string[] => names.filter((name) => /^[a-z]+[A-Za-z]*$/.test(name));
    expect(known(quoted(both!)).toSorted()).toEqual(Object.keys(new MemoryCache().getMetrics()).toSorted());
    const further = known(quoted(response!.split('`metricKinds`', 1)[0]!));
    expect([...known(quoted(both!)), ...further].toSorted()).toEqual(
      Object.keys(new ResponseCache().getMetrics()).toSorted(),
    );
  });

  it('every event', () => {
    const events: Record<keyof CacheEvents, true> = {
      cacheHit: true,
      cacheMiss: true,
      cacheSet: true,
      cacheEviction: true,
      cacheInvalidated: true,
      cacheCleared: true,
      cacheError: true,
    };
    expect(rows(section('Errors and events')).map(([name]) => quoted(name!)[0])).toEqual(Object.keys(events));
  });

  it('every error code', () => {
    const codes: Record<CacheErrorCode, true> = {
      CACHE_CLOSED: true,
      CACHE_LOAD_TIMEOUT: true,
      CACHE_ENTRY_INVALID: true,
      CACHE_STORE_UNAVAILABLE: true,
      CACHE_PART_INVALID: true,
      CACHE_RANGE_UNSTABLE: true,
      CACHE_STREAM_OVERRUN: true,
    };
    expect([...new Set(section('Errors and events').match(/\bCACHE_\w+/g))]).toEqual(Object.keys(codes));
  });
});

describe('documents', () => {
  const documents = ['README.md', ...readdirSync(new URL('docs', root)).map((name) => `docs/${name}`)];
  it.each(documents)('%s links to what is there', (document) => {
    const links = [...read(document).matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(([, link]) => link!);
    expect(links.filter((link) => !existsSync(new URL(link, new URL(document, root))))).toEqual([]);
  });
});
