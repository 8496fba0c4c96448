import { getEventListeners } from 'node:events';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { ResponseCache } from '../../src/index.ts';
import { composite, contentEtag, Fragments, leaf, type Fragment } from '../../src/partial/index.ts';

/** A page of two levels, and what was loaded and rendered for it. */
function setUp() {
  let now = 0;
  const done: string[] = [];
  const data: Record<string, unknown> = { a: 1, b: 'two', c: [3] };
  const part = (key: string, ttl?: number) =>
    leaf({
      key,
      ttl,
      load: () => {
        done.push(key);
        return data[key];
      },
    });
  const [a, b, c] = [part('a', 10), part('b', 100), part('c')];
  const inner = composite({
    key: 'inner',
    children: { a, b },
    render: (parts) => {
      done.push('inner');
      return `${String(parts.a)}+${String(parts.b)}`;
    },
  });
  const outer = composite({
    key: 'outer',
    children: { inner, c, again: a },
    render: ({ inner: rendered, c: last, again }) => {
      done.push('outer');
      return [rendered, last, again];
    },
  });
  const cache = new ResponseCache({ clock: { now: () => now } });
  const fragments = new Fragments({ cache, name: 'page' });
  const take = (): string[] => done.splice(0).sort();
  return { a, b, c, inner, outer, data, cache, fragments, take, wait: (ms: number) => (now += ms) };
}

describe('Fragments', () => {
  it('loads each leaf once and renders from the inside', async () => {
    const { fragments, outer, take } = setUp();
    const answers = await Promise.all([fragments.answer(outer), fragments.answer(outer)]);
    expect(answers[0]).toEqual({ kind: 'full', etag: answers[1].etag, value: ['1+two', [3], 1] });
    expect(take()).toEqual(['a', 'b', 'c', 'inner', 'outer']);
    await fragments.answer(outer);
    expect(take()).toEqual([]);
  });

  it('loads the child alone whose ttl is over, and renders nothing when it is as it was', async () => {
    const { fragments, outer, take, wait } = setUp();
    await fragments.answer(outer);
    take();
    wait(10);
    await fragments.answer(outer);
    expect(take()).toEqual(['a']);
  });

  it('renders again only what lies above the change', async () => {
    const { fragments, outer, c, data, take } = setUp();
    const { etag } = await fragments.answer(outer);
    take();
    data['c'] = [4];
    await fragments.invalidate(c);
    const answer = await fragments.answer(outer, { ifNoneMatch: etag });
    expect(answer).toMatchObject({ kind: 'full', value: ['1+two', [4], 1] });
    expect(answer.etag).not.toBe(etag);
    expect(take()).toEqual(['c', 'outer']);
  });

  it('has the old tag, and the old rendering, when the old content comes back', async () => {
    const { fragments, outer, c, data, take } = setUp();
    const { etag } = await fragments.answer(outer);
    data['c'] = [4];
    await fragments.invalidate(c);
    await fragments.answer(outer);
    data['c'] = [3];
    await fragments.invalidate(c);
    take();
    expect((await fragments.answer(outer)).etag).toBe(etag);
    expect(take()).toEqual(['c']);
  });

  it('answers unchanged without rendering', async () => {
    const { fragments, outer, take, cache } = setUp();
    const { etag } = await fragments.answer(outer);
    await cache.clear();
    take();
    expect(await fragments.answer(outer, { ifNoneMatch: etag })).toEqual({ kind: 'unchanged', etag });
    expect(take()).toEqual(['a', 'b', 'c']);
  });

  it('invalidates every leaf below a composite', async () => {
    const { fragments, outer, inner, take } = setUp();
    await fragments.answer(outer);
    take();
    await fragments.invalidate(inner);
    await fragments.answer(outer);
    expect(take()).toEqual(['a', 'b']);
  });

  it('never shows content again that was loaded before an invalidation', async () => {
    const { fragments } = setUp();
    const answers: ((value: string) => void)[] = [];
    const slow = leaf({ key: 'slow', load: () => new Promise<string>((resolve) => answers.push(resolve)) });
    const page = composite({ key: 'slow', children: { slow }, render: (parts) => parts.slow });
    const before = fragments.answer(page);
    await Promise.resolve();
    await fragments.invalidate(page);
    const after = fragments.answer(page);
    answers[1]!('new');
    answers[0]!('old');
    expect([await before, await after]).toMatchObject([{ value: 'old' }, { value: 'new' }]);
    expect(await fragments.answer(page)).toMatchObject({ value: 'new' });
  });

  it('tells composites apart by key, version, names and children', async () => {
    const { fragments, a, b } = setUp();
    const render = (): string => '';
    const variants = [
      composite({ key: 'x', children: { a }, render }),
      composite({ key: 'y', children: { a }, render }),
      composite({ key: 'x', children: { a }, render, version: '2' }),
      composite({ key: 'x', children: { b: a }, render }),
      composite({ key: 'x', children: { a: b }, render }),
      composite({ key: 'x', children: { a, b }, render }),
      composite({ key: 'x', children: {}, render }),
    ];
    const etags = await Promise.all(variants.map(async (variant) => (await fragments.answer(variant)).etag));
    expect(new Set(etags).size).toBe(variants.length);
  });

  it('resolves a part that stands in many places once, however deep', async () => {
    const { fragments, a } = setUp();
    let page: Fragment<unknown> = a;
    for (let depth = 0; depth < 40; depth++) {
      const children: Record<'left' | 'right', Fragment<unknown>> = { left: page, right: page };
      page = composite({ key: `${depth}`, children, render: (parts) => parts.left });
    }
    expect(await fragments.answer(page)).toMatchObject({ value: 1 });
    await fragments.invalidate(page);
  });

  it('rejects with the failure of a leaf, and loads it again', async () => {
    const { fragments, a } = setUp();
    let fails = true;
    const load = (): string => {
      if (fails) throw new Error('down');
      return 'up';
    };
    const page = composite({ key: 'p', children: { a, bad: leaf({ key: 'bad', load }) }, render: ({ bad }) => bad });
    await expect(fragments.answer(page)).rejects.toThrow('down');
    fails = false;
    expect(await fragments.answer(page)).toMatchObject({ value: 'up' });
  });

  it('aborts the loads of who leaves', async () => {
    const { fragments } = setUp();
    const abort = new AbortController();
    let heard: AbortSignal | undefined;
    const load = ({ signal }: { signal: AbortSignal }) => {
      heard = signal;
      return new Promise<never>(() => {});
    };
    const page = composite({ key: 'p', children: { never: leaf({ key: 'never', load }) }, render: () => '' });
    const answer = fragments.answer(page, { signal: abort.signal });
    await Promise.resolve();
    abort.abort('gone');
    await expect(answer).rejects.toBe('gone');
    expect(heard!.reason).toBe('gone');
    expect(getEventListeners(abort.signal, 'abort')).toEqual([]);
  });

  it('knows the types of the parts', () => {
    const { fragments } = setUp();
    const count = leaf({ key: 'n', load: () => Promise.resolve(7), ttl: (value) => value });
    const page = composite({
      key: 'p',
      children: { count, list: leaf({ key: 'l', load: () => ['x'] }) },
      render: (parts) => {
        expectTypeOf(parts).toEqualTypeOf<{ readonly count: number; readonly list: string[] }>();
        return parts.list.length === parts.count;
      },
    });
    expectTypeOf(fragments.answer(page)).resolves.extract<{ kind: 'full' }>().toHaveProperty('value').toBeBoolean();
  });
});

