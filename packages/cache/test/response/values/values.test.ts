import { describe, expect, it, vi } from 'vitest';
import { ResponseCache, type Codec, type ValuePolicy } from '../../../src/index.ts';
import { recorded } from '../harness.ts';

const LONG = 'long '.repeat(10_000);

describe('values', () => {
  it.each<[policy: ValuePolicy, sharesObject: boolean, canChange: boolean]>([
    ['share', true, true],
    ['freeze', true, false],
    ['clone', false, true],
    ['bytes', false, true],
  ])('%s: readers share one object: %s, may change it: %s', async (values, sharesObject, canChange) => {
    const cache = new ResponseCache<{ deep: { n: number } }>({ values });
    const [one, two] = await Promise.all([
      cache.getOrSet('a', async () => ({ deep: { n: 1 } })),
      cache.getOrSet('a', () => ({ deep: { n: 2 } })),
    ]);
    const three = (await cache.get('a'))!;
    expect([one === two, one === three]).toEqual([sharesObject, sharesObject]);
    expect(Object.isFrozen(one.deep)).toBe(!canChange);
    if (canChange) one.deep.n = 7;
    expect((await cache.get('a'))!.deep.n).toBe(values === 'share' ? 7 : 1);
  });

  it('clone and bytes are not disturbed when the value that was set changes', async () => {
    for (const values of ['clone', 'bytes'] as const) {
      const cache = new ResponseCache<{ n: number }>({ values });
      const value = { n: 1 };
      await cache.set('a', value);
      value.n = 2;
      expect(await cache.get('a')).toEqual({ n: 1 });
    }
  });

  it('clone gives each caller a value of its own from a load that is kept out, too', async () => {
    const cache = new ResponseCache<object>({ values: 'clone' });
    const load = async (): Promise<object> => {
      await cache.invalidate('a');
      return { n: 1 };
    };
    const first = cache.getOrSet('a', load);
    const [one, two] = await Promise.all([first, first]);
    expect(one).toBe(two);
    const joined = [cache.getOrSet('b', async () => (void cache.invalidate('b'), { n: 1 })), cache.getOrSet('b', load)];
    const [three, four] = await Promise.all(joined);
    expect([three, three === four]).toEqual([{ n: 1 }, false]);
  });

  it('freeze goes below what is frozen already, through cycles, symbols and arrays, and past a Buffer', async () => {
    const cache = new ResponseCache<object>({ values: 'freeze' });
    const deep = { n: 1 };
    const symbol = Symbol('s');
    const cycle: Record<string | symbol, unknown> = { list: [deep], bytes: Buffer.from('x'), [symbol]: { n: 1 } };
    cycle.self = cycle;
    await cache.set('a', Object.freeze({ cycle }));
    expect([deep, cycle, cycle.list, cycle[symbol]].every((value) => Object.isFrozen(value))).toBe(true);
  });

  it('freeze takes a value that is nested without end', async () => {
    let value: object = {};
    for (let i = 0; i < 200_000; i++) value = { value };
    const cache = new ResponseCache<object>({ values: 'freeze' });
    await cache.set('a', value);
    expect(Object.isFrozen(value)).toBe(true);
  });

  it('set throws at once for what cannot be kept in this way, and a load gives it all the same', async () => {
    for (const values of ['clone', 'bytes'] as const) {
      const cache = new ResponseCache<unknown>({ values });
      const events = recorded(cache);
      await cache.set('a', 'old');
      const value = { call: () => 1 };
      expect(() => cache.set('a', value)).toThrow();
      expect(await cache.get('a')).toBe('old');
      expect(await cache.getOrSet('b', () => value)).toBe(value);
      expect(events.filter(([name]) => name === 'cacheError').length).toBe(1);
      expect(cache.getMetrics()).toMatchObject({ storeErrors: 1, loadErrors: 0 });
    }
  });

  it('bytes counts what is held, with no sizeOf', async () => {
    const sizeOf = vi.fn(() => 1);
    const cache = new ResponseCache<string>({ values: 'bytes', sizeOf });
    await cache.set('a', 'four');
    expect([cache.getMetrics().totalSize, sizeOf.mock.calls.length]).toEqual([5, 0]);
  });

  it('an equal value is a touch: same object, another ttl, no event', async () => {
    for (const values of ['share', 'freeze', 'clone', 'bytes'] as const) {
      const cache = new ResponseCache<{ n: number }>({ values });
      await cache.set('a', { n: 1 }, 1000);
      const events = recorded(cache);
      expect(await cache.set('a', { n: 1 }, 2000)).toBe(true);
      expect(cache.explain('a')).toMatchObject({ state: 'fresh' });
      expect((cache.explain('a') as { freshFor: number }).freshFor).toBeGreaterThan(1900);
      await cache.set('a', { n: 2 });
      expect(events.map(([name]) => name)).toEqual(['cacheSet']);
    }
  });

  it('equal etags are equal values, and others are not, whatever the values', async () => {
    const cache = new ResponseCache<number>();
    const events = recorded(cache);
    await cache.set('a', 1, { etag: 'v1' });
    await cache.set('a', 2, { etag: 'v1' });
    expect(await cache.get('a')).toBe(1);
    await cache.set('a', 1, { etag: 'v2' });
    expect(events.filter(([name]) => name === 'cacheSet').length).toBe(2);
  });

  it('a value whose getter throws counts as changed', async () => {
    const cache = new ResponseCache<object>();
    const events = recorded(cache);
    const broken = (): object => ({
      get n(): never {
        throw new Error('getter of a test');
      },
    });
    await cache.set('a', broken());
    expect(await cache.set('a', broken())).toBe(true);
    expect(events.length).toBe(2);
  });
});

