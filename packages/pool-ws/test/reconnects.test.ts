import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CloseKind } from '../src/close-kinds.ts';
import { WebSocketError } from '../src/errors.ts';
import { Reconnects } from '../src/reconnects.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const closed = (kind: CloseKind): WebSocketError => new WebSocketError('WS_CLOSED', 'closed', { kind });
const clock = { now: () => performance.now() };
const idle = new AbortController().signal;

/** How long a connect that comes now would wait. */
async function waits(reconnects: Reconnects): Promise<number> {
  const since = performance.now();
  const turn = reconnects.turn(idle).then(() => performance.now() - since);
  await vi.runAllTimersAsync();
  return turn;
}

/** A connection that lives for so long. */
async function lives(reconnects: Reconnects, lifetime: number, kind: CloseKind = 'retry'): Promise<void> {
  const opened = clock.now();
  await vi.advanceTimersByTimeAsync(lifetime);
  reconnects.ended({ opened, error: closed(kind) });
}

describe('Reconnects', () => {
  it('waits for nothing before an end', async () => {
    expect(await waits(new Reconnects(clock, () => 1))).toBe(0);
  });

  it('waits twice as long after each end in a row, up to 10 s', async () => {
    const reconnects = new Reconnects(clock, () => 1);
    const pauses: number[] = [];
    for (let n = 0; n < 9; n += 1) {
      await lives(reconnects, 1_000);
      pauses.push(await waits(reconnects));
    }
    expect(pauses).toEqual([100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]);
  });

  it('begins with 1 s where the server asks for a pause', async () => {
    const reconnects = new Reconnects(clock, () => 1);
    await lives(reconnects, 1_000, 'backoff');
    expect(await waits(reconnects)).toBe(1_000);
  });

  it('waits for a random part of it', async () => {
    const ratios = [0.5, 0.25];
    const reconnects = new Reconnects(clock, () => ratios.shift()!);
    await lives(reconnects, 1_000);
    expect(await waits(reconnects)).toBe(50);
    await lives(reconnects, 1_000);
    expect(await waits(reconnects)).toBe(50);
  });

  it('begins anew only after a connection has lived for 5 s', async () => {
    const reconnects = new Reconnects(clock, () => 1);
    for (const lifetime of [1_000, 1_000, 4_999]) {
      await lives(reconnects, lifetime);
      await waits(reconnects);
    }
    await lives(reconnects, 4_999);
    expect(await waits(reconnects)).toBe(800);
    await lives(reconnects, 5_000);
    expect(await waits(reconnects)).toBe(100);
  });

  it('begins anew after a quiet time', async () => {
    const reconnects = new Reconnects(clock, () => 1);
    for (let n = 0; n < 5; n += 1) await lives(reconnects, 10);
    await vi.advanceTimersByTimeAsync(15_000);
    await lives(reconnects, 10);
    expect(await waits(reconnects)).toBe(100);
  });

  it('counts connections that lived side by side once', async () => {
    const reconnects = new Reconnects(clock, () => 1);
    const opened = clock.now();
    await vi.advanceTimersByTimeAsync(1_000);
    for (let n = 0; n < 10; n += 1) reconnects.ended({ opened, error: closed('retry') });
    expect(await waits(reconnects)).toBe(100);
  });

  it('fails at once during the pause after a fatal end, and not after', async () => {
    const reconnects = new Reconnects(clock, () => 1);
    const error = closed('fatal');
    reconnects.ended({ opened: clock.now(), error });
    await expect(reconnects.turn(idle)).rejects.toBe(error);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await waits(reconnects)).toBe(0);
  });

  it('ends its wait with the reason of the signal, and leaves neither timer nor listener', async () => {
    const reconnects = new Reconnects(clock, () => 1);
    await lives(reconnects, 1_000, 'backoff');
    const controller = new AbortController();
    const reason = new Error('closing');
    const turn = reconnects.turn(controller.signal);
    controller.abort(reason);
    await expect(turn).rejects.toBe(reason);
    await expect(reconnects.turn(controller.signal)).rejects.toBe(reason);
    expect(vi.getTimerCount()).toBe(0);
    const other = new AbortController();
    const waited = reconnects.turn(other.signal);
    await vi.runAllTimersAsync();
    await waited;
    expect(getEventListeners(other.signal, 'abort')).toHaveLength(0);
  });
});
