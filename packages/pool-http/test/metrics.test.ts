import { Agent, Dispatcher1Wrapper, getGlobalDispatcher, request, setGlobalDispatcher } from 'undici';
import { describe, expect, it, onTestFinished } from 'vitest';
import { HttpPool, OTEL_NAMES, queueing } from '../src/index.ts';
import { pooled, serve } from './fixtures/world.ts';

describe('the metrics', () => {
  it('have a kind each, and those alone', () => {
    const pool = pooled();
    expect(Object.keys(pool.metricKinds).toSorted()).toEqual(Object.keys(pool.getMetrics()).toSorted());
    expect(Object.isFrozen(pool.getMetrics())).toBe(true);
  });

  it('and the measures are what OTEL_NAMES names', async () => {
    const { origin } = await serve((_, answer) => void answer.end('ok'));
    const pool = pooled({ keepAliveTimeout: 10 });
    const measures = new Set<string>();
    pool.onMeasure((name) => measures.add(name));
    await (await request(origin, { dispatcher: pool })).body.dump();
    await expect.poll(() => measures.has('connection')).toBe(true);
    const known = new Set([...Object.keys(pool.getMetrics()), ...measures]);
    expect(Object.keys(OTEL_NAMES).filter((name) => !known.has(name))).toEqual([]);
    expect(new Set(Object.values(OTEL_NAMES)).size).toBe(Object.keys(OTEL_NAMES).length);
  });
});

describe('the events', () => {
  it('are those of an Agent', async () => {
    const { origin, server } = await serve((_, answer) => void answer.end('ok'));
    const heard = async (dispatcher: Agent | HttpPool): Promise<string[]> => {
      const events: string[] = [];
      dispatcher.on('connect', (url) => events.push(`connect ${url.origin}`));
      dispatcher.on('disconnect', (url, _, error) => events.push(`disconnect ${url.origin} ${error.code}`));
      dispatcher.on('connectionError', (url, _, error) => events.push(`failed ${url.origin} ${error.code}`));
      await (await request(origin, { dispatcher })).body.dump();
      await expect.poll(() => events.length).toBe(2);
      await request('http://127.0.0.1:1', { dispatcher }).catch(() => {});
      await dispatcher.close();
      return events;
    };
    server.keepAliveTimeout = 0;
    expect(await heard(pooled({ keepAliveTimeout: 10 }))).toEqual(await heard(new Agent({ keepAliveTimeout: 10 })));
  });
});

describe('the global fetch', () => {
  it('goes through a pool that is the global dispatcher, or wrapped', async () => {
    const { origin } = await serve((_, answer) => void answer.end('ok'));
    const pool = pooled();
    const before = getGlobalDispatcher();
    onTestFinished(() => setGlobalDispatcher(before));
    setGlobalDispatcher(pool);
    expect(await (await fetch(origin)).text()).toBe('ok');
    expect(pool.getMetrics().acquired).toBe(1);
    const init: object = { dispatcher: new Dispatcher1Wrapper(pool) };
    expect(await (await fetch(origin, init)).text()).toBe('ok');
    expect(pool.getMetrics().acquired).toBe(2);
  });
});

describe('queueing', () => {
  it.each([{ priority: 8 }, { priority: -1 }, { priority: 0.5 }, { timeout: -1 }, { timeout: Number.NaN }])(
    'refuses %j',
    (how) => {
      expect(() => queueing(how)).toThrow(/^Cannot queue requests/);
    },
  );
});

describe('the options of undici', () => {
  it('are checked when the pool is made', () => {
    expect(() => pooled({ headersTimeout: -1 })).toThrow('headersTimeout');
    expect(() => pooled({ maxCachedSessions: -1 })).toThrow('maxCachedSessions');
  });

  it('reach its WebSocket and its EventSource', () => {
    const { webSocketOptions, eventSourceOptions } = pooled({
      webSocket: { maxFragments: 3 },
      eventSource: { maxEventSize: 5 },
    });
    expect([webSocketOptions, eventSourceOptions]).toEqual([{ maxFragments: 3 }, { maxEventSize: 5 }]);
  });
});

describe('a listener that throws', () => {
  it('fails no request, and is told by a warning', async () => {
    const { origin } = await serve((_, answer) => void answer.end('ok'));
    const pool = pooled();
    const warned = new Promise<Error>((resolve) => process.once('warning', resolve));
    pool.on('connect', () => {
      throw new Error('a faulty listener');
    });
    expect(await (await request(origin, { dispatcher: pool })).body.text()).toBe('ok');
    expect((await warned).message).toBe('a faulty listener');
  });
});
