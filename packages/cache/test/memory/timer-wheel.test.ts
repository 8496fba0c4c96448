import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TimerWheel } from '../../src/memory/timer-wheel.ts';

/** A wheel that asks a list of times. */
function wheelOf(tick: number): { wheel: TimerWheel; times: Map<number, number> } {
  const times = new Map<number, number>();
  return { wheel: new TimerWheel(tick, (slot) => times.get(slot)!), times };
}

/** Turns the wheel to its end and returns what it visited. */
function due(wheel: TimerWheel, now: number): number[] {
  const slots: number[] = [];
  wheel.advance(now, Infinity, (slot) => slots.push(slot));
  return slots;
}

describe('TimerWheel', () => {
  it.each([0, 1, 255, 256, 257, 16_383, 16_384, 16_640, 1_048_575, 1_048_576, 67_108_863, 67_108_864, 1e9])(
    'visits a slot at the first tick after its time when that is %d ticks ahead',
    (ticks) => {
      const { wheel, times } = wheelOf(10);
      times.set(1, 1003 + ticks * 10);
      expect(wheel.schedule(1, 1003)).toBe(1010 + ticks * 10);
      expect(due(wheel, 1002 + ticks * 10)).toEqual([]);
      expect(due(wheel, 1010 + ticks * 10)).toEqual([1]);
      expect([wheel.scheduled, due(wheel, 1e12)]).toEqual([0, []]);
    },
  );

  it('catches up in one call with all that time has passed over', () => {
    const { wheel, times } = wheelOf(1);
    for (let slot = 1; slot <= 100; slot++) {
      times.set(slot, slot ** 4);
      wheel.schedule(slot, 0);
    }
    expect(due(wheel, 100 ** 4).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 100 }, (_, index) => index + 1),
    );
  });

  it('visits no slot that was cancelled, and one that was scheduled again at its last time alone', () => {
    const { wheel, times } = wheelOf(1);
    for (const slot of [1, 2, 3]) {
      times.set(slot, 5);
      wheel.schedule(slot, 0);
    }
    wheel.cancel(2);
    wheel.cancel(2);
    wheel.cancel(99);
    times.set(3, 500);
    wheel.schedule(3, 0);
    expect([wheel.scheduled, due(wheel, 499), due(wheel, 500)]).toEqual([2, [1], [3]]);
  });

  it('files a slot again when its time has moved on', () => {
    const { wheel, times } = wheelOf(1);
    times.set(1, 5);
    wheel.schedule(1, 0);
    times.set(1, 900);
    expect([due(wheel, 5), due(wheel, 899)]).toEqual([[], []]);
    // Into the bucket that it comes from, one time round later.
    times.set(1, 900 + 256);
    expect([due(wheel, 900), due(wheel, 1155), due(wheel, 1156)]).toEqual([[], [], [1]]);
  });

  it('takes up where its limit cut it off, in the middle of a tick and of a level', () => {
    const { wheel, times } = wheelOf(1);
    const add = (slot: number, at: number, now: number): void => {
      times.set(slot, at);
      wheel.schedule(slot, now);
    };
    for (let slot = 1; slot <= 1000; slot++) add(slot, 300, 0);
    for (let slot = 1001; slot <= 2000; slot++) add(slot, 310, 0);
    const visited = new Set<number>();
    let calls = 0;
    while (!wheel.advance(300, 64, (slot) => visited.add(slot))) {
      calls++;
      // What comes in between is not lost, nor visited too soon.
      add(2000 + calls, 400, 300);
    }
    expect([visited.size, calls > 20, wheel.scheduled]).toEqual([1000, true, 1000 + calls]);
    expect([due(wheel, 309).length, due(wheel, 399).length, due(wheel, 400).length]).toEqual([0, 1000, calls]);
  });

  it('says when it has something to do, and nothing before', () => {
    const { wheel, times } = wheelOf(10);
    expect(wheel.nextAt()).toBe(Infinity);
    times.set(1, 99_995);
    expect(wheel.schedule(1, 0)).toBe(100_000);
    const wakes: number[] = [];
    while (wheel.scheduled > 0) {
      wakes.push(wheel.nextAt());
      due(wheel, wheel.nextAt());
    }
    expect(wakes.at(-1)).toBe(100_000);
    expect(wakes.length).toBeLessThanOrEqual(4);
  });

  it('does what a list of times does', () => {
    const time = fc.oneof(fc.integer({ min: 0, max: 600 }), fc.integer({ min: 0, max: 3_000_000 }));
    const step = fc.oneof(
      fc.record({ do: fc.constant('schedule' as const), slot: fc.integer({ min: 1, max: 12 }), ahead: time }),
      fc.record({ do: fc.constant('move' as const), slot: fc.integer({ min: 1, max: 12 }), ahead: time }),
      fc.record({ do: fc.constant('cancel' as const), slot: fc.integer({ min: 1, max: 12 }) }),
      fc.record({ do: fc.constant('wait' as const), time, limit: fc.integer({ min: 1, max: 8 }) }),
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 7 }), fc.array(step, { maxLength: 60 }), (tick, steps) => {
        const { wheel, times } = wheelOf(tick);
        let now = 12_345;
        for (const each of steps) {
          if (each.do === 'schedule') {
            times.set(each.slot, now + each.ahead);
            wheel.schedule(each.slot, now);
          } else if (each.do === 'move') {
            const at = times.get(each.slot);
            if (at !== undefined) times.set(each.slot, at + each.ahead);
          } else if (each.do === 'cancel') {
            wheel.cancel(each.slot);
            times.delete(each.slot);
          } else {
            now += each.time;
            const visited = new Set<number>();
            while (!wheel.advance(now, each.limit, (slot) => visited.add(slot)));
            for (const [slot, at] of times) {
              // In the tick that is not over yet, it may come or not.
              const tickIsOver = Math.ceil(at / tick) * tick <= now && at < now - tick;
              if (tickIsOver) expect(visited).toContain(slot);
              if (at > now) expect(visited).not.toContain(slot);
            }
            for (const slot of visited) expect(times.delete(slot)).toBe(true);
          }
          expect(wheel.scheduled).toBe(times.size);
          const earliest = Math.min(...times.values());
          expect(wheel.nextAt()).toBeLessThanOrEqual(Math.ceil(Math.max(earliest, now + 1) / tick) * tick);
        }
      }),
      { numRuns: 300 },
    );
  });
});
