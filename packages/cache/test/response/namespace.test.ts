import { describe, expect, it } from 'vitest';
import { ResponseCache } from '../../src/index.ts';

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
});