describe('compressionEnabled', () => {
  const totalSize = <V>(cache: ResponseCache<V>): number => cache.getMetrics().totalSize;

  it('keeps long values as shorter bytes, once, and gives them back', async () => {
    const cache = new ResponseCache<string>({ compressionEnabled: true });
    await cache.set('a', LONG);
    expect(totalSize(cache)).toBe(50_001);
    await vi.waitFor(() => expect(totalSize(cache)).toBeLessThan(1000));
    expect(await cache.get('a')).toBe(LONG);
    const shrunk = totalSize(cache);
    await cache.set('a', LONG);
    expect(totalSize(cache)).toBe(shrunk);
    await vi.waitFor(async () => expect(await cache.get('a')).toBe(LONG));
  });

  it('compresses no bytes that are compressed already, though they would become shorter', async () => {
    const cache = new ResponseCache<string>({ compressionEnabled: true });
    // So uniform that what compresses it can be compressed again.
    const uniform = 'a'.repeat(8 * 2 ** 20);
    await cache.set('a', uniform);
    await vi.waitFor(() => expect(totalSize(cache)).toBeLessThan(5000));
    const shrunk = totalSize(cache);
    await cache.set('a', uniform);
    await cache.set('b', LONG);
    await vi.waitFor(() => expect(totalSize(cache)).toBeLessThan(shrunk + 5000));
    expect((await cache.get('a'))!.length).toBe(uniform.length);
  });

  it('leaves short values and random bytes as they are', async () => {
    const cache = new ResponseCache<unknown>({ compressionEnabled: true });
    const random = crypto.getRandomValues(new Uint8Array(5000));
    await cache.set('short', 'a'.repeat(1000));
    await cache.set('random', random);
    await cache.set('long', LONG);
    await vi.waitFor(() => expect(totalSize(cache)).toBeLessThan(10_000));
    expect(totalSize(cache)).toBeGreaterThan(6000);
    expect(Buffer.compare((await cache.get('random')) as Buffer, random)).toBe(0);
  });

  it('puts nothing back that was invalidated or replaced while it was compressed', async () => {
    const cache = new ResponseCache<string>({ compressionEnabled: true });
    const set = cache.set('a', LONG);
    const other = cache.set('b', LONG);
    void cache.invalidate('a');
    void cache.set('b', 'short');
    await Promise.all([set, other, cache.set('c', LONG)]);
    await vi.waitFor(() => expect(totalSize(cache)).toBeLessThan(1000));
    expect([await cache.get('a'), await cache.get('b'), await cache.get('c')]).toEqual([undefined, 'short', LONG]);
  });

  it('needs a form that has bytes', () => {
    expect(() => new ResponseCache({ compressionEnabled: true, values: 'share' })).toThrow(
      /compressionEnabled needs values: 'bytes' or a store, got 'share'/,
    );
  });

  it('takes a codec, and refuses one that has half of it', async () => {
    const codec: Codec<Date> = {
      encode: (date) => Buffer.from(date.toISOString()),
      decode: (bytes) => new Date(Buffer.from(bytes).toString()),
    };
    const cache = new ResponseCache<Date>({ values: 'bytes', codec });
    const date = new Date(86_400_000);
    await cache.set('a', date);
    expect(await cache.get('a')).toEqual(date);
    expect(() => new ResponseCache({ codec: { ...codec, decode: undefined } as unknown as Codec<Date> })).toThrow(
      /codec\.decode/,
    );
  });
});
