import { describe, expect, it } from 'vitest';
import { Outbox } from '../../src/tiers/outbox.ts';
import type { Invalidation } from '../../src/tiers/store.ts';

const key = (text: string): Invalidation => ({ kind: 'key', key: text });
const tag = (text: string, soft = false): Invalidation => ({ kind: 'tag', tag: text, soft });
const pattern = (prefix: string, glob: string): Invalidation => ({ kind: 'pattern', prefix, glob });
const contents = (outbox: Outbox): readonly Invalidation[] =>
  outbox.take(Infinity).map(({ invalidation }) => invalidation);

describe('Outbox', () => {
  it('keeps what comes in order, each once', () => {
    const outbox = new Outbox();
    for (const each of [key('b'), tag('b'), key('a'), key('b'), tag('b')]) outbox.add(each);
    expect(contents(outbox)).toEqual([key('b'), tag('b'), key('a')]);
  });

  it('keeps apart what only looks alike', () => {
    const outbox = new Outbox();
    const all = [
      key('a'),
      tag('a'),
      tag('a', true),
      pattern('a', ''),
      pattern('', 'a'),
      key('all'),
      pattern('1 a', ''),
    ];
    for (const each of all) outbox.add(each);
    expect(contents(outbox)).toEqual(all);
  });

  it('add puts what is in flight behind, for it is to be sent again', () => {
    const outbox = new Outbox();
    outbox.add(key('a'));
    outbox.add(key('b'));
    const batch = outbox.take(1);
    expect(outbox.add(key('a'))).toBe(3);
    outbox.confirm(batch);
    expect(outbox.concerns('a', [])).toBe(true);
    expect(contents(outbox)).toEqual([key('b'), key('a')]);
  });

  it('add gives the number of the one that has not been sent yet', () => {
    const outbox = new Outbox();
    expect([outbox.add(key('a')), outbox.add(key('b')), outbox.add(key('a'))]).toEqual([1, 2, 1]);
  });

  it('add of all stands for what waits and for what comes, until it is in flight', () => {
    const outbox = new Outbox();
    outbox.add(key('a'));
    outbox.add(pattern('', '*'));
    expect(outbox.add({ kind: 'all' })).toBe(3);
    expect(outbox.add(key('b'))).toBe(3);
    expect(outbox.take(Infinity).map(({ invalidation }) => invalidation)).toEqual([{ kind: 'all' }]);
    expect(outbox.add(key('b'))).toBe(4);
  });

  it('confirm removes the batch, fail leaves it in its place', () => {
    const outbox = new Outbox();
    for (const text of ['a', 'b', 'c']) outbox.add(key(text));
    outbox.fail(outbox.take(2));
    expect(outbox.add(key('a'))).toBe(1);
    outbox.confirm(outbox.take(2));
    expect(contents(outbox)).toEqual([key('c')]);
  });

  it.each<[Invalidation, string, readonly string[], boolean]>([
    [key('a'), 'a', [], true],
    [key('a'), 'b', ['a'], false],
    [tag('a'), 'a', [], false],
    [tag('a'), 'b', ['x', 'a'], true],
    [tag('a', true), 'b', ['a'], true],
    [pattern('u:', '?'), 'u:1', [], true],
    [pattern('u*', '?'), 'u:1', [], false],
    [{ kind: 'all' }, 'x', [], true],
  ])('concerns with %j: %j with the tags %j is %s', (invalidation, text, tags, expected) => {
    const outbox = new Outbox();
    outbox.add(invalidation);
    expect(outbox.concerns(text, tags)).toBe(expected);
    const batch = outbox.take(1);
    expect(outbox.concerns(text, tags)).toBe(expected);
    outbox.confirm(batch);
    expect(outbox.concerns(text, tags)).toBe(false);
  });

  it.each<[string, number, (index: number) => Invalidation]>([
    ['too many', 10_001, (index) => key(`${index}`)],
    ['too many patterns', 101, (index) => pattern(`${index}`, '*')],
    ['too long ones', 5, (index) => tag(`${index}${'x'.repeat(1 << 20)}`)],
  ])('becomes one all of %s', (_, count, make) => {
    const outbox = new Outbox();
    for (let index = 0; index < count; index++) outbox.add(make(index));
    expect(outbox.collapsed).toBeGreaterThan(count / 2);
    expect(outbox.concerns('anything', [])).toBe(true);
    expect(contents(outbox)).toEqual([{ kind: 'all' }]);
  });

  it('counts no text twice when it is sent again', () => {
    const outbox = new Outbox();
    for (let round = 0; round < 100; round++) {
      outbox.add(key('x'.repeat(1 << 20)));
      outbox.confirm(outbox.take(1));
    }
    expect(outbox).toMatchObject({ size: 0, collapsed: 0 });
  });
});
