import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';
import { KeyedPool } from '@forge/pool';

// Two servers; the pool never has more than three connections to both.
const servers = ['a', 'b'].map((name) => createServer((socket) => socket.on('data', () => socket.write(name))));
const ports = await Promise.all(
  servers.map(async (server) => {
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return (server.address() as AddressInfo).port;
  }),
);

const pool = new KeyedPool<string, Socket>({
  create: async (port, signal) => {
    const socket = connect({ port: Number(port), host: '127.0.0.1', signal });
    await once(socket, 'connect');
    return socket;
  },
  destroy: (socket) => socket.destroy(),
  onClosed: (socket, evict) => void socket.once('close', () => evict()),
  max: 2,
  maxTotal: 3,
});

const ask = (port: number): Promise<string> =>
  pool.use(String(port), async (socket) => {
    const answer = once(socket, 'data');
    socket.write('?');
    return String((await answer)[0]);
  });
const answers = await Promise.all([0, 1, 0, 1, 0, 1].map((at) => ask(ports[at]!)));
console.log(answers.join(' '), pool.getMetrics().totalConnections <= 3);
await pool.close();
for (const server of servers) server.close();
