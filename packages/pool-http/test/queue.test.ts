import { Readable } from 'node:stream';
import { fetch, Pool, request, type Dispatcher } from 'undici';
import { describe, expect, it, onTestFinished } from 'vitest';
import { queueing, type HttpPool } from '../src/index.ts';
import { codeOf, gate, pooled, serve } from './fixtures/world.ts';

interface Busy {
  readonly origin: string;
  readonly pool: HttpPool;
  /** Answers what waits at the server, and all to come. */
  readonly open: () => void;
  /** Paths in the order in which the server got them. */
  readonly served: string[];
  /** The request that has the connection. */
  readonly first: Promise<string>;
}

/** A pool whose one connection is in use. */
async function busy(options: ConstructorParameters<typeof HttpPool>[0] = {}): Promise<Busy> {
  const { opened, open } = gate();
  const served: string[] = [];
  const { origin } = await serve((asked, answer) => {
    served.push(asked.url!);
    void opened.then(() => asked.pipe(answer));
  });
  const pool = pooled({ connections: 1, ...options });
  const first = read(`${origin}/first`, pool);
  first.catch(() => {});
  await expect.poll(() => served.length).toBe(1);
  return { origin, pool, open, served, first };
}

const read = async (url: string, dispatcher: Dispatcher, signal?: AbortSignal): Promise<string> =>
  (await request(url, { dispatcher, ...(signal === undefined ? undefined : { signal }) })).body.text();

