import { freePort, ServerProcess } from '@forge/config/server-process';
import { execFile } from 'node:child_process';
import type { ClientRequest } from 'node:http';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call, open, outcome } from './support.ts';

const fixture = (name: string): string => fileURLToPath(new URL(`fixtures/${name}.ts`, import.meta.url));
const node = ['--conditions=@forge/source'];

let server: ServerProcess;
let url: string;

beforeAll(async () => {
  const port = await freePort();
  const args = [...node, fixture('child-server'), `${port}`];
  server = await ServerProcess.start({ program: process.execPath, args, ready: 'listening' });
  url = `ws://127.0.0.1:${port}`;
});
afterAll(() => server.end('SIGKILL'));

/** Keeps the event loop from doing anything. */
function stall(duration: number): void {
  const until = performance.now() + duration;
  while (performance.now() < until);
}

describe('a stall of the event loop', () => {
  it('expires no request whose answer has come meanwhile', async () => {
    await using pool = open(url, { max: 1 });
    await pool.request(call('echo'));
    const requests = Array.from({ length: 100 }, (_, n) => outcome(pool.request(call('add', n, n), { timeout: 60 })));
    // Until all are written.
    await new Promise((resolve) => setImmediate(resolve));
    stall(250);
    const answers = await Promise.all(requests);
    expect(answers).toEqual(requests.map((_, n) => ({ value: 2 * n })));
  });

  it('fails no handshake that the server has answered meanwhile', async () => {
    const finishRequest = (request: ClientRequest): void => {
      request.once('finish', () => setImmediate(() => stall(250)));
      request.end();
    };
    await using pool = open(url, { handshakeTimeout: 100, socket: { finishRequest } });
    await pool.request(call('echo'));
    expect(pool.getMetrics()).toMatchObject({ created: 1, errors: 0 });
  });

  it('is not taken for the silence of the server, even right after a ping', async () => {
    await using pool = open(url, { max: 1, heartbeatInterval: 40 });
    const socket = await pool.use((connection) => connection.socket);
    let pings = 0;
    const ping = socket.ping.bind(socket);
    socket.ping = () => {
      pings += 1;
      ping();
      // Longer than the server has to answer; the answer waits in the kernel.
      stall(150);
    };
    await expect.poll(() => pings).toBeGreaterThan(2);
    expect(pool.getMetrics()).toMatchObject({ heartbeatsLost: 0, created: 1 });
  });
});

describe('a server that is stopped', () => {
  it('is noticed by its silence, and found again when it goes on', async () => {
    await using pool = open(url, { max: 1, heartbeatInterval: 50, handshakeTimeout: 150 });
    await pool.request(call('echo'));
    server.freeze();
    try {
      expect(await outcome(pool.request(call('add', 1, 2)))).toMatchObject({ code: 'WS_HEARTBEAT_LOST' });
      // The kernel accepts for it, and nobody answers.
      expect(await outcome(pool.request(call('add', 1, 2)))).toMatchObject({ cause: { code: 'WS_HANDSHAKE_TIMEOUT' } });
    } finally {
      server.thaw();
    }
    expect(await pool.request(call('add', 1, 2))).toBe(3);
  });
});

describe('a client', () => {
  const run = promisify(execFile);

  it('without file descriptors is told so, and goes on when it has them again', async () => {
    const command = ['ulimit -n 64; exec "$@"', 'sh', process.execPath, ...node, fixture('emfile'), url];
    const { stdout } = await run('sh', ['-c', ...command], { timeout: 15_000 });
    expect(stdout).toBe('EMFILE\nPOOL_CREATE_FAILED WS_HANDSHAKE_FAILED EMFILE\n3\n');
  });

  it('whose pool is closed ends by itself', async () => {
    const { stdout } = await run(process.execPath, [...node, fixture('idle'), url], { timeout: 10_000 });
    expect(stdout).toBe('closed undefined\n');
  });
});
