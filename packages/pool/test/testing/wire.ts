import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { faultProxy, type FaultProxy, type FaultProxyOptions } from '../../src/testing/index.ts';

/** One connection through a proxy, held at both ends. */
export interface Wire {
  readonly proxy: FaultProxy;
  readonly client: Socket;
  readonly server: Socket;
  /** One more through the same proxy. */
  readonly again: () => Promise<Omit<Wire, 'again'>>;
}

/** A server that leaves its sockets to the test, and a client's connection to it through a proxy without faults. */
export async function wire(options: Omit<FaultProxyOptions, 'to'> = {}): Promise<Wire> {
  const accepted: Socket[] = [];
  const listener = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => accepted.push(quiet(socket)));
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const proxy = await faultProxy({ to: (listener.address() as AddressInfo).port, ...options });
  onTestFinished(async () => {
    await proxy.close();
    for (const socket of accepted) socket.destroy();
    listener.close();
  });

  const again = async (): Promise<Omit<Wire, 'again'>> => {
    const client = await dial(proxy.port);
    while (accepted.length === 0) await once(listener, 'connection');
    return { proxy, client, server: accepted.shift()! };
  };
  return { ...(await again()), again };
}

/** Rejects when the connection is refused. */
export async function dial(port: number): Promise<Socket> {
  const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
  await once(client, 'connect');
  onTestFinished(() => void client.destroy());
  return quiet(client);
}

/** How the other side ends it: `end`, or the code of the error. */
export async function ending(socket: Socket): Promise<string> {
  socket.resume();
  return new Promise((resolve) => {
    socket.once('end', () => resolve('end'));
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}

/** The next `count` bytes, as they come. */
export async function read(socket: Socket, count: number): Promise<string> {
  let text = '';
  while (text.length < count) text += String((await once(socket, 'data'))[0]);
  return text;
}

/** An error that the test does not look at ends nothing. */
function quiet(socket: Socket): Socket {
  return socket.on('error', () => {});
}
