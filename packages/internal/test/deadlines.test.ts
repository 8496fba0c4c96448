import { AsyncLocalStorage } from 'node:async_hooks';
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

  it('does not hold the process open when it is unrefed', () => {
    const unref = vi.fn();
    const timer = vi.spyOn(globalThis, 'setTimeout').mockReturnValue({ unref } as unknown as NodeJS.Timeout);
    new Deadlines<string>(monotonic, () => {}, { unref: true }).add('background', monotonic.now() + 5);
    new Deadlines<string>(monotonic, () => {}).add('awaited', monotonic.now() + 5);
    expect(timer).toHaveBeenCalledTimes(2);
    expect(unref).toHaveBeenCalledTimes(1);
    timer.mockRestore();
  });

  it('takes and removes deadlines in falling order in O(log n)', () => {
    let reads = 0;
    const deadlines = new Deadlines<number>(monotonic, () => {});
    const count = 4096;
    const all = Array.from({ length: count }, (_, index) => {
      const deadline = deadlines.add(index, monotonic.now() + 10_000 - index);
      const { at } = deadline;
      Object.defineProperty(deadline, 'at', {
        get: () => {
          reads += 1;
          return at;
        },
      });
      return deadline;
    });
    for (const deadline of all) deadlines.remove(deadline);
    expect(reads / count).toBeLessThan(12 * Math.log2(count));
    expect(vi.getTimerCount()).toBe(0);
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

  it('lets the loop read its sockets first when a stall has made the timer late', () => {
    let now = 0;
    const fired: string[] = [];
    const deadlines = new Deadlines<string>({ now: () => now }, (item) => fired.push(item));
    const answered = deadlines.add('answered in time', 10);
    deadlines.add('silent', 10);
    now = 5000;
    vi.advanceTimersToNextTimer();
    expect(fired).toEqual([]);
    deadlines.remove(answered);
    vi.advanceTimersToNextTimer();
    expect(fired).toEqual(['silent']);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("fires in no caller's async context", () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const deadlines = new Deadlines<string>(monotonic, () => seen.push(storage.getStore()));
    storage.run('caller', () => deadlines.add('x', monotonic.now() + 5));
    vi.advanceTimersByTime(5);
    expect(seen).toEqual([undefined]);
  });

  it('takes deadlines that a handler adds', () => {
    const fired: number[] = [];
    const deadlines: Deadlines<number> = new Deadlines<number>(monotonic, (n) => {
      fired.push(n);
      if (n < 3) deadlines.add(n + 1, monotonic.now() + 10);
    });
    deadlines.add(1, monotonic.now() + 10);
    vi.advanceTimersByTime(40);
    expect(fired).toEqual([1, 2, 3]);
    expect(vi.getTimerCount()).toBe(0);
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
          const times: number[] = [];
          const due = new Map<number, number>();
          const deadlines = new Deadlines<number>(monotonic, (id) => {
            fired.push(id);
            times.push(due.get(id)!);
          });
          const model = new Map<number, { at: number; deadline: Deadline<number> }>();
          const expected: number[] = [];
          let next = 0;
          const settle = (): void => {
            const passed = [...model].filter(([, { at }]) => at <= monotonic.now());
            for (const [id] of passed.sort(([a, x], [b, y]) => x.at - y.at || a - b)) {
              expected.push(id);
              model.delete(id);
            }
          };
          for (const command of commands) {
            if (command.do === 'add') {
              const at = monotonic.now() + command.after;
              const id = next++;
              due.set(id, at);
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
          expect(times).toEqual(times.toSorted((a, b) => a - b));
          expect(vi.getTimerCount()).toBe(0);
        },
      ),
      { numRuns: 200 },
    );
  });
});
