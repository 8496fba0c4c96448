import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BalancedPool, type PoolMetrics } from '../../src/index.ts';
import { metricKinds } from '../../src/metrics.ts';
import { flush } from '../support.ts';

interface Wire {
  readonly endpoint: string;
}

function group(endpoints: string): BalancedPool<string, Wire> {
  return new BalancedPool({ endpoints, create: (endpoint) => ({ endpoint }), random: () => 0 });
}

const counters = Object.entries(metricKinds)
  .filter(([, kind]) => kind === 'counter')
  .map(([name]) => name as keyof PoolMetrics);

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('Group', () => {
  it('lets no counter fall when a pool leaves it, with a lease or without', async () => {
    const pool = group('ab');
    const leases = await Promise.all([pool.acquire(), pool.acquire(), pool.acquire()]);
    leases[0].release();
    let before = pool.getMetrics();
    for (const step of [() => pool.setEndpoints('c'), () => leases[1].release(), () => leases[2].release()]) {
      step();
      await flush();
      const now = pool.getMetrics();
      expect(counters.filter((name) => now[name] < before[name])).toEqual([]);
      before = now;
    }
    expect(before).toMatchObject({ created: 3, destroyed: 3, acquired: 3, released: 3, totalConnections: 0 });
  });

  it('tells measures of pools that come later, until the last listener has gone', async () => {
    const pool = group('a');
    const told: string[] = [];
    const remove = pool.onMeasure((name) => told.push(name));
    pool.setEndpoints('b');
    await pool.use(() => {});
    expect(told).toContain('use');
    remove();
    told.length = 0;
    await pool.use(() => {});
    expect(told).toEqual([]);
  });

  it('waits in close for leases of pools that have left, until its deadline', async () => {
    const pool = group('a');
    const lease = await pool.acquire();
    pool.setEndpoints('b');
    await flush();
    const closing = pool.close({ deadline: 100 });
    await vi.advanceTimersByTimeAsync(101);
    expect(await closing).toMatchObject({ leaked: 1 });
    lease.release();
  });
});
