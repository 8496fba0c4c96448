import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { RpcServer } from './fixtures/rpc-server.ts';
import { call, open, outcome } from './support.ts';

const MB = 2 ** 20;
/** More than the kernel takes. */
const large = 'x'.repeat(16 * MB);

describe('a socket whose buffer is full', () => {
  it('gets no request until it has drained, though it has places and somebody waits', async () => {
    await using server = await RpcServer.start();
    await using pool = open(server.url, { max: 1, maxBufferedAmount: MB });
    await pool.request(call('echo'));
    server.peer.socket.pause();
    const first = pool.request(call('take', large));
    await expect.poll(() => pool.getMetrics().bufferedAmount).toBeGreaterThan(MB);
    const waiting = [1, 2, 3].map((n) => pool.request(call('add', n, n)));
    await new Promise((resolve) => setImmediate(resolve));
    expect(pool.getMetrics()).toMatchObject({ inFlight: 1, pending: 3, totalConnections: 1 });
    server.peer.socket.resume();
    expect(await Promise.all(waiting)).toEqual([2, 4, 6]);
    expect(await first).toBe('read');
    expect(pool.getMetrics()).toMatchObject({ bufferedAmount: 0, leases: 0, pending: 0, inFlight: 0 });
  });

  it('gets requests again when it has drained, though the one that filled it is still unanswered', async () => {
    await using server = await RpcServer.start({ methods: { large: () => new Promise(() => {}) } });
    await using pool = open(server.url, { max: 1, maxBufferedAmount: MB });
    await pool.request(call('echo'));
    const first = outcome(pool.request(call('large', large), { timeout: 2_000 }));
    const waiting = pool.request(call('add', 1, 2));
    expect(await waiting).toBe(3);
    // It is in flight, but not under a lease any more.
    expect(pool.getMetrics()).toMatchObject({ inFlight: 1, leases: 0 });
    const { leaked } = await pool.close({ deadline: 0 });
    expect(leaked).toBe(0);
    expect(await first).toMatchObject({ code: 'WS_CLOSED' });
  });

  it('still counts the request that filled it, and is not closed before its answer', async () => {
    const answers: ((result: string) => void)[] = [];
    const slow = (): Promise<string> => new Promise((resolve) => answers.push(resolve));
    await using server = await RpcServer.start({ methods: { slow } });
    await using pool = open(server.url, { max: 1, concurrency: 2, maxBufferedAmount: MB });
    await pool.request(call('echo'));
    const first = pool.request(call('slow', large));
    await expect.poll(() => pool.getMetrics()).toMatchObject({ inFlight: 1, leases: 0 });
    const others = [1, 2].map(() => pool.request(call('slow')));
    await expect.poll(() => answers).toHaveLength(2);
    expect(pool.getMetrics()).toMatchObject({ inFlight: 2, leases: 1, pending: 1 });
    answers[1]!('second');
    await expect.poll(() => answers).toHaveLength(3);
    answers[2]!('third');
    expect(await Promise.all(others)).toEqual(['second', 'third']);
    const closed = pool.close();
    // Its answer to a ping says that it has not begun to close.
    const pong = once(server.peer.socket, 'pong');
    server.peer.socket.ping();
    await pong;
    answers[0]!('first');
    expect(await first).toBe('first');
    expect(await closed).toMatchObject({ leaked: 0 });
  });

  it('is relieved though the request that filled it was given up, and though another lease is held', async () => {
    await using server = await RpcServer.start();
    await using pool = open(server.url, { max: 1, maxBufferedAmount: MB });
    using held = await pool.acquire();
    server.peer.socket.pause();
    expect(await outcome(pool.request(call('take', large), { timeout: 50 }))).toMatchObject({
      code: 'WS_REQUEST_TIMEOUT',
    });
    const waiting = pool.request(call('add', 1, 2));
    server.peer.socket.resume();
    expect(await waiting).toBe(3);
    expect(held.connection.socket.bufferedAmount).toBe(0);
  });

  it('leaves its requests to another where one may be opened', async () => {
    await using server = await RpcServer.start();
    await using pool = open(server.url, { max: 2, maxBufferedAmount: MB });
    await pool.request(call('echo'));
    server.peer.socket.pause();
    const first = outcome(pool.request(call('take', large)));
    await expect.poll(() => pool.getMetrics().bufferedAmount).toBeGreaterThan(MB);
    expect(await pool.request(call('add', 1, 2))).toBe(3);
    expect(server.peers).toHaveLength(2);
    server.peers[0]!.socket.resume();
    await first;
  });

  it('ends with its leases when it dies', async () => {
    await using server = await RpcServer.start();
    await using pool = open(server.url, { max: 1, maxBufferedAmount: MB });
    await pool.request(call('echo'));
    server.peer.socket.pause();
    const first = outcome(pool.request(call('take', large)));
    const notified = pool.notify(call('take'));
    await expect.poll(() => pool.getMetrics().bufferedAmount).toBeGreaterThan(MB);
    server.peer.socket.terminate();
    expect(await first).toMatchObject({ code: 'WS_CLOSED' });
    await notified;
    expect(await pool.request(call('add', 1, 2))).toBe(3);
    expect(pool.getMetrics().leases).toBe(0);
  });

  it('is filled by messages without answers too', async () => {
    await using server = await RpcServer.start();
    await using pool = open(server.url, { max: 1, maxBufferedAmount: MB });
    await pool.request(call('echo'));
    server.peer.socket.pause();
    const block = 'x'.repeat(MB);
    let sent = 0;
    const notes = Array.from({ length: 50 }, async () => {
      await pool.notify(call('take', block));
      sent += 1;
    });
    await expect.poll(() => pool.getMetrics().bufferedAmount).toBeGreaterThan(MB);
    await new Promise((resolve) => setImmediate(resolve));
    expect(pool.getMetrics().bufferedAmount).toBeLessThan(4 * MB);
    expect(sent).toBeLessThan(50);
    server.peer.socket.resume();
    await Promise.all(notes);
    await expect.poll(() => server.called.length).toBe(51);
  });

  it('gives back what it had not written, though it may not be sent twice', async () => {
    await using server = await RpcServer.start();
    await using pool = open(server.url, { max: 1, maxBufferedAmount: MB });
    await pool.request(call('echo'));
    server.peer.socket.pause();
    // Both have a lease before the first fills the buffer.
    const written = outcome(pool.request(call('take', large)));
    const unwritten = pool.request(call('add', 1, 2));
    await expect.poll(() => pool.getMetrics().bufferedAmount).toBeGreaterThan(MB);
    server.peer.socket.terminate();
    expect(await written).toMatchObject({ code: 'WS_CLOSED' });
    expect(await unwritten).toBe(3);
  });

  it('writes nothing whose caller has left meanwhile, and takes no answer to it', async () => {
    await using server = await RpcServer.start();
    await using pool = open(server.url, { max: 1, maxBufferedAmount: MB });
    await pool.request(call('echo'));
    server.peer.socket.pause();
    const first = pool.request(call('take', large));
    const late = outcome(pool.request(call('late'), { timeout: 20 }));
    const controller = new AbortController();
    const aborted = outcome(pool.notify(call('aborted'), { signal: controller.signal }));
    // A guess of the server's at an id that is not written yet.
    server.peer.send({ id: 3, result: 'guessed' });
    expect(await late).toMatchObject({ code: 'WS_REQUEST_TIMEOUT' });
    controller.abort('enough');
    expect(await aborted).toBe('enough');
    await expect.poll(() => pool.getMetrics().unexpectedFrames).toBe(1);
    server.peer.socket.resume();
    await first;
    await pool.request(call('echo'));
    expect(server.called).toEqual(['echo', 'take', 'echo']);
  });
});
