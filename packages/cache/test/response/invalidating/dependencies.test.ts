import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ResponseCache, type GetOrSetOptions } from '../../../src/index.ts';
import { manualLoader, recorded, settled } from '../harness.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** `page` is made from `part`, which is made from `base`. */
async function chain(): Promise<ResponseCache<string>> {
  const cache = new ResponseCache<string>();
  await cache.set('base', 'v1', { tags: ['t'] });
  await cache.set('part', 'v1', { dependsOn: ['base'] });
  await cache.set('page', 'v1', { dependsOn: ['part'] });
  await cache.set('other', 'v1');
  return cache;
}
const left = async (cache: ResponseCache<string>): Promise<string[]> => {
  const keys = ['base', 'part', 'page', 'other'];
  const values = await cache.getMany(keys);
  return keys.filter((_key, i) => values[i] !== undefined);
};

describe('dependsOn', () => {
  it.each<[how: string, act: (cache: ResponseCache<string>) => unknown]>([
    ['a tag', (cache) => cache.invalidateTag('t')],
    ['a pattern', (cache) => cache.invalidatePattern('bas*')],
  ])('holds for %s of a value that has expired since it was read', async (_how, act) => {
    const cache = new ResponseCache<string>();
    await cache.set('base', 'v1', { ttl: 10, tags: ['t'] });
    const { load, loads } = manualLoader<string>();
    const part = cache.getOrSet('part', load, { dependsOn: ['base'] });
    const seen = await cache.get('base');
    vi.advanceTimersByTime(10);
    await act(cache);
    loads[0]!.resolve(`made of ${seen}`);
    expect(await part).toBe('made of v1');
    expect(await cache.get('part')).toBeUndefined();
  });

  it.each<[how: string, act: (cache: ResponseCache<string>) => unknown, left: string[]]>([
    ['another value is set', (cache) => cache.set('base', 'v2'), ['base', 'other']],
    [
      'another value is loaded',
      (cache) => (cache.invalidate('base'), cache.getOrSet('base', () => 'v2')),
      ['base', 'other'],
    ],
    ['it is invalidated', (cache) => cache.invalidate('base'), ['other']],
    ['a tag of it is invalidated', (cache) => cache.invalidateTag('t'), ['other']],
    ['a pattern takes it', (cache) => cache.invalidatePattern('bas?'), ['other']],
    ['a RegExp takes it', (cache) => cache.invalidatePattern(/^base/), ['other']],
    ['a value is refused in its place', (cache) => cache.set('base', 'v2', 0), ['other']],
    ['an equal value is set', (cache) => cache.set('base', 'v1'), ['base', 'part', 'page', 'other']],
    ['what is between changes', (cache) => cache.set('part', 'v2'), ['base', 'part', 'other']],
    ['what is between is the same', (cache) => cache.set('part', 'v1'), ['base', 'part', 'page', 'other']],
  ])('takes what was made from a value, also by way of others, when %s', async (_how, act, keys) => {
    const cache = await chain();
    await act(cache);
    expect(await left(cache)).toEqual(keys);
  });

  it('tells of each entry that goes, once', async () => {
    const cache = await chain();
    const events = recorded(cache);
    await cache.invalidate('base');
    expect(events.map(([name, event]) => `${name} ${(event as { key: string }).key}`).toSorted()).toEqual([
      'cacheInvalidated base',
      'cacheInvalidated page',
      'cacheInvalidated part',
    ]);
  });

  it('shows tags and keys apart', async () => {
    const cache = await chain();
    await cache.set('page', 'v2', { dependsOn: ['part'], tags: ['own'] });
    expect(cache.explain('page')).toMatchObject({ tags: ['own'], dependsOn: ['part', 'base'] });
    const events = recorded(cache);
    await cache.set('page', 'v3', { dependsOn: ['part'], tags: ['own'] });
    expect(events).toMatchObject([['cacheSet', { key: 'page', tags: ['own'] }]]);
  });

  it.each<[how: string, remove: (cache: ResponseCache<string>) => unknown]>([
    ['expired', () => vi.advanceTimersByTime(10)],
    ['was evicted', (cache) => Promise.all(['x', 'y', 'z'].map((key) => cache.set(key, 'fill')))],
  ])(
    'holds while the value %s and comes back as it was, and not when it comes back otherwise',
    async (_how, remove) => {
      for (const back of ['v1', 'v2']) {
        const cache = new ResponseCache<string>({ maxSize: 4, policy: 'lru' });
        await cache.set('base', 'v1', 10);
        await cache.set('page', 'made from v1', { dependsOn: ['base'] });
        await remove(cache);
        expect([await cache.get('base'), await cache.get('page')]).toEqual([undefined, 'made from v1']);
        await cache.getOrSet('base', () => back);
        expect(await cache.get('page')).toBe(back === 'v1' ? 'made from v1' : undefined);
      }
    },
  );

  it('takes what names a key that was never seen when that is first loaded or set', async () => {
    const cache = new ResponseCache<string>();
    for (const add of [() => cache.getOrSet('base', () => 'v1'), () => cache.set('base', 'v1')]) {
      await cache.invalidate('base');
      await cache.set('page', 'of unknown age', { dependsOn: ['base'] });
      await add();
      expect(await cache.get('page')).toBeUndefined();
    }
  });

  it('ignores a key that depends on itself, and ends where keys depend on each other', async () => {
    const cache = new ResponseCache<string>();
    expect([await cache.set('a', 'A', { dependsOn: ['a'] }), await cache.get('a')]).toEqual([true, 'A']);
    await cache.set('x', 'X', { dependsOn: ['y'] });
    await cache.set('y', 'Y', { dependsOn: ['x'] });
    await cache.invalidate('x');
    expect(await cache.getMany(['x', 'y'])).toEqual([undefined, undefined]);
  });

  it('is told by a touch that brings other tags from the next value on', async () => {
    const cache = new ResponseCache<string>();
    await cache.set('base', 'v1', { tags: ['t'] });
    await cache.set('page', 'made from v1', { dependsOn: ['base'] });
    await cache.invalidateTag('t', { soft: true });
    expect(cache.explain('base').state).toBe('absent');
    expect(cache.explain('page').state).toBe('fresh');
  });
});

