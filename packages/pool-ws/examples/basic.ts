import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { WebSocketPool } from '@forge/pool-ws';
import { WebSocketServer } from 'ws';

// A server that doubles numbers, and goes away after three answers.
const server = new WebSocketServer({ port: 0 });
server.on('connection', (socket) => {
  let answers = 0;
  socket.on('message', (data: Buffer) => {
    const { id, params } = JSON.parse(data.toString()) as { id: number; params: [number] };
    socket.send(JSON.stringify({ jsonrpc: '2.0', id, result: params[0] * 2 }));
    if ((answers += 1) === 3) socket.close(1001, 'going away');
  });
});
await once(server, 'listening');

const { port } = server.address() as AddressInfo;
const pool = new WebSocketPool({ url: `ws://127.0.0.1:${port}`, max: 1 });
const double = (n: number): Promise<unknown> =>
  pool.request({ method: 'double', params: [n] }, { timeout: 5_000, idempotent: true });

console.log(await Promise.all([1, 2, 3, 4, 5].map(double))); // all on one socket, then the rest on the next
const { created, retries } = pool.getMetrics();
console.log(`${created} sockets, ${retries} requests sent again`);

await pool.close();
server.close();
