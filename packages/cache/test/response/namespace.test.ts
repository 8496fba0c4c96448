import { describe, expect, it } from 'vitest';
import { ResponseCache, type CacheNamespace } from '../../src/index.ts';

describe('CacheNamespace', () => {
  it('has keys, tags and dependencies of its own', async () => {
    const cache = new ResponseCache<string>();
    const [a, b] = [cache.namespace('a'), cache.namespace('b')];
    await a.set('k', 'of a', { tags: ['t'] });
    await b.set('k', 'of b', { tags: ['t'] });
    await b.set('made of k', 'of b', { dependsOn: ['k'] });
    expect([await a.get('k'), await b.get('k'), await cache.get('k')]).toEqual(['of a', 'of b', undefined]);
    expect(a.explain('k')).toMatchObject({ state: 'fresh', tags: ['t'] });
    expect(b.explain('made of k')).toMatchObject({ dependsOn: ['k'] });
    expect(b.explain('none').state).toBe('absent');
    expect([await a.invalidateTag('t'), await b.get('k'), await a.invalidate('k')]).toEqual([1, 'of b', false]);
    await b.set('k', 'new');
    expect(await b.get('made of k')).toBeUndefined();
  });

  it("takes no name and key for another's", async () => {
    const cache = new ResponseCache<string>();
    await cache.namespace('a').set('b:k', '1');
    await cache.namespace('a:b').set('k', '2');
    await cache.namespace('').set('1:a:b:k', '3');
    const own = [cache.namespace('a').get('b:k'), cache.namespace('a:b').get('k'), cache.namespace('').get('1:a:b:k')];
    expect(await Promise.all(own)).toEqual(['1', '2', '3']);
    expect(await cache.namespace('a').get(':b:k')).toBeUndefined();
  });

  it('shows loaders and patterns its bare keys', async () => {
    const cache = new ResponseCache<string>();
    const space = cache.namespace('s');
    const load = ({ key, setOptions }: { key: string; readonly setOptions: (options: object) => void }): string => {
      setOptions({ tags: ['said'] });
      return key;
    };
    expect(await space.getOrSet('k', load)).toBe('k');
    expect(await space.getMany(['x', 'k', 'y'], (keys) => new Map(keys.map((key) => [key, `${key}!`])))).toEqual([
      'x!',
      'k',
      'y!',
    ]);
    expect(await space.getMany(['z'], (keys) => keys)).toEqual(['z']);
    await cache.namespace('other').set('x', 'stays');
    expect([await space.invalidateTag('said'), await space.invalidatePattern('?')]).toEqual([1, 3]);
    await space.set('x1', 'X');
    expect([await space.invalidatePattern(/^x\d/), await cache.namespace('other').get('x')]).toEqual([1, 'stays']);
    await space.set('k', 'K');
    expect([await space.clear(), await space.get('k'), cache.getMetrics().size]).toEqual([1, undefined, 1]);
  });

  it('removes by the prefix of its bare keys, literally', async () => {
    const cache = new ResponseCache<string>();
    const [space, other] = [cache.namespace('s'), cache.namespace('other')];
    for (const key of ['user:1', 'user:2', 'use', '*']) await space.set(key, key);
    await other.set('user:1', 'stays');
    await cache.set('user:1', 'stays');
    expect([await space.invalidatePrefix('*'), await space.invalidatePrefix('user:')]).toEqual([1, 2]);
    expect([await space.get('use'), await other.get('user:1'), await cache.get('user:1')]).toEqual([
      'use',
      'stays',
      'stays',
    ]);
    await space.set('user:12', 'late');
    expect([await space.invalidatePattern('?', { prefix: 'user:' }), await space.get('user:12')]).toEqual([0, 'late']);
  });

  it('lets a loader say its options in several calls', async () => {
    const cache = new ResponseCache<string>();
    const space = cache.namespace('s');
    await space.getOrSet('k', ({ setOptions }) => {
      setOptions({ tags: ['t'] });
      setOptions({ ttl: 50 });
      return 'v';
    });
    expect(space.explain('k')).toMatchObject({ state: 'fresh', tags: ['t'] });
  });

  it.each<[what: string, call: (space: CacheNamespace<string>) => unknown, message: RegExp]>([
    ['a key that is a number', (space) => space.get(1 as unknown as string), /the key, tag or prefix must be a string/],
    ['keys that are one string', (space) => space.getMany('ab' as unknown as string[]), /keys must be an array/],
    ['a loader that is none', (space) => space.getOrSet('k', 5 as never), /loader must be a function/],
    ['a loader of many that is none', (space) => space.getMany(['k'], 5 as never), /loadMissing must be a function/],
    ['tags that are one string', (space) => space.set('k', 'v', { tags: 't' as never }), /tags must be an array/],
    [
      'a dependsOn that is one string',
      (space) => space.set('k', 'v', { dependsOn: 'a' as never }),
      /dependsOn must be/,
    ],
    ['options that are null', (space) => space.set('k', 'v', null as never), /the options must be an object/],
    [
      'options of a pattern that are null',
      (space) => space.invalidatePattern('*', null as never),
      /the options must be/,
    ],
  ])('throws at once for %s', (_what, call, message) => {
    const space = new ResponseCache<string>().namespace('s');
    expect(() => call(space)).toThrow(TypeError);
    expect(() => call(space)).toThrow(message);
  });
});
