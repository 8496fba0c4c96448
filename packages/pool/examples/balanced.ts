import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';
import { BalancedPool } from '@forge/pool';

const servers = ['a', 'b'].map((name) => createServer((socket) => socket.on('data', () => socket.end(name))));
const ports = await Promise.all(
  servers.map(async (server) => {
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return (server.address() as AddressInfo).port;
  }),
);

const pool = new BalancedPool<number, Socket>({
  endpoints: ports,
  create: async (port, signal) => {
    const socket = connect({ port, host: '127.0.0.1', signal });
    await once(socket, 'connect');
    return socket;
  },
  destroy: (socket) => socket.destroy(),
  onClosed: (socket, evict) => void socket.once('close', () => evict()),
  maxUses: 1,
});
pool.on('endpointEjected', ({ endpoint }) => console.log('ejected', endpoint === ports[0]));

const ask = (): Promise<string> =>
  pool.use(async (socket) => {
    const answer = once(socket, 'data');
    socket.write('?');
    return String((await answer)[0]);
  });
console.log(new Set(await Promise.all(Array.from({ length: 20 }, ask))).size, 'servers answer');

// One goes down: every caller is still served.
servers[0]!.close();
await once(servers[0]!, 'close');
const answers = await Promise.all(Array.from({ length: 20 }, ask));
console.log(answers.every((answer) => answer === 'b'));
await pool.close();
servers[1]!.close();
