import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { ResponseCache } from '../../src/index.ts';
import { Collection } from '../../src/partial/index.ts';

interface Item {
  readonly id: number | string;
  readonly version: number;
}

interface Call {
  readonly ids: readonly (number | string)[];
  readonly signal: AbortSignal;
  readonly answer: (items?: readonly Item[]) => void;
  readonly fail: (error: unknown) => void;
}

/** A collection whose loads are answered by hand. */
function setUp(
  options: { ttl?: number | ((item: Item) => number); pageTTL?: number; maxBatch?: number; now?: () => number } = {},
) {
  const { now = () => 0, ttl = 1000, ...rest } = options;
  const cache = new ResponseCache({ maxSize: 10_000, clock: { now } });
  const calls: Call[] = [];
  const items = new Collection({
    cache,
    name: 'items',
    load: (ids: readonly (number | string)[], { signal }) =>
      new Promise<readonly Item[]>((resolve, reject) => {
        const answer = (given: readonly Item[] = ids.map((id) => ({ id, version: 1 }))): void => resolve(given);
        calls.push({ ids, signal, answer, fail: reject });
      }),
    idOf: (item) => item.id,
    ttl,
    ...rest,
  });
  const has = async (id: number | string): Promise<boolean> => {
    const before = calls.length;
    const abort = new AbortController();
    const read = items.get(id, { signal: abort.signal }).catch(() => {});
    await turn();
    abort.abort();
    await read;
    return calls.length === before;
  };
  return { cache, calls, items, has };
}

