import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { WebSocket } from 'ws';
import { RpcServer, type Peer } from './fixtures/rpc-server.ts';
import { call, open, outcome } from './support.ts';

/** Repeatable ratios: mulberry32. */
function ratios(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const SENDABLE = [1000, 1001, 1002, 1003, 1007, 1009, 1011, 1012, 1013, 4000];
const EXPECTED = /^(WS_(CLOSED|REMOTE_ERROR|REQUEST_TIMEOUT|OVERLOADED|BAD_FRAMES)|POOL_\w+)$/;

describe('whatever happens in whichever order', () => {
  it.each([1, 2, 3, 4, 5, 6])(
    'each request settles, each subscription lives, and nothing is left (seed %i)',
    async (seed) => {
      const random = ratios(seed);
      const pick = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)]!;
      const victim = (): WebSocket | undefined => pick<Peer | undefined>(server.open)?.socket;
      const later = ([value]: [number]): Promise<number> =>
        new Promise((resolve) => setTimeout(() => resolve(value), random() * 10));
      await using server = await RpcServer.start({ methods: { later } });
      await using pool = open(server.url, {
        max: 3,
        concurrency: 4,
        idleTimeout: 15,
        maxBufferedAmount: 10_000,
        maxPending: 500,
      });
      const { signal } = new AbortController();
      const requests: Promise<{ id: number; method: string; settled: any }>[] = [];
      const heard: Record<string, unknown[]> = {};
      const ask = (id: number): void => {
        const aborting = new AbortController();
        const options = {
          signal: random() < 0.2 ? aborting.signal : signal,
          timeout: pick([5, 50, 5_000]),
          idempotent: random() < 0.5,
        };
        const method = pick(['later', 'later', 'later', 'echo', 'fail', 'hang']);
        const text = 'x'.repeat(random() < 0.1 ? 200_000 : 10);
        const request = outcome(
          pool.request(call(method, id, text), method === 'hang' ? { ...options, timeout: 30 } : options),
        );
        requests.push(request.then((settled) => ({ id, method, settled })));
        if (random() < 0.5) setTimeout(() => aborting.abort('aborted'), random() * 10);
      };
      const subscribe = async (topic: string): Promise<void> => {
        heard[topic] = [];
        await outcome(pool.subscribe(call('subscribe', topic), (message) => heard[topic]!.push(message)));
      };
      const harm: readonly (() => unknown)[] = [
        () => victim()?.terminate(),
        () => victim()?.close(pick(SENDABLE), 'chaos'),
        () => victim()?.send(pick(['?', '{"id":1,"result":2}', '{"id":"x"}', '[]'])),
        () => pool.invalidateAll(),
        () => outcome(pool.use(() => {}, { timeout: 20 })),
        () => outcome(pool.notify(call('log', n), { timeout: 20 })),
      ];
      let n = 0;
      for (; n < 150; n += 1) {
        ask(n);
        if (n % 50 === 25) void subscribe(`topic ${n}`);
        if (random() < 0.15) pick(harm)();
        if (random() < 0.4) await new Promise((resolve) => setTimeout(resolve, random() * 5));
      }
      for (const { id, method, settled } of await Promise.all(requests)) {
        if (settled === 'aborted') continue;
        if (method === 'later' && 'value' in settled) expect(settled.value).toBe(id);
        else if (!('value' in settled)) expect(settled.code).toMatch(EXPECTED);
      }
      // Those that were opened at all are open, each once, wherever their sockets went.
      await expect
        .poll(() => pool.getMetrics())
        .toMatchObject({ homelessSubscriptions: 0, leases: 0, inFlight: 0, pending: 0, bufferedAmount: 0 });
      const { subscriptions } = pool.getMetrics();
      await expect
        .poll(() => server.open.flatMap((peer) => [...peer.subscriptions.values()]))
        .toHaveLength(subscriptions);
      expect(subscriptions).toBeGreaterThan(0);
      for (const topic of Object.keys(heard)) server.publish(topic, 'the end');
      await expect.poll(() => Object.values(heard).filter((of) => of.at(-1) === 'the end')).toHaveLength(subscriptions);
      expect(server.open.length).toBeLessThanOrEqual(3);
      expect(getEventListeners(signal, 'abort')).toHaveLength(0);
      expect(await pool.close()).toEqual({ leaked: 0, leases: [] });
      const { created, destroyed, acquired, released } = pool.getMetrics();
      expect([destroyed, released]).toEqual([created, acquired]);
    },
  );
});
