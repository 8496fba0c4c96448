import { getEventListeners } from 'node:events';
import { describe, expect, it, vi } from 'vitest';
import { MemoryCache, ResponseCache } from '../../src/index.ts';
import {
  Collection,
  Deltas,
  Fragments,
  RangeCache,
  StreamCache,
  composite,
  diff,
  leaf,
  parseRange,
  type Json,
} from '../../src/partial/index.ts';

const memory = (): MemoryCache => new MemoryCache({ maxBytes: 2 ** 24 });

describe('partial caches', () => {
  const load = (): never[] => [];
  const shared = { name: 'a', load, idOf: Number, ttl: 1 };

  it.each<[what: string, create: (cache: never) => unknown, cache: unknown, missing: string]>([
    ['Collection', (cache) => new Collection({ ...shared, cache }), memory(), 'cache.getOrSet'],
    ['Fragments', (cache) => new Fragments({ name: 'a', cache }), memory(), 'cache.getOrSet'],
    ['RangeCache', (cache) => new RangeCache({ name: 'a', load: vi.fn(), cache }), new ResponseCache(), 'cache.delete'],
    ['Deltas', (cache) => new Deltas({ name: 'a', cache }), new ResponseCache(), 'cache.delete'],
    ['StreamCache', (cache) => new StreamCache({ name: 'a', cache }), new ResponseCache(), 'cache.delete'],
  ])('%s refuses a cache of the other kind', (_what, create, cache, missing) => {
    expect(() => create(cache as never)).toThrow(`${missing} must be a function, got undefined`);
  });

  it.each<[what: string, create: (further: object) => unknown]>([
    ['Collection', (further) => new Collection({ ...shared, cache: new ResponseCache(), ...further })],
    ['Fragments', (further) => new Fragments({ name: 'a', cache: new ResponseCache(), ...further })],
    ['RangeCache', (further) => new RangeCache({ name: 'a', load: vi.fn(), cache: memory(), ...further })],
    ['Deltas', (further) => new Deltas({ name: 'a', cache: memory(), ...further })],
    ['StreamCache', (further) => new StreamCache({ name: 'a', cache: memory(), ...further })],
  ])('%s refuses a name that is no option', (_what, create) => {
    expect(() => create({ TTL: 5 })).toThrow(/there is no option "TTL"/);
    expect(() => create({})).not.toThrow();
  });
});

describe('Collection, whose loader answers oddly,', () => {
  const collection = (load: (ids: readonly (string | number)[]) => Iterable<{ id: string | number; n: number }>) =>
    new Collection({ cache: new ResponseCache(), name: 'c', load, idOf: ({ id }) => id, ttl: 1000 });

  it('takes too many, too few, twice and out of order', async () => {
    const items = collection(() => [3, 99, 1, 1].map((id, n) => ({ id, n })));
    const found = await items.getMany([1, 2, 3]);

    expect([...found.keys()]).toEqual([1, 3]);
    expect(found.get(1)).toEqual({ id: 1, n: 3 });
    expect([...(await items.getMany([99])).keys()]).toEqual([99]);
  });

  it('takes ids that objects have members of', async () => {
    const ids = ['__proto__', 'constructor', 'toString', '\uD800', ''];
    const items = collection((wanted) => wanted.map((id) => ({ id, n: 0 })));

    expect([...(await items.getMany(ids)).keys()]).toEqual(ids);
    expect([...(await items.getMany(ids)).keys()]).toEqual(ids);
  });

  it('makes the keys of many ids in as many turns as it reads them in', async () => {
    const items = collection((wanted) => wanted.map((id) => ({ id, n: 0 })));
    const made = vi.spyOn(JSON, 'stringify');
    const reading = items.getMany(Array.from({ length: 2000 }, (_, id) => id));
    const atOnce = made.mock.calls.length;
    made.mockRestore();

    expect(atOnce).toBeLessThanOrEqual(500);
    expect((await reading).size).toBe(2000);
  });
});

