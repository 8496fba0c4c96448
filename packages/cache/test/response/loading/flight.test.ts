import { getEventListeners } from 'node:events';
import { AbortWatch } from '@forge/internal';
import { describe, expect, it, vi } from 'vitest';
import { Flight, type Caller } from '../../../src/response/loading/flight.ts';

const same = (held: unknown): number => held as number;
const watch = new AbortWatch<Caller<number>>((caller, reason) => caller.flight.leave(caller, reason));

describe('Flight', () => {
  it('gives its value to every caller', async () => {
    const flight = new Flight<number>('k', 1, watch, () => {});
    const callers = [flight.join(undefined).promise, flight.join(new AbortController().signal).promise];
    flight.resolve(7, same);
    expect(await Promise.all(callers)).toEqual([7, 7]);
  });

  it('gives the same error to every caller', async () => {
    const flight = new Flight<number>('k', 1, watch, () => {});
    const callers = [flight.join(undefined).promise, flight.join(undefined).promise];
    const error = new Error('load of a test');
    flight.reject(error);
    expect(await Promise.allSettled(callers)).toEqual([
      { status: 'rejected', reason: error },
      { status: 'rejected', reason: error },
    ]);
  });

  it('rejects a caller that aborts alone, with the reason untouched', async () => {
    const flight = new Flight<number>('k', 1, watch, () => {});
    const abort = new AbortController();
    const leaver = flight.join(abort.signal).promise;
    const stayer = flight.join(undefined).promise;
    const reason = { any: 'value' };
    abort.abort(reason);
    await expect(leaver).rejects.toBe(reason);
    expect(flight.signal.aborted).toBe(false);
    flight.resolve(7, same);
    expect(await stayer).toBe(7);
  });

  it('aborts the load when the last caller has left, after it was reported abandoned', async () => {
    const order: string[] = [];
    const flight = new Flight<number>('k', 1, watch, () => order.push('abandoned'));
    flight.signal.addEventListener('abort', () => order.push('aborted'));
    const aborts = [new AbortController(), new AbortController()];
    const callers = Promise.allSettled(aborts.map(({ signal }) => flight.join(signal).promise));
    aborts[0]!.abort('first');
    expect(order).toEqual([]);
    aborts[1]!.abort('second');
    expect(order).toEqual(['abandoned', 'aborted']);
    expect(flight.signal.reason).toBe('second');
    await callers;
  });

  it('leaves no listener on a signal, whichever way the caller settles', async () => {
    const aborts = Array.from({ length: 3 }, () => new AbortController());
    const resolved = new Flight<number>('k', 1, watch, () => {});
    const rejected = new Flight<number>('k', 1, watch, () => {});
    const callers = Promise.allSettled([
      resolved.join(aborts[0]!.signal).promise,
      resolved.join(aborts[1]!.signal).promise,
      rejected.join(aborts[2]!.signal).promise,
    ]);
    expect(aborts.map(({ signal }) => getEventListeners(signal, 'abort').length)).toEqual([1, 1, 1]);
    aborts[1]!.abort();
    resolved.resolve(1, same);
    rejected.reject(new Error('load of a test'));
    expect(aborts.map(({ signal }) => getEventListeners(signal, 'abort').length)).toEqual([0, 0, 0]);
    await callers;
  });

  it('is not abandoned by an abort that comes after it has settled', async () => {
    const abandoned = vi.fn<() => void>();
    const flight = new Flight<number>('k', 1, watch, abandoned);
    const abort = new AbortController();
    const caller = flight.join(abort.signal).promise;
    flight.resolve(1, same);
    abort.abort();
    expect(await caller).toBe(1);
    expect(abandoned).not.toHaveBeenCalled();
  });

  it('keeps one listener on a signal that stands behind many callers and flights', async () => {
    const abort = new AbortController();
    const flights = Array.from({ length: 3 }, () => new Flight<number>('k', 1, watch, () => {}));
    const callers = Promise.allSettled(
      flights.flatMap((flight) => [flight.join(abort.signal).promise, flight.join(abort.signal).promise]),
    );
    expect(getEventListeners(abort.signal, 'abort').length).toBe(1);
    flights[0]!.resolve(1, same);
    abort.abort('enough');
    const reasons = (await callers).map((outcome) => (outcome.status === 'rejected' ? outcome.reason : outcome.value));
    expect(reasons).toEqual([1, 1, 'enough', 'enough', 'enough', 'enough']);
    expect(getEventListeners(abort.signal, 'abort').length).toBe(0);
    expect(flights.map(({ signal }) => signal.aborted)).toEqual([false, true, true]);
  });

  it('shows an aborted signal to a loader that asks for it only after the load was given up', () => {
    const flight = new Flight<number>('k', 1, watch, () => {});
    flight.abort('enough');
    expect([flight.signal.aborted, flight.signal.reason]).toEqual([true, 'enough']);
  });

  it('calls what was to be done when it has ended', () => {
    const flight = new Flight<number>('k', 1, watch, () => {});
    const done: string[] = [];
    flight.onEnd(() => done.push('first'));
    flight.onEnd(() => done.push('second'));
    expect(done).toEqual([]);
    flight.end();
    expect(done).toEqual(['first', 'second']);
  });
});
