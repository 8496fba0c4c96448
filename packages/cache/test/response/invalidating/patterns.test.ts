import { describe, expect, it } from 'vitest';
import { ResponseCache } from '../../../src/index.ts';
import { settled } from '../harness.ts';

const SIZE = 30_000;

async function large(): Promise<ResponseCache<number>> {
  const cache = new ResponseCache<number>({ maxSize: 2 * SIZE });
  for (let i = 0; i < SIZE; i++) void cache.set(`${i % 2 === 0 ? 'even' : 'odd'}:${i}`, i);
  return cache;
}

describe('ResponseCache.invalidatePattern on many entries', () => {
  it.each<[form: string, act: (cache: ResponseCache<number>) => Promise<number>]>([
    ['a glob', (cache) => cache.invalidatePattern('even:*')],
    ['a RegExp', (cache) => cache.invalidatePattern(/^even/)],
    ['a prefix', (cache) => cache.invalidatePrefix('even:')],
  ])('%s holds for every read at once, though the entries leave in slices', async (_form, act) => {
    const cache = await large();
    const removed = act(cache);
    expect(cache.getMetrics().size).toBeGreaterThan(SIZE / 2);
    const reads = [cache.get('even:0'), cache.get(`even:${SIZE - 2}`), cache.get(`odd:${SIZE - 1}`)];
    expect(cache.explain('even:29000')).toMatchObject({ state: 'absent', reason: 'deleted' });
    expect(await Promise.all(reads)).toEqual([undefined, undefined, SIZE - 1]);
    void cache.set('even:28000', -1);
    expect(await removed).toBe(SIZE / 2);
    expect([await cache.get('even:28000'), cache.getMetrics().size]).toEqual([-1, SIZE / 2 + 1]);
  });

  it('takes what was made from such a key at once too, though neither has been walked to', async () => {
    const cache = await large();
    await cache.set('made', 1, { dependsOn: ['even:29000'] });
    await cache.set('kept', 1, { dependsOn: ['odd:29001'] });
    const removed = cache.invalidatePattern('even:*');
    expect(await cache.getMany(['made', 'kept'])).toEqual([undefined, 1]);
    expect(await removed).toBe(SIZE / 2 + 1);
  });

  it('a tag holds at once for what was made from its entries too', async () => {
    const cache = new ResponseCache<number>({ maxSize: 2 * SIZE });
    for (let i = 0; i < SIZE; i++) void cache.set(`${i}`, i, { tags: ['t'] });
    const keys = ['0', '15000', `${SIZE - 1}`];
    for (const key of keys) void cache.set(`made from ${key}`, 1, { dependsOn: [key] });
    const loads = keys.map((key) =>
      cache.getOrSet(`loaded from ${key}`, async () => (await cache.get(key))!, { dependsOn: [key] }),
    );
    expect(await cache.invalidateTag('t')).toBe(SIZE);
    expect(await cache.getMany(keys.map((key) => `made from ${key}`))).toEqual([undefined, undefined, undefined]);
    await Promise.allSettled(loads);
    expect(await cache.getMany(keys.map((key) => `loaded from ${key}`))).toEqual([undefined, undefined, undefined]);
  });

  it('lets the event loop go on between slices, and ends when the cache is cleared or closed meanwhile', async () => {
    const cache = await large();
    const done = new AbortController();
    const removed = cache.invalidatePattern('*').finally(() => done.abort());
    let turns = 0;
    for (; !done.signal.aborted; turns++) await settled();
    expect(await removed).toBe(SIZE);
    expect(turns).toBeGreaterThanOrEqual(Math.floor(SIZE / 4096) - 1);
    const other = await large();
    const walk = other.invalidatePattern('*');
    await other.clear();
    await other.set('even:0', 1);
    await walk;
    expect(await other.get('even:0')).toBe(1);
    const last = (await large()).invalidatePattern('*');
    await cache.close();
    await last;
  });

  it('fences the loads of such keys alone', async () => {
    const cache = new ResponseCache<string>();
    const loads = ['a:1', 'b:1'].map((key) => cache.getOrSet(key, async () => key));
    await cache.invalidatePattern('a*');
    await Promise.all(loads);
    expect(await cache.getMany(['a:1', 'b:1'])).toEqual([undefined, 'b:1']);
  });

  it('takes stars and question marks in a prefix for themselves', async () => {
    const cache = new ResponseCache<number>();
    await cache.set('a*b', 1);
    await cache.set('axb', 2);
    expect([await cache.invalidatePrefix('a*'), await cache.get('axb')]).toEqual([1, 2]);
    expect([await cache.invalidatePrefix(''), cache.getMetrics().size]).toEqual([1, 0]);
  });
});
