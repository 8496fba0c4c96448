import { describe, expect, it } from 'vitest';
import { OTEL_NAMES } from '../src/index.ts';
import { RpcServer } from './fixtures/rpc-server.ts';
import { call, open, outcome } from './support.ts';

describe('getMetrics', () => {
  it('has a kind for each, is frozen, and counts what was sent and answered', async () => {
    await using server = await RpcServer.start();
    await using pool = open(server.url);
    await pool.request(call('add', 1, 2));
    await outcome(pool.request(call('fail', 'x')));
    await outcome(pool.request(call('hang'), { timeout: 5 }));
    await pool.notify(call('log'));
    const metrics = pool.getMetrics();
    expect(Object.keys(pool.metricKinds).toSorted()).toEqual(Object.keys(metrics).toSorted());
    expect(Object.isFrozen(metrics)).toBe(true);
    expect(metrics).toMatchObject({ requests: 3, answers: 2, inFlight: 0, acquired: 4, created: 1 });
  });
});

describe('OTEL_NAMES', () => {
  it('names only what the pool measures', async () => {
    await using server = await RpcServer.start();
    await using pool = open(server.url);
    const measures = new Set<string>();
    pool.onMeasure((name) => measures.add(name));
    await pool.request(call('add', 1, 2));
    expect([...measures, ...Object.keys(pool.getMetrics())]).toEqual(expect.arrayContaining(Object.keys(OTEL_NAMES)));
    expect([...measures].toSorted()).toEqual(['create', 'use', 'wait']);
  });
});
