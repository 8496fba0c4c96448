import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ConnectionPool } from '../../src/index.ts';
import { outcome } from '../support.ts';

/** Blocks the event loop without work for the processor. */
const stall = (ms: number): void => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
};

/** Both ends of one real connection. */
async function pair(): Promise<{ here: Socket; there: Socket }> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve));
  const here = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const there = await accepted;
  server.close();
  return { here, there };
}

describe('a stall of the event loop', () => {
  let ends: Awaited<ReturnType<typeof pair>>;
  beforeEach(async () => {
    ends = await pair();
  });
  afterEach(() => {
    ends.here.destroy();
    ends.there.destroy();
  });

  it('expires no create, no caller and no check whose answer is there already', { timeout: 20_000 }, async () => {
    const answer = new Promise<void>((resolve) => ends.here.once('data', () => resolve()));
    const creating = new ConnectionPool({ createTimeout: 1000, create: () => answer.then(() => 'created') });
    const waiting = new ConnectionPool({ max: 1, acquireTimeout: 1000, create: () => 'shared' });
    const asked = vi.fn(() => answer.then(() => true));
    const checking = new ConnectionPool({ create: () => 1, validate: asked, healthCheckInterval: 1, maxRetries: 1 });
    const held = waiting.use(() => answer);
    (await checking.acquire()).release();
    await vi.waitFor(() => expect(asked).toHaveBeenCalled());
    const callers = [creating, waiting].map((pool) => outcome(pool.use((connection) => connection)));
    await new Promise<void>((resolve) => {
      setImmediate(() => {
        ends.there.write('the answer');
        stall(5_200);
        resolve();
      });
    });
    await held;
    await expect(Promise.all(callers)).resolves.toEqual([{ value: 'created' }, { value: 'shared' }]);
    await checking.close();
    for (const pool of [creating, waiting, checking]) {
      expect(pool.getMetrics()).toMatchObject({ timeouts: 0, errors: 0, rejected: 0, created: 1 });
    }
    await Promise.all([creating.close(), waiting.close()]);
  });
});
