import type { RequestListener } from 'node:http';
import { BalancedPool, request, type Dispatcher } from 'undici';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Endpoint } from '../src/index.ts';
import { codeOf, gate, pooled, serve, type Served } from './fixtures/world.ts';

const ORIGIN = 'http://service.test';

interface Replica extends Served<unknown> {
  readonly endpoint: Endpoint;
  readonly hits: () => number;
}

async function replica(listener: RequestListener, port?: number): Promise<Replica> {
  let hits = 0;
  const served = await serve((asked, answer) => {
    hits += 1;
    listener(asked, answer);
  }, port);
  return { ...served, endpoint: { address: '127.0.0.1', port: served.port }, hits: () => hits };
}

const ask = async (dispatcher: Dispatcher, origin = ORIGIN): Promise<string> => {
  const { statusCode, body } = await request(origin, { dispatcher });
  return `${statusCode} ${await body.text()}`;
};

/** How many of `count` requests, one after the other, did not get a 200. */
async function failures(dispatcher: Dispatcher, count: number, origin?: string): Promise<number> {
  let failed = 0;
  for (let asked = 0; asked < count; asked += 1) {
    const answer = await ask(dispatcher, origin).catch(() => 'none');
    if (!answer.startsWith('200')) failed += 1;
  }
  return failed;
}

/** The same side by side, so that load drives requests to endpoints that failed before. */
const burst = async (dispatcher: Dispatcher, count: number): Promise<number> =>
  (await Promise.all(Array.from({ length: count }, () => failures(dispatcher, 1)))).reduce(
    (sum, failed) => sum + failed,
    0,
  );

