import { describe, expect, it } from 'vitest';
import { createPool, OTEL_NAMES } from '../src/index.ts';

const pool = createPool({ host: '127.0.0.1', connectionLimit: 7, maxIdle: 5 });

describe('getMetrics', () => {
  it('has a kind for each metric', () => {
    expect(Object.keys(pool.metricKinds).toSorted()).toEqual(Object.keys(pool.getMetrics()).toSorted());
  });

  it('tells the limits', () => {
    expect(pool.getMetrics()).toMatchObject({ maxConnections: 7, maxIdleConnections: 5, minConnections: 0 });
    expect(Object.isFrozen(pool.getMetrics())).toBe(true);
  });
});

describe('OTEL_NAMES', () => {
  it('names metrics that there are, and the three measures', () => {
    const known = new Set([...Object.keys(pool.getMetrics()), 'wait', 'create', 'use']);
    expect(Object.keys(OTEL_NAMES).filter((name) => !known.has(name))).toEqual([]);
  });

  it('holds every metric of a client pool in the semantic conventions', () => {
    const names = Object.values(OTEL_NAMES).map((name) => /^db\.client\.connection\.([a-z_.]+)/.exec(name)?.[1]);
    expect([...new Set(names.map(String))].toSorted()).toEqual([
      'count',
      'create_time',
      'idle.max',
      'idle.min',
      'max',
      'pending_requests',
      'timeouts',
      'use_time',
      'wait_time',
    ]);
  });
});
