import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Doubts } from '../../../src/response/entries/doubts.ts';
import type { Entry } from '../../../src/response/entries/entry.ts';
import { InvalidationLog, Marks } from '../../../src/response/entries/invalidation-log.ts';

describe('InvalidationLog', () => {
  it('knows when a tag was first invalidated after a place', () => {
    const tag = fc.constantFrom('a', 'b', 'c');
    fc.assert(
      fc.property(fc.array(tag, { maxLength: 15 }), fc.nat(16), fc.uniqueArray(tag), (tags, place, asked) => {
        const log = new InvalidationLog();
        tags.forEach((each, i) => log.add(each, { sequence: i + 1, at: 10 * i }));
        const first = tags.findIndex((each, i) => i + 1 > place && asked.includes(each));
        expect(log.since(place, asked)).toBe(first < 0 ? undefined : 10 * first);
      }),
    );
  });

  it('beyond its bound forgets the oldest tag, whose invalidation becomes one of every tag', () => {
    const log = new InvalidationLog();
    for (let i = 0; i < 10_000; i++) log.add(`${i}`, { sequence: i + 1, at: i });
    log.add('0', { sequence: 10_001, at: 10_000 });
    expect(log.since(0, ['other'])).toBeUndefined();
    log.add('new', { sequence: 10_002, at: 10_001 });
    expect([log.since(0, ['other']), log.since(1, ['other']), log.since(2, ['other'])]).toEqual([1, 1, undefined]);
    expect([log.since(0, []), log.since(0, ['5']), log.since(5000, ['0'])]).toEqual([undefined, 1, 10_000]);
    log.clear();
    expect([log.since(0, ['other']), log.isEmpty]).toEqual([undefined, true]);
  });
});

describe('Marks', () => {
  it('makes things seem older than they are, and never younger, when there are more than it keeps', () => {
    fc.assert(
      fc.property(fc.nat(60), fc.nat(60), (count, place) => {
        const marks = new Marks();
        for (let i = 1; i <= count; i++) marks.add({ sequence: i, at: i });
        const first = marks.after(place);
        expect(first === undefined).toBe(place >= count);
        expect(first?.at ?? 0).toBeLessThanOrEqual(place + 1);
        if (place >= count - 14 && place < count) expect(first!.at).toBe(place + 1);
      }),
    );
  });
});

describe('Doubts', () => {
  const entry = (checkedAt: number, tags: string[] = []): Entry =>
    ({ checkedAt, freshUntil: 1000, tags }) as unknown as Entry;

  it('makes stale what was checked before a suspicion, since the first that came after it', () => {
    const doubts = new Doubts();
    expect([doubts.freshUntil(entry(0)), doubts.isSuspect(entry(0))]).toEqual([1000, false]);
    doubts.suspect({ sequence: 5, at: 50 });
    doubts.suspect({ sequence: 8, at: 80 });
    const checks = [0, 4, 5, 7, 8].map((at) => [doubts.freshUntil(entry(at)), doubts.isSuspect(entry(at))]);
    expect(checks).toEqual([
      [50, true],
      [50, true],
      [80, true],
      [80, true],
      [1000, false],
    ]);
  });

  it('takes the earlier of a suspicion and a softened tag', () => {
    const doubts = new Doubts();
    doubts.soften('t', { sequence: 3, at: 30 });
    doubts.suspect({ sequence: 5, at: 50 });
    expect([
      doubts.freshUntil(entry(0, ['t'])),
      doubts.freshUntil(entry(3, ['t'])),
      doubts.freshUntil(entry(0)),
    ]).toEqual([30, 50, 50]);
  });
});