/** After all promise jobs and the loads that they begin. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('Collection', () => {
  it('asks the loader for the missing ids alone', async () => {
    const { items, calls } = setUp();
    const first = items.getMany([1, 2]);
    await turn();
    calls[0]!.answer();
    await first;
    const second = items.getMany([3, 2, 1, 4]);
    await turn();
    calls[1]!.answer();
    expect([...(await second).keys()]).toEqual([3, 2, 1, 4]);
    expect(calls.map(({ ids }) => ids)).toEqual([
      [1, 2],
      [3, 4],
    ]);
  });

  it('asks once for an id that is under way, and once for the ids of one turn', async () => {
    const { items, calls } = setUp();
    const reads = [items.getMany([1, 2]), items.getMany([2, 3]), items.get(3)];
    await turn();
    reads.push(items.getMany([1, 4]));
    await turn();
    for (const call of calls) call.answer();
    await Promise.all(reads);
    expect(calls.map(({ ids }) => ids)).toEqual([[1, 2, 3], [4]]);
  });

  it('gives no load more than maxBatch ids', async () => {
    const { items, calls } = setUp({ maxBatch: 2 });
    const read = items.getMany([1, 2, 3, 4, 5]);
    await turn();
    expect(calls.map(({ ids }) => ids)).toEqual([[1, 2], [3, 4], [5]]);
    for (const call of calls) call.answer();
    expect((await read).size).toBe(5);
  });

  it('reads thousands of ids in slices, and tells of a failure once all have begun', async () => {
    const { items, calls } = setUp();
    const ids = Array.from({ length: 1100 }, (_, id) => id);
    const read = expect(items.getMany(ids)).rejects.toThrow('down');
    await turn();
    expect(calls.map((call) => call.ids.length)).toEqual([500, 500]);
    calls[0]!.fail(new Error('down'));
    await turn();
    await turn();
    expect(calls.map((call) => call.ids.length)).toEqual([500, 500, 100]);
    calls[1]!.answer();
    calls[2]!.answer();
    await read;
    await items.getMany(ids.slice(500));
    const again = items.getMany(ids);
    await turn();
    calls[3]!.answer();
    expect([...(await again).keys()]).toEqual(ids);
    expect(calls).toHaveLength(4);
  });

  it('leaves out an absent item and asks for it again', async () => {
    const { items, calls } = setUp();
    const read = items.getMany([1, 2]);
    await turn();
    calls[0]!.answer([{ id: 2, version: 1 }]);
    expect([...(await read).keys()]).toEqual([2]);
    const again = items.get(1);
    await turn();
    calls[1]!.answer([]);
    expect(await again).toBeUndefined();
  });

  it('takes hostile ids for what they are', async () => {
    const { items, calls } = setUp();
    const ids = ['__proto__', '1', 1, '\ud800', '\udfff', '', 'x'.repeat(2 ** 20), 'x'.repeat(2 ** 20 + 1), '"', -1, 0];
    const read = items.getMany([...ids, -0]);
    await turn();
    expect(calls[0]!.ids).toEqual(ids);
    calls[0]!.answer();
    expect([...(await read).keys()]).toEqual(ids);
    await items.getMany(ids);
    expect(calls).toHaveLength(1);
  });

  it('refuses an id that is neither a finite number nor a string', () => {
    const { items } = setUp();
    expect(() => items.getMany([Number.NaN])).toThrow(TypeError);
    expect(() => items.getMany([Infinity])).toThrow(RangeError);
    expect(() => items.getMany([{} as unknown as string])).toThrow(TypeError);
    expect(() => items.get(Number.NaN)).toThrow(TypeError);
    expect(() => items.invalidate(Infinity)).toThrow(RangeError);
    expect(() => items.set({ id: Number.NaN, version: 1 })).toThrow(TypeError);
    expect(() => items.page(1 as unknown as string, () => ({ ids: [] }))).toThrow(TypeError);
  });

  it('stores no item that was invalidated while it was loaded, and the others', async () => {
    const { items, calls, has } = setUp();
    const read = items.getMany([1, 2]);
    await turn();
    await items.invalidate(1);
    calls[0]!.answer();
    expect((await read).get(1)).toEqual({ id: 1, version: 1 });
    expect([await has(1), await has(2)]).toEqual([false, true]);
  });

  it('keeps what set stored when an older load ends', async () => {
    const { items, calls } = setUp();
    const read = items.get(1);
    await turn();
    await items.set({ id: 1, version: 2 });
    calls[0]!.answer();
    await read;
    expect(await items.get(1)).toEqual({ id: 1, version: 2 });
  });

  it('rejects who depends on a load that fails, and loads again', async () => {
    const { items, calls } = setUp({ maxBatch: 1 });
    const read = items.getMany([1, 2]);
    await turn();
    calls[0]!.fail(new Error('down'));
    calls[1]!.answer();
    await expect(read).rejects.toThrow('down');
    await items.get(2);
    const again = items.get(1);
    await turn();
    calls[2]!.answer();
    expect(await again).toEqual({ id: 1, version: 1 });
  });

  it('aborts a load when the last who waits for any of its ids has left', async () => {
    const { items, calls } = setUp();
    const [one, two] = [new AbortController(), new AbortController()];
    const reads = [items.getMany([1, 2], { signal: one.signal }), items.getMany([2, 3], { signal: two.signal })];
    const outcomes = Promise.allSettled(reads);
    await turn();
    one.abort('one');
    await turn();
    expect(calls[0]!.signal.aborted).toBe(false);
    two.abort('two');
    expect(calls[0]!.signal.reason).toBe('two');
    expect(await outcomes).toEqual([
      { status: 'rejected', reason: 'one' },
      { status: 'rejected', reason: 'two' },
    ]);
    expect([one, two].flatMap(({ signal }) => getEventListeners(signal, 'abort'))).toEqual([]);
  });

  it('begins no load for ids that everybody left in the same turn', async () => {
    const { items, calls } = setUp();
    const abort = new AbortController();
    const read = items.get(1, { signal: abort.signal });
    abort.abort('gone');
    await expect(read).rejects.toBe('gone');
    const other = items.get(2);
    await turn();
    expect(calls.map(({ ids, signal }) => [ids, signal.aborted])).toEqual([[[2], false]]);
    calls[0]!.answer();
    await other;
  });
});

describe('Collection.page', () => {
  const page = (...versions: (readonly [id: number, version: number])[]) => ({
    items: versions.map(([id, version]) => ({ id, version })),
    next: 'more',
  });

  it('stores its items as if each had been loaded alone', async () => {
    const { items, calls } = setUp();
    expect(await items.page('', () => page([1, 1], [2, 1]))).toEqual({ ...page([1, 1], [2, 1]) });
    await items.getMany([1, 2]);
    expect(calls).toEqual([]);
  });

  it('stores the first 500 items of a page and loads the others', async () => {
    const { items, calls } = setUp();
    const read = items.page('', () => page(...Array.from({ length: 510 }, (_, id) => [id, 1] as const)));
    await turn();
    await turn();
    expect(calls.map(({ ids }) => ids)).toEqual([[500, 501, 502, 503, 504, 505, 506, 507, 508, 509]]);
    calls[0]!.answer();
    expect((await read).items).toHaveLength(510);
  });

  it('loads the items of a list of ids', async () => {
    const { items, calls } = setUp();
    const read = items.page('', () => ({ ids: [2, 1] }));
    await turn();
    calls[0]!.answer();
    expect((await read).items.map(({ id }) => id)).toEqual([2, 1]);
  });

  it('loads an invalidated item alone while the list stays', async () => {
    const { items, calls } = setUp();
    await items.page('', () => page([1, 1], [2, 1]));
    await items.invalidate(2);
    const read = items.page('', () => expect.fail('the list is fresh'));
    await turn();
    expect(calls.map(({ ids }) => ids)).toEqual([[2]]);
    calls[0]!.answer([{ id: 2, version: 2 }]);
    expect((await read).items).toEqual(page([1, 1], [2, 2]).items);
  });

  it('lists anew after its own ttl or invalidatePages, while items stay', async () => {
    let now = 0;
    const { items, calls } = setUp({ ttl: 1000, pageTTL: 10, now: () => now });
    await items.page('', () => page([1, 1], [2, 1]));
    now = 10;
    expect((await items.page('', () => ({ ids: [2] }))).items).toEqual(page([2, 1]).items);
    await items.invalidatePages();
    expect((await items.page('', () => ({ ids: [1] }))).items).toEqual(page([1, 1]).items);
    expect(calls).toEqual([]);
  });

  it.each([
    ['invalidate', (items: Collection<number | string, Item>) => items.invalidate(1)],
    ['invalidateAll', (items: Collection<number | string, Item>) => items.invalidateAll()],
  ])('stores no item that %s overtook while the page was loaded', async (_, invalidate) => {
    const { items, calls } = setUp();
    let answer!: (loaded: ReturnType<typeof page>) => void;
    const read = items.page('', () => new Promise((resolve) => (answer = resolve)));
    await turn();
    const done = invalidate(items);
    answer(page([1, 1]));
    await done;
    await turn();
    expect(calls.map(({ ids }) => ids)).toEqual([[1]]);
    calls[0]!.answer([{ id: 1, version: 2 }]);
    expect((await read).items).toEqual(page([1, 2]).items);
    expect(await items.get(1)).toEqual({ id: 1, version: 2 });
  });

  it('stores no list that invalidatePages overtook', async () => {
    const { items } = setUp();
    let answer!: (loaded: ReturnType<typeof page>) => void;
    const old = items.page('', () => new Promise((resolve) => (answer = resolve)));
    await turn();
    await items.invalidatePages();
    const fresh = items.page('', () => page([1, 1]));
    answer(page([2, 1]));
    expect([(await old).items[0]!.id, (await fresh).items[0]!.id]).toEqual([2, 1]);
    expect((await items.page('', () => expect.fail('listed'))).items[0]!.id).toBe(1);
  });

  it('leaves an item as it is that was loaded or set while the page was', async () => {
    const { items } = setUp();
    let answer!: (loaded: ReturnType<typeof page>) => void;
    const read = items.page('', () => new Promise((resolve) => (answer = resolve)));
    await turn();
    await items.set({ id: 1, version: 2 });
    answer(page([1, 1]));
    expect((await read).items).toEqual(page([1, 2]).items);
  });

  it('stores no item that set overtook, though what was set could not be stored', async () => {
    const { items, calls } = setUp({ ttl: ({ version }) => (version === 2 ? 0 : 1000) });
    let answer!: (loaded: ReturnType<typeof page>) => void;
    const read = items.page('', () => new Promise((resolve) => (answer = resolve)));
    await turn();
    await items.set({ id: 1, version: 2 });
    answer(page([1, 1]));
    await turn();
    calls[0]!.answer([{ id: 1, version: 2 }]);
    expect((await read).items).toEqual(page([1, 2]).items);
  });

  it('aborts its load when everybody has left', async () => {
    const { items } = setUp();
    const abort = new AbortController();
    let signal!: AbortSignal;
    const load = (context: { signal: AbortSignal }) => {
      signal = context.signal;
      return new Promise<ReturnType<typeof page>>(() => {});
    };
    const read = items.page('', load, { signal: abort.signal });
    await turn();
    abort.abort('gone');
    await expect(read).rejects.toBe('gone');
    expect(signal.reason).toBe('gone');
    expect((await items.page('', () => page([1, 1]))).items).toHaveLength(1);
  });

  it('leaves out an item that has gone since', async () => {
    const { items, calls } = setUp();
    await items.page('', () => page([1, 1], [2, 1]));
    await items.invalidate(1);
    const read = items.page('', () => expect.fail('listed'));
    await turn();
    calls[0]!.answer([]);
    expect((await read).items.map(({ id }) => id)).toEqual([2]);
  });
});

describe('new Collection', () => {
  it.each([
    [TypeError, { name: 1 }],
    [TypeError, { load: 1 }],
    [TypeError, { idOf: undefined }],
    [TypeError, { ttl: undefined }],
    [RangeError, { pageTTL: -1 }],
    [RangeError, { maxBatch: 0 }],
    [TypeError, { cache: undefined }],
  ])('throws a %o for %o', (ErrorClass, wrong) => {
    const right = { cache: new ResponseCache(), name: 'x', load: () => [], idOf: () => 1, ttl: 1 };
    expect(() => new Collection({ ...right, ...wrong } as never)).toThrow(ErrorClass);
  });
});