/** A port on which nothing listens, until the test does. */
async function freedPort(): Promise<number> {
  const { server, port } = await serve(() => {});
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const ok: RequestListener = (_, answer) => void answer.end('ok');

describe('requests to an origin with several endpoints', () => {
  it('are spread over all of them', async () => {
    const replicas = await Promise.all([replica(ok), replica(ok), replica(ok)]);
    const pool = pooled({ endpoints: () => replicas.map(({ endpoint }) => endpoint) });
    await Promise.all(Array.from({ length: 90 }, () => ask(pool)));
    for (const { hits } of replicas) expect(hits()).toBeGreaterThan(10);
    expect(pool.getMetrics()).toMatchObject({ endpoints: 3, ejected: 0, keys: 3 });
  });

  it('avoid one that is slow', async () => {
    const { opened, open } = gate();
    const slow = await replica((_, answer) => void opened.then(() => answer.end('ok')));
    const fast = await replica(ok);
    const pool = pooled({ endpoints: () => [slow.endpoint, fast.endpoint] });
    const asking = Array.from({ length: 20 }, () => ask(pool));
    await expect.poll(() => fast.hits()).toBeGreaterThan(0);
    for (let round = 0; round < 30; round += 1) asking.push(ask(pool));
    await expect.poll(() => fast.hits() + slow.hits()).toBe(50);
    expect(slow.hits()).toBeLessThan(fast.hits());
    open();
    await Promise.all(asking);
  });

  it('go on over the one that is back when both were gone, where those of undici fail (nodejs/undici#4839)', async () => {
    const ports = [await freedPort(), await freedPort()];
    let now = 0;
    const clock = { now: () => performance.now() + now };
    const pool = pooled({ clock, endpoints: () => ports.map((port) => ({ address: '127.0.0.1', port })) });
    const theirs = new BalancedPool(ports.map((port) => `http://127.0.0.1:${port}`));
    onTestFinished(() => theirs.destroy());
    expect(await failures(pool, 10)).toBe(10);
    expect(await failures(theirs, 10, `http://127.0.0.1:${ports[0]}`)).toBe(10);

    await replica(ok, ports[0]);
    // The longest pause of a breaker and of an ejection.
    now += 60_000;
    expect(await failures(theirs, 20, `http://127.0.0.1:${ports[0]}`)).toBeGreaterThan(0);
    expect(await failures(pool, 40)).toBe(0);
  });

  it('never fail while one of two is gone, and return to it when it is back', async () => {
    const port = await freedPort();
    const other = await replica(ok);
    let now = 0;
    const clock = { now: () => performance.now() + now };
    const pool = pooled({ clock, endpoints: () => [{ address: '127.0.0.1', port }, other.endpoint] });
    let failed = 0;
    await expect.poll(async () => ((failed += await burst(pool, 30)), pool.getMetrics().ejected)).toBe(1);
    expect(failed).toBe(0);
    const back = await replica(ok, port);
    now += 60_000;
    expect(await failures(pool, 40)).toBe(0);
    expect(back.hits()).toBeGreaterThan(0);
    expect(pool.getMetrics().ejected).toBe(0);
  });

  it.each([502, 503, 504])('leave one that answers %i, until a probe finds it well', async (status) => {
    let isWell = false;
    const sick = await replica((_, answer) => {
      answer.statusCode = isWell ? 200 : status;
      answer.end('ok');
    });
    const well = await replica(ok);
    let now = 0;
    const clock = { now: () => performance.now() + now };
    const pool = pooled({ clock, endpoints: () => [sick.endpoint, well.endpoint] });
    await expect.poll(async () => (await burst(pool, 30), pool.getMetrics().ejected)).toBe(1);
    expect(await failures(pool, 20)).toBe(0);
    isWell = true;
    now += 2_000;
    expect(await failures(pool, 40)).toBe(0);
    expect(pool.getMetrics().ejected).toBe(0);
  });

  it('do not blame an endpoint for what the caller does', async () => {
    const endless = await replica((_, answer) => void answer.write('endless'));
    const pool = pooled({ endpoints: () => [endless.endpoint, { ...endless.endpoint, address: 'localhost' }] });
    for (let round = 0; round < 20; round += 1) {
      const { body } = await request(ORIGIN, { dispatcher: pool });
      body.on('error', () => {}).destroy();
    }
    expect(pool.getMetrics().ejected).toBe(0);
  });

  it('fail with the error of the connect when none is there', async () => {
    const ports = [await freedPort(), await freedPort()];
    const pool = pooled({ endpoints: () => ports.map((port) => ({ address: '127.0.0.1', port })) });
    expect(await codeOf(ask(pool))).toBe('ECONNREFUSED');
  });
});

describe('the search for endpoints', () => {
  const failing = (code: string): Promise<never> => Promise.reject(Object.assign(new Error(code), { code }));

  it('fails the requests that need it, and is made again for the next', async () => {
    const { endpoint } = await replica(ok);
    let searches = 0;
    const pool = pooled({
      endpoints: () => ((searches += 1) === 1 ? failing('ENOTFOUND') : Promise.resolve([endpoint])),
    });
    const both = await Promise.all([codeOf(ask(pool)), codeOf(ask(pool))]);
    expect([both, searches]).toEqual([['ENOTFOUND', 'ENOTFOUND'], 1]);
    expect(await ask(pool)).toBe('200 ok');
  });

  it('adds new endpoints and drains those that have gone', async () => {
    const { opened, open } = gate();
    const old = await replica(
      ({ url }, answer) => void (url === '/slow' ? opened.then(() => answer.end('old')) : answer.end('old')),
    );
    const fresh = await replica((_, answer) => void answer.end('new'));
    let endpoints = [old.endpoint];
    let now = 0;
    const clock = { now: () => performance.now() + now };
    const pool = pooled({ clock, endpoints: () => endpoints, refreshInterval: 1_000 });
    const slow = request(`${ORIGIN}/slow`, { dispatcher: pool });
    await expect.poll(() => old.hits()).toBe(1);
    expect(await ask(pool)).toBe('200 old');
    endpoints = [fresh.endpoint];
    now += 1_001;
    await ask(pool);
    await expect.poll(() => ask(pool)).toBe('200 new');
    // Idle ones at once, and the one that serves when it has served.
    await expect.poll(() => old.sockets.size).toBe(1);
    open();
    expect(await (await slow).body.text()).toBe('old');
    await expect.poll(() => old.sockets.size).toBe(0);
  });

  it('keeps what it knew when it fails or finds nothing', async () => {
    const { endpoint } = await replica(ok);
    let found: () => Promise<readonly Endpoint[]> = async () => [endpoint];
    let searches = 0;
    let now = 0;
    const clock = { now: () => performance.now() + now };
    const endpoints = (): Promise<readonly Endpoint[]> => ((searches += 1), found());
    const pool = pooled({ clock, endpoints, refreshInterval: 10 });
    for (const next of [found, () => failing('ENOTFOUND'), async () => []]) {
      found = next;
      now += 1_000;
      expect(await failures(pool, 2)).toBe(0);
    }
    expect(searches).toBeGreaterThanOrEqual(3);
  });

  it('is made at once when an endpoint refuses', async () => {
    const port = await freedPort();
    const { endpoint } = await replica(ok);
    let isMoved = false;
    let now = 0;
    const clock = { now: () => performance.now() + now };
    const pool = pooled({ clock, endpoints: () => [isMoved ? endpoint : { address: '127.0.0.1', port }] });
    expect(await codeOf(ask(pool))).toBe('ECONNREFUSED');
    isMoved = true;
    now += 1_001;
    await ask(pool).catch(() => {});
    expect(await ask(pool)).toBe('200 ok');
  });

  it('ends with the deadline or the signal of the request when it hangs', async () => {
    const pool = pooled({ endpoints: () => new Promise(() => {}), acquireTimeout: 30 });
    expect(await codeOf(ask(pool))).toBe('POOL_ACQUIRE_TIMEOUT');
    const controller = new AbortController();
    const asking = request(ORIGIN, { dispatcher: pool, signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(asking).rejects.toThrow('enough');
  });

  it.each([[{ address: 'two words' }], [{ address: '127.0.0.1', port: 70_000 }], [{}], [null]])(
    'refuses %j',
    async (endpoint) => {
      const pool = pooled({ endpoints: () => [endpoint] as unknown as Endpoint[] });
      await expect(ask(pool)).rejects.toThrow(/^Cannot use an endpoint/);
    },
  );
});
