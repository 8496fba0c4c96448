import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { frameText, itemTexts, parseFrame } from '../../src/tiers/frame.ts';
import type { Invalidation } from '../../src/tiers/store.ts';

const head = { node: 'a', epoch: 'b', seq: 1, isEnd: false };

const text = fc.string({ unit: 'binary', maxLength: 20 });
const invalidation: fc.Arbitrary<Invalidation> = fc.oneof(
  fc.record({ kind: fc.constant('key' as const), key: text }),
  fc.record({ kind: fc.constant('tag' as const), tag: text }),
  fc.record({ kind: fc.constant('tag' as const), tag: text, soft: fc.constant(true) }),
  fc.record({ kind: fc.constant('pattern' as const), prefix: text, glob: text }),
  fc.constant({ kind: 'all' as const }),
);

function reread(invalidations: readonly Invalidation[]): readonly (Invalidation | undefined)[] {
  return [...itemTexts(invalidations)].flatMap((items): readonly (Invalidation | undefined)[] => {
    if (items === undefined) return [undefined];
    const frame = parseFrame(frameText(head, items));
    if (frame === undefined || frame === 'foreign') throw new Error('Unreadable');
    return frame.items;
  });
}

describe('parseFrame', () => {
  it('reads what frameText wrote, whatever the strings', () => {
    fc.assert(
      fc.property(fc.array(invalidation), (invalidations) => {
        expect(reread(invalidations)).toEqual(invalidations);
      }),
    );
    const lone: Invalidation[] = [
      { kind: 'key', key: 'a\ud800' },
      { kind: 'key', key: '__proto__' },
    ];
    expect(reread(lone)).toEqual(lone);
  });

  it('reads a sign of life and an end', () => {
    expect(parseFrame(frameText(head, ''))).toEqual({ ...head, items: [] });
    expect(parseFrame(frameText({ ...head, isEnd: true }, ''))).toMatchObject({ isEnd: true });
  });

  it('takes the frames of another version for foreign', () => {
    expect(parseFrame('{"v":2,"anything":[]}')).toBe('foreign');
  });

  it.each<[string, unknown]>([
    ['nothing', ''],
    ['no text', Buffer.from('{}')],
    ['no JSON', '{"v":1'],
    ['no object', '1'],
    ['null', 'null'],
    ['no version', '{}'],
    ['no node', '{"v":1,"epoch":"e","seq":1,"items":[]}'],
    ['a long name', JSON.stringify({ v: 1, node: 'n'.repeat(201), epoch: 'e', seq: 1, items: [] })],
    ['a negative number', '{"v":1,"node":"n","epoch":"e","seq":-1,"items":[]}'],
    ['a number that is not exact', '{"v":1,"node":"n","epoch":"e","seq":1e300,"items":[]}'],
    ['no items', '{"v":1,"node":"n","epoch":"e","seq":1}'],
    ['items that are none', '{"v":1,"node":"n","epoch":"e","seq":1,"items":{"length":1}}'],
    ['an unknown item', '{"v":1,"node":"n","epoch":"e","seq":1,"items":[{"kind":"key","key":"k"},{"kind":"other"}]}'],
    ['an item without its text', '{"v":1,"node":"n","epoch":"e","seq":1,"items":[{"kind":"key","tag":"k"}]}'],
    ['a null item', '{"v":1,"node":"n","epoch":"e","seq":1,"items":[null]}'],
    ['a long text', frameText(head, JSON.stringify({ kind: 'key', key: 'x'.repeat(1 << 16) }))],
  ])('finds no frame in %s', (_, input) => {
    expect(parseFrame(input)).toBeUndefined();
  });

  it('takes nothing from a frame but what it knows', () => {
    const item = '{"kind":"key","key":"k","soft":true,"__proto__":{"polluted":true}}';
    const frame = parseFrame(frameText(head, item));
    expect(frame).toStrictEqual({ ...head, items: [{ kind: 'key', key: 'k' }] });
  });
});

describe('itemTexts', () => {
  it('splits what does not fit one frame, and leaves nothing out', () => {
    const invalidations = Array.from({ length: 5_000 }, (_, index) => ({ kind: 'key', key: `key:${index}` }) as const);
    expect([...itemTexts(invalidations)].length).toBeGreaterThan(2);
    expect(reread(invalidations)).toEqual(invalidations);
  });

  it.each(['x'.repeat(1 << 20), '\ud800'.repeat(20_000)])('gives undefined for what fits no frame', (long) => {
    const short = { kind: 'key', key: 'short' } as const;
    expect(reread([short, { kind: 'tag', tag: long }, short]).filter((each) => each !== undefined)).toHaveLength(2);
    expect([...itemTexts([{ kind: 'pattern', prefix: long, glob: '' }])]).toEqual([undefined]);
  });
});
