import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { WebSocket } from 'ws';
import { Heartbeat, heartbeatTimer } from '../src/heartbeat.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const clock = { now: () => performance.now() };

/** What a heartbeat sees of a socket that has just been opened. */
function listenTo(stream: { bytesRead?: number }): {
  socket: EventEmitter;
  pings: number[];
  lost: number[];
  heart: Heartbeat;
} {
  const pings: number[] = [];
  const lost: number[] = [];
  const socket = Object.assign(new EventEmitter(), {
    readyState: 1,
    OPEN: 1,
    ping: () => pings.push(clock.now() - since),
  });
  const since = clock.now();
  const heart = new Heartbeat({
    socket: socket as unknown as WebSocket,
    interval: 100,
    clock,
    timer: heartbeatTimer(clock),
    onLost: () => lost.push(clock.now() - since),
  });
  socket.emit('upgrade', { socket: stream });
  socket.emit('open');
  return { socket, pings, lost, heart };
}

describe('Heartbeat', () => {
  it('pings after a silent interval, and tells of the loss after another', async () => {
    const { pings, lost } = listenTo({ bytesRead: 5 });
    await vi.advanceTimersByTimeAsync(1_000);
    expect([pings, lost]).toEqual([[200], [300]]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('never pings while bytes come, whole messages or not', async () => {
    const stream = { bytesRead: 0 };
    const { pings, lost } = listenTo(stream);
    for (let n = 0; n < 50; n += 1) {
      stream.bytesRead += 1;
      await vi.advanceTimersByTimeAsync(90);
    }
    expect([pings, lost]).toEqual([[], []]);
  });

  it.each(['message', 'ping', 'pong'])(
    'takes a %s for a sign of life where the stream counts no bytes',
    async (event) => {
      const { socket, pings, lost } = listenTo({});
      for (let n = 0; n < 20; n += 1) {
        socket.emit(event);
        await vi.advanceTimersByTimeAsync(90);
      }
      expect([pings, lost]).toEqual([[], []]);
      await vi.advanceTimersByTimeAsync(1_000);
      expect(lost).toHaveLength(1);
    },
  );

  it('goes on after a pong', async () => {
    const stream = { bytesRead: 0 };
    const { pings, lost, heart } = listenTo(stream);
    for (let n = 1; n <= 5; n += 1) {
      await vi.advanceTimersByTimeAsync(201 - (n === 1 ? 0 : 1));
      stream.bytesRead += 2;
    }
    expect(pings.length).toBeGreaterThan(2);
    expect(lost).toEqual([]);
    heart.stop();
    expect(vi.getTimerCount()).toBe(0);
  });
});
