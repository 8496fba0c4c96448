import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { instant, lease } from '../support.ts';

describe('idleTimeout', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('destroys each connection that was idle for so long, counted from its last lease', async () => {
    const { pool, destroyed } = instant({ idleTimeout: 100 });
    const [one, two] = await lease(pool, 2);
    one?.release();
    await vi.advanceTimersByTimeAsync(60);
    two?.release();
    await vi.advanceTimersByTimeAsync(39);
    expect(destroyed).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(destroyed).toEqual([{ id: 1, reason: 'idle' }]);
    await vi.advanceTimersByTimeAsync(60);
    expect(destroyed.map(({ id }) => id)).toEqual([1, 2]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('keeps min connections, and then no timer', async () => {
    const { pool, destroyed } = instant({ idleTimeout: 100, min: 1 });
    for (const own of await lease(pool, 3)) own.release();
    await vi.advanceTimersByTimeAsync(1000);
    expect(destroyed).toHaveLength(2);
    expect(pool.getMetrics().availableConnections).toBe(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('counts leased connections towards min', async () => {
    const { pool, destroyed } = instant({ idleTimeout: 100, min: 1 });
    const [one] = await lease(pool, 2);
    const idle = pool.getMetrics().inUseConnections;
    expect(idle).toBe(2);
    one?.release();
    await vi.advanceTimersByTimeAsync(100);
    expect(destroyed).toEqual([{ id: 1, reason: 'idle' }]);
  });

  it('shares one timer, which finds nothing due when the connections were used meanwhile', async () => {
    const { pool, destroyed } = instant({ idleTimeout: 100 });
    for (const own of await lease(pool, 3)) own.release();
    expect(vi.getTimerCount()).toBe(1);
    await vi.advanceTimersByTimeAsync(90);
    for (const own of await lease(pool, 3)) own.release();
    await vi.advanceTimersByTimeAsync(90);
    expect(destroyed).toEqual([]);
    await vi.advanceTimersByTimeAsync(10);
    expect(destroyed).toHaveLength(3);
  });
});
