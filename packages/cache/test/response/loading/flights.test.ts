import { describe, expect, it } from 'vitest';
import { dependencyTag } from '../../../src/response/entries/dependents.ts';
import { Flights } from '../../../src/response/loading/flights.ts';

describe('Flights', () => {
  it('gives callers the load that runs until it is concluded, fenced or ended', () => {
    const flights = new Flights<number>();
    expect(flights.joinable('a', [])).toBeUndefined();
    const flight = flights.begin('a');
    expect([flights.joinable('a', []), flights.joinable('b', [])]).toEqual([flight, undefined]);
    flights.conclude(flight);
    expect([flights.joinable('a', []), flights.pending, flights.isRunning(flight)]).toEqual([undefined, 1, true]);
    flights.end(flight);
    flights.end(flight);
    expect([flights.pending, flights.isRunning(flight), flights.mayStore(flight, [])]).toEqual([0, false, false]);
  });

  it('lets a load that is concluded stand aside for the next, and keeps its hands off that', () => {
    const flights = new Flights<number>();
    const first = flights.begin('a');
    flights.conclude(first);
    const second = flights.begin('a');
    flights.end(first);
    expect(flights.joinable('a', [])).toBe(second);
  });

  it('fences by key what is joined and what is watched', () => {
    const flights = new Flights<number>();
    const all = [flights.begin('a'), flights.watch('a'), flights.watch('a'), flights.watch('b')];
    expect([flights.concerns('a'), flights.concerns('b'), flights.isLoading('b')]).toEqual([true, true, false]);
    flights.fenceKey('a');
    expect(all.map((flight) => flights.mayStore(flight, []))).toEqual([false, false, false, true]);
    for (const flight of all) flights.end(flight);
    expect([flights.concerns('a'), flights.concerns('b')]).toEqual([false, false]);
  });

  it('fences by tag whoever began before, whenever the tag becomes known', () => {
    const flights = new Flights<number>();
    const before = flights.begin('a');
    flights.addTags(before, ['t']);
    flights.fenceTag('t');
    const after = flights.begin('b');
    expect([flights.mayStore(before, []), flights.mayStore(after, ['t']), flights.joinable('a', [])]).toEqual([
      false,
      true,
      undefined,
    ]);
    const untold = flights.begin('c');
    flights.fenceTag('u');
    expect([flights.mayStore(untold, []), flights.mayStore(untold, ['u'])]).toEqual([true, false]);
    expect([flights.joinable('c', ['t']), flights.joinable('c', ['u'])]).toEqual([untold, undefined]);
  });

  it('fences with a load whatever is being made from what it will bring', () => {
    const flights = new Flights<number>();
    const [part, page, other] = [flights.begin('part'), flights.begin('page'), flights.begin('other')];
    flights.addTags(part, [dependencyTag('base')]);
    flights.addTags(page, [dependencyTag('part')]);
    flights.begin('base');
    flights.fenceKey('base');
    expect([part, page, other].map(({ isFenced }) => isFenced)).toEqual([true, true, false]);
    for (const flight of [part, page, other]) flights.end(flight);
    expect([flights.hasTag(dependencyTag('part')), flights.hasTag(dependencyTag('base'))]).toEqual([false, false]);
  });

  it('fences by a test the keys, and what depends on them, and forgets safely', () => {
    const flights = new Flights<number>();
    const [hit, missed] = [flights.begin('x:1'), flights.begin('a')];
    flights.fenceMatching((key) => key.startsWith('x:'));
    const made = [dependencyTag('x:2')];
    expect([hit.isFenced, flights.mayStore(missed, []), flights.mayStore(missed, made)]).toEqual([true, true, false]);
    expect(flights.mayStore(missed, [dependencyTag('y')])).toBe(true);
    expect(flights.mayStore(flights.begin('b'), made)).toBe(true);
    for (let i = 0; i < 16; i++) flights.fenceMatching(() => false);
    expect([flights.mayStore(missed, []), flights.mayStore(missed, [dependencyTag('y')])]).toEqual([true, false]);
  });

  it('forgets what was invalidated when nothing runs any more', async () => {
    const flights = new Flights<number>();
    const flight = flights.begin('a');
    flights.fenceTag('t');
    const idle = flights.idle();
    flights.end(flight);
    await idle;
    const next = flights.begin('a');
    expect(flights.mayStore(next, ['t'])).toBe(true);
    flights.end(next);
    await flights.idle();
  });
});