describe('a request that waits for a connection', () => {
  it('rejects at once when its signal aborts, where that of undici waits on (nodejs/undici#386)', async () => {
    const { origin, pool, open, served } = await busy();
    const theirs = new Pool(origin, { connections: 1 });
    onTestFinished(() => theirs.destroy());
    void read(`${origin}/first`, theirs).catch(() => {});
    await expect.poll(() => served.length).toBe(2);

    const controller = new AbortController();
    const reason = new Error('too late');
    const ours = read(`${origin}/ours`, pool, controller.signal);
    let isTheirsPending = true;
    const left = read(`${origin}/theirs`, theirs, controller.signal).then(
      () => {},
      () => {
        isTheirsPending = false;
      },
    );
    controller.abort(reason);
    await expect(ours).rejects.toBe(reason);
    expect(pool.getMetrics()).toMatchObject({ pending: 0, aborted: 1 });
    // Theirs is told when the connection is free, and no sooner.
    expect(isTheirsPending).toBe(true);
    open();
    await left;
    expect(served).not.toContain('/ours');
  });

  it('leaves when a fetch aborts, and is never sent', async () => {
    const { origin, pool, open, served } = await busy();
    const controller = new AbortController();
    const asking = fetch(`${origin}/aborted`, { dispatcher: pool, signal: controller.signal });
    await expect.poll(() => pool.getMetrics().pending).toBe(1);
    controller.abort();
    await expect(asking).rejects.toThrow('aborted');
    expect(pool.getMetrics().pending).toBe(0);
    open();
    await read(`${origin}/next`, pool);
    expect(served).toEqual(['/first', '/next']);
  });

  it('is not sent when its signal has aborted already', async () => {
    const { origin, pool } = await busy();
    const reason = new Error('never');
    await expect(read(`${origin}/x`, pool, AbortSignal.abort(reason))).rejects.toBe(reason);
    expect(pool.getMetrics().pending).toBe(0);
  });

  it('fails at its deadline', async () => {
    const { origin, pool, open, served } = await busy({ acquireTimeout: 40 });
    expect(await codeOf(read(`${origin}/x`, pool))).toBe('POOL_ACQUIRE_TIMEOUT');
    expect(await codeOf(read(`${origin}/x`, pool.compose(queueing({ timeout: 1 }))))).toBe('POOL_ACQUIRE_TIMEOUT');
    open();
    await read(`${origin}/next`, pool);
    expect(served).toEqual(['/first', '/next']);
  });

  it('fails at once when too many wait', async () => {
    const { origin, pool, open } = await busy({ maxPending: 2 });
    const waiting = [read(`${origin}/1`, pool), read(`${origin}/2`, pool)];
    expect(await codeOf(read(`${origin}/3`, pool))).toBe('POOL_QUEUE_FULL');
    open();
    await Promise.all(waiting);
  });

  it('is served in order of coming, sooner with a priority', async () => {
    const { origin, pool, open, served } = await busy();
    const urgent = pool.compose(queueing({ priority: 7 }));
    const waiting = [
      read(`${origin}/1`, pool),
      read(`${origin}/2`, pool),
      fetch(`${origin}/3`, { dispatcher: urgent }),
    ];
    open();
    await Promise.all(waiting);
    expect(served).toEqual(['/first', '/3', '/1', '/2']);
  });

  it('has its body untouched until a connection is there', async () => {
    const { origin, pool, open } = await busy();
    let reads = 0;
    const body = new Readable({
      read() {
        reads += 1;
        this.push('late');
        this.push(null);
      },
    });
    const asking = request(origin, { method: 'POST', body, dispatcher: pool });
    await expect.poll(() => pool.getMetrics().pending).toBe(1);
    expect([reads, body.readableFlowing]).toEqual([0, null]);
    open();
    expect(await (await asking).body.text()).toBe('late');
  });

  it('fails with its body, and takes no other part in it', async () => {
    const { origin, pool, open, served } = await busy();
    const body = new Readable({ read() {} });
    const asking = request(`${origin}/x`, { method: 'POST', body, dispatcher: pool });
    await expect.poll(() => pool.getMetrics().pending).toBe(1);
    body.destroy(new Error('no such file'));
    await expect(asking).rejects.toThrow('no such file');
    expect(pool.getMetrics().pending).toBe(0);
    open();
    await read(`${origin}/next`, pool);
    expect(served).toEqual(['/first', '/next']);
  });

  it('is served when the pool closes, and newcomers are refused', async () => {
    const { origin, pool, open } = await busy();
    const waiting = read(`${origin}/x`, pool);
    const closed = pool.close();
    expect([pool.closed, pool.destroyed]).toEqual([true, false]);
    expect(await codeOf(read(`${origin}/y`, pool))).toBe('UND_ERR_CLOSED');
    open();
    await waiting;
    await closed;
    expect(pool.destroyed).toBe(true);
    await pool.close();
    await new Promise<void>((resolve) => pool.close(resolve));
  });

  it('is served when the pool closes while its endpoints are looked for', async () => {
    const { origin } = await serve((_, answer) => void answer.end('ok'));
    const { opened, open } = gate();
    const { port } = new URL(origin);
    const endpoints = async (): Promise<{ address: string; port: number }[]> => {
      await opened;
      return [{ address: '127.0.0.1', port: Number(port) }];
    };
    const pool = pooled({ endpoints });
    const waiting = read('http://service.test', pool);
    const closed = pool.close();
    open();
    expect(await waiting).toBe('ok');
    await closed;
  });

  it('fails when the pool is destroyed, as do those that are under way', async () => {
    const { opened, open } = gate();
    const { origin, pool, first } = await busy({
      endpoints: ({ port }) => (port === '1' ? opened.then(() => []) : [{ address: '127.0.0.1' }]),
    });
    const requests = [`${origin}/x`, 'http://127.0.0.1:1/looking'].map((url) => read(url, pool));
    const reason = new Error('going down');
    const destroyed = pool.destroy(reason);
    const ends = await Promise.allSettled([first, ...requests]);
    expect(ends).toEqual(ends.map(() => ({ status: 'rejected', reason })));
    await destroyed;
    expect(await codeOf(read(origin, pool))).toBe('UND_ERR_DESTROYED');
    await new Promise<void>((resolve) => pool.destroy(resolve));
    await expect.poll(() => pool.getMetrics()).toMatchObject({ totalConnections: 0, leases: 0, pending: 0 });
    open();
  });

  it('reaches close when the pool is destroyed with a request that never ends', async () => {
    const { origin, pool } = await busy();
    const endless = read(`${origin}/x`, pool);
    const closed = pool.close();
    expect(await codeOf(Promise.all([endless, pool.destroy()]))).toBe('UND_ERR_DESTROYED');
    await closed;
  });

  it('finds a server that is gone by the error of the connect', async () => {
    const { server, origin } = await serve(() => {});
    server.close();
    expect(await codeOf(read(origin, pooled()))).toBe('ECONNREFUSED');
  });
});