describe('dependsOn of a load', () => {
  const names: [when: string, early: GetOrSetOptions<string>, late: { dependsOn?: string[] }][] = [
    ['the caller names', { dependsOn: ['base'] }, {}],
    ['the loader names at its end', {}, { dependsOn: ['base'] }],
  ];
  const acts: [how: string, act: (cache: ResponseCache<string>) => unknown][] = [
    ['set', (cache) => cache.set('base', 'v2')],
    ['invalidated', (cache) => cache.invalidate('base')],
    ['invalidated by its tag', (cache) => cache.invalidateTag('t')],
    ['invalidated by a pattern', (cache) => cache.invalidatePattern('b*')],
    ['cleared', (cache) => cache.clear()],
  ];

  it.each(names.flatMap(([when, early, late]) => acts.map(([how, act]) => [when, how, early, late, act] as const)))(
    'what %s is %s while it loads: it is not stored',
    async (_when, _how, early, late, act) => {
      const cache = new ResponseCache<string>();
      await cache.set('base', 'v1', { tags: ['t'] });
      const page = cache.getOrSet(
        'page',
        async ({ setOptions }) => {
          const base = await cache.get('base');
          await act(cache);
          setOptions(late);
          return `made from ${base}`;
        },
        early,
      );
      expect([await page, await cache.get('page')]).toEqual(['made from v1', undefined]);
      expect(cache.explain('page')).toMatchObject({ state: 'absent', reason: 'fenced' });
    },
  );

  it.each(names)('what %s is first loaded inside it: it is stored', async (_when, early, late) => {
    const cache = new ResponseCache<string>({ defaultTTL: 10 });
    const loadPage = (): Promise<string> =>
      cache.getOrSet(
        'page',
        async ({ setOptions }) => {
          setOptions(late);
          return `made from ${await cache.getOrSet('base', () => 'v1')}`;
        },
        early,
      );
    for (let round = 0; round < 3; round++) {
      await loadPage();
      expect(await cache.get('page')).toBe('made from v1');
      vi.advanceTimersByTime(10);
    }
    expect(cache.getMetrics().fenced).toBe(0);
  });

  it('stores a page whose part expired before, and comes back changed inside its load', async () => {
    const cache = new ResponseCache<string>({ defaultTTL: 10 });
    let version = 1;
    const loadPage = (): Promise<string> =>
      cache.getOrSet('page', async () => `made from ${await cache.getOrSet('base', () => `v${version++}`)}`, {
        dependsOn: ['base'],
      });
    await loadPage();
    vi.advanceTimersByTime(10);
    expect([await loadPage(), await cache.get('page')]).toEqual(['made from v2', 'made from v2']);
  });

  it.each(['joins', 'closes'] as const)('begins one load at most when a listener of the expiry %s', async (what) => {
    const cache = new ResponseCache<string>({ staleWhileRevalidate: 100 });
    const loader = vi.fn(() => 'new');
    const load = (): Promise<string> => cache.getOrSet('page', loader, { dependsOn: ['base'] });
    const begun: Promise<string>[] = [];
    for (const ttl of [10, undefined]) {
      await cache.set('base', 'v1', { ttl: 5, staleWhileRevalidate: 0 });
      if (ttl !== undefined) await cache.set('page', 'old', ttl);
      vi.advanceTimersByTime(10);
      cache.once('cacheEviction', () => void (what === 'joins' ? begun.push(load()) : cache.close()));
      const [outcome] = await Promise.allSettled([load()]);
      if (what === 'closes') expect(outcome.status).toBe(ttl === undefined ? 'rejected' : 'fulfilled');
      else expect(outcome).toEqual({ status: 'fulfilled', value: ttl === undefined ? 'new' : 'old' });
      if (what === 'closes') break;
      await Promise.all(begun);
      expect(loader).toHaveBeenCalledOnce();
      await cache.invalidate('page');
      loader.mockClear();
    }
    expect(loader).not.toHaveBeenCalled();
  });

  it('is not stored when what it was made from was itself kept out', async () => {
    const cache = new ResponseCache<string>();
    const { load, loads } = manualLoader<string>();
    const page = cache.getOrSet(
      'page',
      async () => `made from ${await cache.getOrSet('part', load, { dependsOn: ['base'] })}`,
      { dependsOn: ['part'] },
    );
    await cache.invalidate('base');
    loads[0]!.resolve('older than the invalidation');
    await page;
    expect([await cache.get('part'), await cache.get('page')]).toEqual([undefined, undefined]);
  });

  it('is not stored when what it was made from names, at its end, a tag that was invalidated meanwhile', async () => {
    const cache = new ResponseCache<string>();
    const loadPart = (): Promise<string> =>
      cache.getOrSet('part', async ({ setOptions }) => {
        await cache.invalidateTag('t');
        setOptions({ tags: ['t'] });
        return 'older than the invalidation';
      });
    await cache.getOrSet('page', loadPart, { dependsOn: ['part'] });
    expect([await cache.get('part'), await cache.get('page')]).toEqual([undefined, undefined]);
  });

  it('is refreshed in the background, and takes what was made from it, when a soft tag finds it changed', async () => {
    const cache = new ResponseCache<string>({ staleWhileRevalidate: 1000 });
    let version = 1;
    const base = (): Promise<string> => cache.getOrSet('base', () => `v${version}`, { tags: ['t'] });
    await base();
    await cache.set('page', 'made from v1', { dependsOn: ['base'] });
    await cache.invalidateTag('t', { soft: true });
    await base();
    await settled();
    expect(await cache.get('page')).toBe('made from v1');
    version = 2;
    await cache.invalidateTag('t', { soft: true });
    expect(await base()).toBe('v1');
    await settled();
    expect([await base(), await cache.get('page')]).toEqual(['v2', undefined]);
  });
});
