import { getEventListeners } from 'node:events';
import { describe, expect, it, vi } from 'vitest';
import { Flight } from '../src/flight.ts';

describe('Flight', () => {
  it('gives its value to every caller', async () => {
    const flight = new Flight<number>(() => {});
    const callers = [flight.join(undefined), flight.join(new AbortController().signal)];
    flight.resolve(7);
    expect(await Promise.all(callers)).toEqual([7, 7]);
  });

  it('gives the same error to every caller', async () => {
    const flight = new Flight<number>(() => {});
    const callers = [flight.join(undefined), flight.join(undefined)];
    const error = new Error('load of a test');
    flight.reject(error);
    expect(await Promise.allSettled(callers)).toEqual([
      { status: 'rejected', reason: error },
      { status: 'rejected', reason: error },
    ]);
  });

  it('rejects a caller that aborts alone, with the reason untouched', async () => {
    const flight = new Flight<number>(() => {});
    const abort = new AbortController();
    const leaver = flight.join(abort.signal);
    const stayer = flight.join(undefined);
    const reason = { any: 'value' };
    abort.abort(reason);
    await expect(leaver).rejects.toBe(reason);
    expect(flight.signal.aborted).toBe(false);
    flight.resolve(7);
    expect(await stayer).toBe(7);
  });

  it('aborts the load when the last caller has left, after it was reported abandoned', async () => {
    const order: string[] = [];
    const flight = new Flight<number>(() => order.push('abandoned'));
    flight.signal.addEventListener('abort', () => order.push('aborted'));
    const aborts = [new AbortController(), new AbortController()];
    const callers = Promise.allSettled(aborts.map(({ signal }) => flight.join(signal)));
    aborts[0]!.abort('first');
    expect(order).toEqual([]);
    aborts[1]!.abort('second');
    expect(order).toEqual(['abandoned', 'aborted']);
    expect(flight.signal.reason).toBe('second');
    await callers;
  });

  it('leaves no listener on a signal, whichever way the caller settles', async () => {
    const aborts = Array.from({ length: 3 }, () => new AbortController());
    const resolved = new Flight<number>(() => {});
    const rejected = new Flight<number>(() => {});
    const callers = Promise.allSettled([
      resolved.join(aborts[0]!.signal),
      resolved.join(aborts[1]!.signal),
      rejected.join(aborts[2]!.signal),
    ]);
    expect(aborts.map(({ signal }) => getEventListeners(signal, 'abort').length)).toEqual([1, 1, 1]);
    aborts[1]!.abort();
    resolved.resolve(1);
    rejected.reject(new Error('load of a test'));
    expect(aborts.map(({ signal }) => getEventListeners(signal, 'abort').length)).toEqual([0, 0, 0]);
    await callers;
  });

  it('is not abandoned by an abort that comes after it has settled', async () => {
    const abandoned = vi.fn<() => void>();
    const flight = new Flight<number>(abandoned);
    const abort = new AbortController();
    const caller = flight.join(abort.signal);
    flight.resolve(1);
    abort.abort();
    expect(await caller).toBe(1);
    expect(abandoned).not.toHaveBeenCalled();
  });
});
