import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ConnectionPool } from '../src/index.ts';
import { instant, lease, manual, outcome } from './support.ts';

/** The shape by which a monitor observes any source. */
interface MetricsSource {
  getMetrics(): Readonly<Record<string, unknown>>;
  readonly metricKinds?: Readonly<Record<string, 'counter' | 'gauge'>>;
  onMeasure?(listener: (name: string, value: number) => void): () => void;
}

describe('getMetrics', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('starts at zero and has a kind for each name', () => {
    const source: MetricsSource = instant().pool;
    const metrics = source.getMetrics();
    expect(new Set(Object.values(metrics))).toEqual(new Set([0]));
    expect(Object.keys(source.metricKinds ?? {}).sort()).toEqual(Object.keys(metrics).sort());
    expect(Object.isFrozen(metrics)).toBe(true);
  });

  it('counts connections, leases and callers', async () => {
    const { pool } = instant({ max: 2, maxPending: 1 });
    const [one] = await lease(pool, 2);
    const aborted = outcome(pool.acquire({ timeout: 10 }));
    const refused = outcome(pool.acquire());
    await vi.advanceTimersByTimeAsync(10);
    await Promise.all([aborted, refused]);
    one?.release();
    expect(pool.getMetrics()).toEqual({
      totalConnections: 2,
      availableConnections: 1,
      inUseConnections: 1,
      created: 2,
      destroyed: 0,
      acquired: 2,
      released: 1,
      timeouts: 1,
      errors: 0,
      utilizationRate: 50,
      pending: 0,
      creating: 0,
      leases: 1,
      rejected: 1,
      aborted: 0,
      retired: 0,
      leaked: 0,
      unavailable: 0,
      recommendedSize: 0,
    });
  });
});

describe('onMeasure', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('tells waits, creates and uses in ms until it is removed', async () => {
    const { pool, creates } = manual();
    const heard: [string, number][] = [];
    const remove = pool.onMeasure((name, value) => heard.push([name, value]));
    const waiting = pool.acquire();
    await vi.advanceTimersByTimeAsync(30);
    creates[0]?.resolve({ id: 1 });
    const own = await waiting;
    await vi.advanceTimersByTimeAsync(7);
    own.release();
    pool.tryAcquire()?.release();
    expect(heard).toEqual([
      ['create', 30],
      ['wait', 30],
      ['use', 7],
      ['wait', 0],
      ['use', 0],
    ]);
    remove();
    pool.tryAcquire()?.release();
    expect(heard).toHaveLength(5);
  });

  it('reads the clock only when a connection was used, but for one lease in 64, as long as nobody listens', async () => {
    const now = vi.fn(() => performance.now());
    const pool = new ConnectionPool({ create: () => 1, clock: { now }, idleTimeout: Infinity });
    const timed = await pool.acquire();
    now.mockClear();
    timed.release();
    expect(now).toHaveBeenCalledTimes(2);
    pool.tryAcquire()?.release();
    expect(now).toHaveBeenCalledTimes(3);
  });

  it('reads the clock of the process seldom when leases come and go fast', async () => {
    const pool = new ConnectionPool({ create: () => 1, idleTimeout: Infinity });
    (await pool.acquire()).release();
    const now = vi.spyOn(performance, 'now');
    for (let count = 0; count < 1000; count++) pool.tryAcquire()?.release();
    // Two for each lease in 64 that is timed.
    expect(now.mock.calls.length).toBeLessThan(16 + 2 * 16);
    now.mockRestore();
  });

  it('does not measure a lease that began before anybody listened', async () => {
    const { pool } = instant();
    const timed = await pool.acquire();
    const own = await pool.acquire();
    const heard = vi.fn();
    pool.onMeasure(heard);
    own.release();
    expect(heard).not.toHaveBeenCalled();
    timed.release();
  });
});
