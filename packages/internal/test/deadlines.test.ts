import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Deadlines, monotonic, type Deadline } from '../src/index.ts';

describe('Deadlines', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('fires in order of time, whatever the order of adding', () => {
    const fired: string[] = [];
    const deadlines = new Deadlines<string>(monotonic, (item) => fired.push(item));
    const start = monotonic.now();
    deadlines.add('late', start + 30);
    deadlines.add('early', start + 10);
    deadlines.add('middle', start + 20);
    vi.advanceTimersByTime(25);
    expect(fired).toEqual(['early', 'middle']);
    vi.advanceTimersByTime(5);
    expect(fired).toEqual(['early', 'middle', 'late']);
  });

  it('holds one timer for any number of deadlines, and none when the last is removed', () => {
    const deadlines = new Deadlines<number>(monotonic, () => {});
    const all = Array.from({ length: 100 }, (_, index) => deadlines.add(index, monotonic.now() + 1000));
    expect(vi.getTimerCount()).toBe(1);
    for (const deadline of all) deadlines.remove(deadline);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('never fires for an infinite deadline, and reaches one that is further than a timer can be set', () => {
    const fired: string[] = [];
    const deadlines = new Deadlines<string>(monotonic, (item) => fired.push(item));
    const never = deadlines.add('never', Infinity);
    expect(vi.getTimerCount()).toBe(0);
    deadlines.add('far', monotonic.now() + 2 ** 31 + 5);
    vi.advanceTimersByTime(2 ** 31 + 5);
    expect(fired).toEqual(['far']);
    deadlines.remove(never);
  });

  it('keeps going when a handler throws', () => {
    const fired: string[] = [];
    const deadlines = new Deadlines<string>(monotonic, (item) => {
      fired.push(item);
      if (item === 'bad') throw new Error('handler');
    });
    deadlines.add('bad', monotonic.now() + 1);
    deadlines.add('good', monotonic.now() + 1);
    expect(() => vi.advanceTimersByTime(1)).toThrow('handler');
    vi.advanceTimersByTime(1);
    expect(fired).toEqual(['bad', 'good']);
  });

  it('agrees with a sorted array under random adds, removals and time', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            fc.record({ do: fc.constant('add' as const), after: fc.integer({ min: 0, max: 50 }) }),
            fc.record({ do: fc.constant('remove' as const), pick: fc.nat() }),
            fc.record({ do: fc.constant('advance' as const), by: fc.integer({ min: 0, max: 20 }) }),
          ),
          { maxLength: 60 },
        ),
        (commands) => {
          const fired: number[] = [];
          const deadlines = new Deadlines<number>(monotonic, (id) => fired.push(id));
          const model = new Map<number, { at: number; deadline: Deadline<number> }>();
          const expected: number[] = [];
          let next = 0;
          const settle = (): void => {
            const due = [...model].filter(([, { at }]) => at <= monotonic.now());
            for (const [id] of due.sort(([a, x], [b, y]) => x.at - y.at || a - b)) {
              expected.push(id);
              model.delete(id);
            }
          };
          for (const command of commands) {
            if (command.do === 'add') {
              const at = monotonic.now() + command.after;
              const id = next++;
              model.set(id, { at, deadline: deadlines.add(id, at) });
            } else if (command.do === 'remove') {
              const ids = [...model.keys()];
              const id = ids[command.pick % Math.max(ids.length, 1)];
              if (id === undefined) continue;
              deadlines.remove(model.get(id)!.deadline);
              model.delete(id);
            } else {
              vi.advanceTimersByTime(command.by);
              settle();
            }
          }
          vi.advanceTimersByTime(100);
          settle();
          expect([...fired].sort((a, b) => a - b)).toEqual([...expected].sort((a, b) => a - b));
          expect(vi.getTimerCount()).toBe(0);
        },
      ),
      { numRuns: 200 },
    );
  });
});
