import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { MemoryCache } from '../../src/index.ts';
import { RangeCache, type RangeAnswer } from '../../src/partial/index.ts';

type Rows = readonly string[];

interface Call {
  readonly asked: string;
  readonly etag: string | undefined;
  readonly signal: AbortSignal;
  /** As the resource is now, or as it was said. */
  readonly answer: (answer?: RangeAnswer<Rows>) => void;
  readonly fail: (error: unknown) => void;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const rowsOf = (version: string, start: number, end: number): Rows =>
  Array.from({ length: Math.max(0, end - start) }, (_, index) => `${version}:${start + index}`);

/** A range cache over a table of 100 rows whose loads are answered by hand. */
function setUp(maxBytes = Infinity, ttl = Infinity, now = () => 0) {
  const calls: Call[] = [];
  const table = { version: 'a', total: 100 };
  const cache = new MemoryCache({ maxBytes, clock: { now } });
  const ranges = new RangeCache<Rows>({
    cache,
    name: 'rows',
    ttl,
    load: (_key, { start, end }, { signal, etag }) =>
      new Promise((resolve, reject) => {
        const present = (): RangeAnswer<Rows> => ({
          data: rowsOf(table.version, start, Math.min(end, table.total)),
          etag: table.version,
          total: table.total,
        });
        const answer = (given = present()): void => resolve(given);
        calls.push({ asked: `${start}-${end}`, etag, signal, answer, fail: reject });
      }),
  });
  const read = async (start: number, end?: number): Promise<Rows> => {
    const before = calls.length;
    const slice = ranges.read('t', { start, end });
    await turn();
    for (const call of calls.slice(before)) call.answer();
    return (await slice).data;
  };
  const asked = (): string[] => calls.map((call) => call.asked);
  return { cache, ranges, calls, table, read, asked };
}

describe('RangeCache', () => {
  it('loads the gaps and nothing else', async () => {
    const { read, asked } = setUp();
    await read(10, 20);
    await read(30, 40);
    expect(await read(5, 45)).toEqual(rowsOf('a', 5, 45));
    expect(await read(12, 38)).toEqual(rowsOf('a', 12, 38));
    expect(asked()).toEqual(['10-20', '30-40', '5-10', '20-30', '40-45']);
  });

  it('asks for nothing behind the end once it knows the end', async () => {
    const { read, asked } = setUp();
    expect(await read(90)).toEqual(rowsOf('a', 90, 100));
    expect(await read(95, 200)).toEqual(rowsOf('a', 95, 100));
    expect(await read(100, 200)).toEqual([]);
    expect(asked()).toEqual(['90-Infinity']);
  });

  it('takes an answer that is short and names no total as the last', async () => {
    const { ranges, calls } = setUp();
    const read = ranges.read('t', { start: 0, end: 50 });
    await turn();
    calls[0]!.answer({ data: rowsOf('a', 0, 12), etag: 'a' });
    expect(await read).toEqual({ start: 0, end: 12, total: 12, etag: 'a', data: rowsOf('a', 0, 12) });
  });

  it('goes on where an answer stopped that names a larger total', async () => {
    const { ranges, calls, asked } = setUp();
    const read = ranges.read('t', { start: 0, end: 10 });
    await turn();
    calls[0]!.answer({ data: rowsOf('a', 0, 4), etag: 'a', total: 100 });
    await turn();
    calls[1]!.answer();
    expect((await read).data).toEqual(rowsOf('a', 0, 10));
    expect(asked()).toEqual(['0-10', '4-10']);
  });

  it('keeps all that a source brings beyond what it was asked for', async () => {
    const { ranges, calls, read } = setUp();
    const first = ranges.read('t', { start: 50, end: 60 });
    await turn();
    calls[0]!.answer({ data: rowsOf('a', 0, 100), etag: 'a', start: 0, total: 100 });
    expect((await first).data).toEqual(rowsOf('a', 50, 60));
    expect(await read(0, 100)).toHaveLength(100);
    expect(calls).toHaveLength(1);
  });

  it('shares what is under way', async () => {
    const { ranges, calls, asked } = setUp();
    const reads = [
      ranges.read('t', { start: 0, end: 20 }),
      ranges.read('t', { start: 10, end: 30 }),
      ranges.read('t', { start: 0, end: 30 }),
    ];
    await turn();
    expect(asked()).toEqual(['0-20', '20-30']);
    for (const call of calls) call.answer();
    const slices = await Promise.all(reads);
    expect(slices.map(({ data }) => data)).toEqual([rowsOf('a', 0, 20), rowsOf('a', 10, 30), rowsOf('a', 0, 30)]);
  });

  it('drops every part when the validator changes, and tells the loader the old one', async () => {
    const { read, table, calls, asked } = setUp();
    await read(0, 50);
    table.version = 'b';
    const mixed = read(40, 60);
    await turn();
    await turn();
    calls[2]!.answer();
    expect(await mixed).toEqual(rowsOf('b', 40, 60));
    await read(0, 10);
    expect(asked()).toEqual(['0-50', '50-60', '40-50', '0-10']);
    expect(calls.map(({ etag }) => etag)).toEqual([undefined, 'a', 'b', 'b']);
  });

  it('asks for the whole range in one load when the validator changes each time', async () => {
    const { ranges, calls, asked } = setUp();
    const answer = (index: number, version: string, start: number, end: number): void =>
      calls[index]!.answer({ data: rowsOf(version, start, end), etag: version, total: 100 });
    const first = ranges.read('t', { start: 0, end: 50 });
    await turn();
    answer(0, 'a', 0, 50);
    await first;
    const read = ranges.read('t', { start: 40, end: 60 });
    await turn();
    answer(1, 'b', 50, 60);
    await turn();
    answer(2, 'c', 40, 50);
    await turn();
    answer(3, 'd', 40, 60);
    expect((await read).data).toEqual(rowsOf('d', 40, 60));
    expect(asked()).toEqual(['0-50', '50-60', '40-50', '40-60']);
  });

  it('gives up on a resource that changes within each answer', async () => {
    let version = 0;
    const ranges = new RangeCache<Rows>({
      cache: new MemoryCache(),
      name: 'rows',
      // Half of what was asked, each time of another state.
      load: (_key, { start, end }) => {
        const data = rowsOf('x', start, start + Math.ceil((end - start) / 2));
        return { data, etag: String(++version), total: 100 };
      },
    });
    await expect(ranges.read('t', { start: 0, end: 64 })).rejects.toMatchObject({ code: 'CACHE_RANGE_UNSTABLE' });
  });

  it('answers readers that overlap of a resource that changes with each answer', async () => {
    const { ranges, calls } = setUp();
    const reads = [0, 10, 5, 15].map((start) => ranges.read('t', { start, end: start + 20 }));
    let answered = 0;
    const answerAll = async (): Promise<void> => {
      for (; answered < calls.length; answered++) {
        const [start, end] = calls[answered]!.asked.split('-').map(Number) as [number, number];
        const version = `v${answered}`;
        calls[answered]!.answer({ data: rowsOf(version, start, end), etag: version, total: 100 });
      }
      await turn();
    };
    for (let round = 0; round < 6; round++) await answerAll();
    for (const { data, etag, start, end } of await Promise.all(reads)) expect(data).toEqual(rowsOf(etag!, start, end));
  });

  it('begins anew when the total changes under one validator', async () => {
    const { read, ranges, calls } = setUp();
    await read(0, 10);
    const wider = ranges.read('t', { start: 0, end: 20 });
    await turn();
    calls[1]!.answer({ data: rowsOf('b', 10, 20), etag: 'a', total: 99 });
    await turn();
    calls[2]!.answer({ data: rowsOf('b', 0, 10), etag: 'a', total: 99 });
    expect((await wider).data).toEqual(rowsOf('b', 0, 20));
  });

  it('joins no two answers under a weak validator', async () => {
    const ranges = new RangeCache<Rows>({
      cache: new MemoryCache(),
      name: 'rows',
      load: (_key, { start }) => ({ data: rowsOf('x', start, start + 5), etag: 'W/"x"', total: 100 }),
    });
    await expect(ranges.read('t', { start: 0, end: 10 })).rejects.toMatchObject({ code: 'CACHE_RANGE_UNSTABLE' });
  });

  it.each(['W/"a"', undefined, ''])('combines and stores nothing under the validator %o', async (etag) => {
    const { ranges, calls } = setUp();
    for (const index of [0, 1]) {
      const read = ranges.read('t', { start: 0, end: 10 });
      await turn();
      calls[index]!.answer({ data: rowsOf('a', 0, 10), etag, total: 100 });
      expect((await read).data).toEqual(rowsOf('a', 0, 10));
    }
  });

  it('lets no load replace a validator that was first seen after it had begun', async () => {
    const { ranges, calls, table, read } = setUp();
    await read(0, 10);
    const slow = ranges.read('t', { start: 10, end: 20 });
    const fast = ranges.read('t', { start: 50, end: 60 });
    await turn();
    table.version = 'b';
    calls[2]!.answer();
    await fast;
    calls[1]!.answer({ data: rowsOf('a', 10, 20), etag: 'a', total: 100 });
    expect((await slow).etag).toBe('a');
    expect(await read(50, 60)).toEqual(rowsOf('b', 50, 60));
    expect(calls).toHaveLength(3);
  });

  it('stores nothing that was loaded before an invalidation', async () => {
    const { ranges, calls, read } = setUp();
    const old = ranges.read('t', { start: 0, end: 10 });
    await turn();
    expect(ranges.invalidate('t')).toBe(false);
    const fresh = read(0, 10);
    calls[0]!.answer({ data: rowsOf('old', 0, 10), etag: 'old', total: 100 });
    expect([(await old).etag, await fresh]).toEqual(['old', rowsOf('a', 0, 10)]);
    expect(await read(0, 10)).toEqual(rowsOf('a', 0, 10));
    expect(calls).toHaveLength(2);
    expect(ranges.invalidate('t')).toBe(true);
  });

  it('rejects an abort alone, and aborts the load with the last', async () => {
    const { ranges, calls } = setUp();
    const [one, two] = [new AbortController(), new AbortController()];
    const reads = [one, two].map(({ signal }) => ranges.read('t', { start: 0, end: 10 }, { signal }));
    const outcomes = Promise.allSettled(reads);
    await turn();
    one.abort(1);
    expect(calls[0]!.signal.aborted).toBe(false);
    two.abort(2);
    expect(calls[0]!.signal.reason).toBe(2);
    expect(await outcomes).toEqual([
      { status: 'rejected', reason: 1 },
      { status: 'rejected', reason: 2 },
    ]);
    expect([one, two].flatMap(({ signal }) => getEventListeners(signal, 'abort'))).toEqual([]);
    await expect(ranges.read('t', { start: 0 }, { signal: one.signal })).rejects.toBe(1);
    // What an abandoned load still brings is dropped.
    calls[0]!.answer();
    await turn();
    void ranges.read('t', { start: 0, end: 10 });
    expect(calls).toHaveLength(2);
  });

  it('leaves no listener behind when it has answered', async () => {
    const { ranges, calls } = setUp();
    const { signal } = new AbortController();
    const slice = ranges.read('t', { start: 0, end: 10 }, { signal });
    await turn();
    calls[0]!.answer();
    await slice;
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('gives a failure to all who wait and loads again', async () => {
    const { ranges, calls, read } = setUp();
    const reads = [ranges.read('t', { start: 0, end: 10 }), ranges.read('t', { start: 5, end: 10 })];
    await turn();
    calls[0]!.fail(new Error('down'));
    for (const each of await Promise.allSettled(reads)) expect(each).toMatchObject({ reason: { message: 'down' } });
    expect(await read(0, 10)).toEqual(rowsOf('a', 0, 10));
  });

  it.each([
    [{ data: [], total: 100 }],
    [{ data: ['x'], start: 5, total: 100 }],
    [{ data: ['x', 'y'], total: 1 }],
    [{ data: ['x'], start: -1, total: 100 }],
    [{ data: ['x'], start: 0.5, total: 100 }],
    [{ data: ['x'], total: Number.NaN }],
  ])('refuses the answer %o', async (answer) => {
    const { ranges, calls } = setUp();
    const read = ranges.read('t', { start: 0, end: 10 });
    await turn();
    calls[0]!.answer({ etag: 'a', ...answer });
    await expect(read).rejects.toMatchObject({ code: 'CACHE_PART_INVALID' });
  });

  it('forgets parts after the ttl, and a load that confirms the validator renews it', async () => {
    let now = 0;
    const { read, asked } = setUp(Infinity, 10, () => now);
    await read(0, 10);
    now = 8;
    await read(0, 20);
    now = 17;
    await read(0, 20);
    now = 18;
    await read(0, 20);
    expect(asked()).toEqual(['0-10', '10-20', '0-20']);
  });

  it('keeps the newest part alone when more than that does not fit', async () => {
    const { read, asked, cache } = setUp(64 + 64 + 30);
    await read(0, 20);
    await read(20, 40);
    expect(cache.bytes).toBe(64 + 64 + 20);
    await read(20, 40);
    await read(0, 20);
    expect(asked()).toEqual(['0-20', '20-40', '0-20']);
  });

  it('reads through what does not fit at all', async () => {
    const { read } = setUp(100);
    expect(await read(0, 60)).toHaveLength(60);
    expect(await read(30, 90)).toEqual(rowsOf('a', 30, 90));
  });

  it('joins many small parts, so that each read stays cheap', async () => {
    const { read, cache } = setUp();
    for (let row = 0; row < 100; row++) await read(row, row + 1);
    expect(await read(0, 100)).toEqual(rowsOf('a', 0, 100));
    const bytes = new RangeCache<Uint8Array>({
      cache,
      name: 'bytes',
      load: (_key, { start, end }) => ({
        data: Uint8Array.from({ length: end - start }, () => 7),
        etag: 'a',
        total: 1000,
      }),
    });
    for (let at = 0; at < 400; at++) await bytes.read('t', { start: at, end: at + 1 });
    const { data } = await bytes.read('t', { start: 0, end: 400 });
    expect(data).toEqual(new Uint8Array(400).fill(7));
    // Of 400 parts, all but the last few are one.
    expect([...cache.entries()].find(({ key }) => key.startsWith('"bytes"'))!.size).toBeLessThan(400 + 64 * 150);
  });

  it('copies a small view out of a large buffer', async () => {
    const cache = new MemoryCache();
    const pool = Buffer.alloc(1000, 1);
    const load = () => ({ data: pool.subarray(0, 10), etag: 'a', total: 10 });
    const ranges = new RangeCache({ cache, name: 'bytes', load });
    const { data } = await ranges.read('t', { start: 0 });
    expect(data.buffer.byteLength).toBe(10);
  });

  it.each([
    [TypeError, { start: Number.NaN }],
    [TypeError, {}],
    [RangeError, { start: -1 }],
    [RangeError, { start: 1.5 }],
    [RangeError, { start: Infinity }],
    [RangeError, { start: 5, end: 5 }],
  ])('throws a %o for the range %o', (ErrorClass, range) => {
    const { ranges } = setUp();
    expect(() => ranges.read('t', range as { start: number })).toThrow(ErrorClass);
  });
});