describe('new Fragments', () => {
  it('tags all that it stores with its name', async () => {
    const { fragments, outer, cache, take } = setUp();
    await fragments.answer(outer);
    take();
    expect(await cache.invalidateTag('page')).toBe(5);
    await fragments.answer(outer);
    expect(take()).toEqual(['a', 'b', 'c', 'inner', 'outer']);
  });

  it.each([[undefined], [{}], [{ cache: new ResponseCache() }], [{ name: 'x' }]])(
    'throws a TypeError for %o',
    (wrong) => {
      expect(() => new Fragments(wrong as never)).toThrow(TypeError);
    },
  );
});

describe('contentEtag', () => {
  it('tells apart what differs in content or in kind', () => {
    const values = [
      '1',
      1,
      '"1"',
      [1],
      { a: 1 },
      { a: '1' },
      null,
      '',
      '\udfff',
      '\ufffd',
      new Uint8Array(),
      new Uint8Array([49]),
      '\ud800',
      'a',
    ];
    expect(new Set(values.map(contentEtag)).size).toBe(values.length);
    expect(contentEtag({ a: [1] })).toBe(contentEtag({ a: [1] }));
    expect(contentEtag('x')).toMatch(/^"[\w-]{22}"$/);
  });

  it.each([[undefined], [() => 1], [Symbol('x')]])('refuses %o', (value) => {
    expect(() => contentEtag(value)).toThrow(TypeError);
  });
});