describe('RangeCache', () => {
  it('rejects who aborts between two loads, and begins no more', async () => {
    const controller = new AbortController();
    const asked: number[] = [];
    const ranges = new RangeCache<Uint8Array>({
      cache: memory(),
      name: 'r',
      load: async (_, { start }) => {
        asked.push(start);
        // It leaves when the answer is there and before the next gap is asked for.
        queueMicrotask(() => queueMicrotask(() => controller.abort('gone')));
        return { data: new Uint8Array(1), etag: '"a"', total: 3 };
      },
    });

    await expect(ranges.read('k', { start: 0 }, { signal: controller.signal })).rejects.toBe('gone');
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
    expect(asked.length).toBeLessThan(3);
  });

  it('refuses a total below nothing', async () => {
    const ranges = new RangeCache({ cache: memory(), name: 'r', load: () => ({ data: [], etag: '"a"', total: -5 }) });

    await expect(ranges.read('k', { start: 0 })).rejects.toMatchObject({ code: 'CACHE_PART_INVALID' });
  });

  it.each([
    ['bytes=-0', 100],
    ['bytes=-5', 0],
    ['bytes=100-', 100],
  ])('answers %s of %i with nothing, for a 416', async (header, total) => {
    const ranges = new RangeCache<readonly number[]>({
      cache: memory(),
      name: 'r',
      load: (_, { start }) => ({
        data: Array.from({ length: Math.max(0, total - start) }, () => 0),
        etag: '"a"',
        total,
      }),
    });
    const slice = await ranges.read('k', parseRange(header, total)!);

    expect(slice).toMatchObject({ start: total, end: total, data: [] });
  });
});

describe('Fragments', () => {
  it('takes children named after members of objects', async () => {
    const fragments = new Fragments({ cache: new ResponseCache(), name: 'f' });
    const child = leaf({ key: 'x', load: () => 1 });
    const children = Object.fromEntries(['__proto__', 'constructor'].map((name) => [name, child]));
    const page = composite({ key: 'page', children, render: (parts) => Object.entries(parts) });

    expect(await fragments.answer(page)).toMatchObject({
      value: [
        ['__proto__', 1],
        ['constructor', 1],
      ],
    });
  });
});

describe('Deltas', () => {
  it('compares what is deep and large in time that its size bounds', () => {
    const large = (last: number): Json =>
      Object.fromEntries([...Array.from({ length: 20_000 }, (_, n) => [`k${n}`, n]), ['last', last]]);
    const nested = (value: Json, depth: number): Json => (depth === 0 ? value : { value: nested(value, depth - 1) });
    const timeOf = (depth: number): number => {
      const [before, after] = [nested(large(1), depth), nested(large(2), depth)];
      const started = performance.now();
      expect(JSON.stringify(diff(before, after))).toContain('{"last":2}');
      return performance.now() - started;
    };
    const best = (depth: number): number => Math.min(...Array.from({ length: 5 }, () => timeOf(depth)));

    expect(best(95)).toBeLessThan(10 * best(0));
  });

  it('answers on when a client names a version that is none', () => {
    const deltas = new Deltas({ cache: memory(), name: 'd' });
    deltas.answer('k', { a: 1 });

    for (const base of ['', '__proto__', '"'.repeat(100_000), '\uD800']) {
      expect(deltas.answer('k', { a: 2 }, base).kind).toBe('full');
    }
  });
});

describe('StreamCache', () => {
  const collect = async (chunks: AsyncIterable<string>): Promise<string> => {
    let text = '';
    for await (const chunk of chunks) text += chunk;
    return text;
  };

  it('keeps and replays a stream without chunks', async () => {
    const streams = new StreamCache<string>({ cache: memory(), name: 's' });
    let runs = 0;
    const produce = (): string[] => {
      runs += 1;
      return [];
    };

    expect(await collect(streams.read('k', produce))).toBe('');
    expect(await collect(streams.read('k', produce))).toBe('');
    expect(runs).toBe(1);
  });

  it('tells who joined late of a source that dies, after what there was', async () => {
    const streams = new StreamCache<string>({ cache: memory(), name: 's' });
    async function* dying(): AsyncGenerator<string> {
      yield 'a';
      await new Promise((resolve) => setImmediate(resolve));
      throw new Error('reset');
    }
    const early = streams.read('k', dying);
    await early.next();
    const late = streams.read('k', () => expect.fail('joined'));

    expect(await late.next()).toEqual({ done: false, value: 'a' });
    await expect(late.next()).rejects.toThrow('reset');
    await expect(early.next()).rejects.toThrow('reset');
  });
});
