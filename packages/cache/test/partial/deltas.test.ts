import { describe, expect, it } from 'vitest';
import { MemoryCache } from '../../src/index.ts';
import { Deltas } from '../../src/partial/index.ts';

const long = (n: number): Record<string, unknown> => ({ n, text: 'x'.repeat(200) });

function setUp(maxBytes = 2 ** 20) {
  const cache = new MemoryCache({ maxBytes });
  return { cache, deltas: new Deltas({ cache, name: 'd' }) };
}

describe('Deltas', () => {
  it('answers in full, unchanged or with the patch', () => {
    const { deltas } = setUp();
    const { etag } = deltas.answer('k', long(1));
    expect(deltas.answer('k', long(1))).toEqual({ kind: 'full', etag, body: JSON.stringify(long(1)) });
    expect(deltas.answer('k', long(1), etag)).toEqual({ kind: 'unchanged', etag });
    expect(deltas.answer('k', long(2), etag)).toMatchObject({ kind: 'patch', base: etag, body: '{"n":2}' });
  });

  it('reaches back several versions, and from one key to no other', () => {
    const { deltas } = setUp();
    const etags = [1, 2, 3].map((n) => deltas.answer('k', long(n)).etag);
    expect(etags.map((etag) => deltas.answer('k', long(4), etag).kind)).toEqual(['patch', 'patch', 'patch']);
    expect(deltas.answer('other', long(4), etags[0]).kind).toBe('full');
  });

  it('answers in full when no patch can say it or the patch is no shorter', () => {
    const { deltas } = setUp();
    const { etag } = deltas.answer('k', { a: 1, b: 'x'.repeat(200) });
    expect(deltas.answer('k', { a: null, b: 'x'.repeat(200) }, etag).kind).toBe('full');
    expect(deltas.answer('k', { c: 1 }, etag).kind).toBe('full');
    // The answer that was not worth a patch is remembered as such.
    expect(deltas.answer('k', { c: 1 }, etag).kind).toBe('full');
  });

  it('compares bytes, not characters', () => {
    const { deltas } = setUp();
    const kept = 'x'.repeat(20);
    const { etag } = deltas.answer('k', { ['€'.repeat(10)]: 1, kept });
    // The patch has 19 characters in 39 bytes, the whole has 31 of both.
    expect(deltas.answer('k', { kept }, etag).kind).toBe('full');
  });

  it.each(['', '"unknown"', '*', '__proto__', 'x'.repeat(2 ** 20)])('answers in full for the tag %.20s', (base) => {
    const { deltas } = setUp();
    deltas.answer('k', long(1));
    expect(deltas.answer('k', long(2), base).kind).toBe('full');
  });

  it('is not reached by a later change of the object', () => {
    const { deltas } = setUp();
    const value = long(1);
    const { etag } = deltas.answer('k', value);
    value['n'] = 2;
    expect(deltas.answer('k', value, etag)).toMatchObject({ kind: 'patch', body: '{"n":2}' });
  });

  it('computes the patch between two versions once', () => {
    const { deltas, cache } = setUp();
    const { etag } = deltas.answer('k', long(1));
    deltas.answer('k', long(2), etag);
    const { size } = cache;
    deltas.answer('k', long(2), etag);
    expect(cache.size).toBe(size);
    const patch = [...cache.entries()].find(({ key }) => key.startsWith('"d":patch:'));
    cache.set(patch!.key, '{"kept":1}');
    expect(deltas.answer('k', long(2), etag)).toMatchObject({ body: '{"kept":1}' });
  });

  it('holds no more than the cache allows', () => {
    const { deltas, cache } = setUp(4000);
    const first = deltas.answer('k', long(0)).etag;
    for (let n = 1; n < 50; n++) deltas.answer('k', long(n));
    expect(cache.bytes).toBeLessThanOrEqual(4000);
    expect(deltas.answer('k', long(50), first).kind).toBe('full');
  });

  it('compares nothing above 1 MiB', () => {
    const { deltas, cache } = setUp(2 ** 24);
    const big = { text: 'x'.repeat(2 ** 20) };
    const { etag } = deltas.answer('k', { ...big, n: 1 });
    expect(deltas.answer('k', { ...big, n: 2 }, etag).kind).toBe('full');
    expect(cache.size).toBe(0);
  });

  it('throws for what has no JSON form', () => {
    const { deltas } = setUp();
    expect(() => deltas.answer('k', undefined)).toThrow(TypeError);
    expect(() => deltas.answer('k', 1, 1 as unknown as string)).toThrow(TypeError);
  });
});
