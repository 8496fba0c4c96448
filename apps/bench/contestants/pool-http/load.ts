import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Dispatcher } from 'undici';
import type { Setting, Setup } from '../../src/bench.ts';

/** Of every contestant, to one endpoint. */
const CONNECTIONS = 10;

/** How many callers ask in loops, one request after the other; the id of the case begins with it. */
const callersOf = ({ case: { id } }: Setting): number => Number.parseInt(id, 10);

/** The setup of a contestant: requests over loopback to a server in a process of its own, which is not measured. */
export function contestant(open: (origin: string, connections: number) => Dispatcher): Setup {
  return async (setting) => {
    const server = fork(fileURLToPath(new URL('server.ts', import.meta.url)));
    const [port] = (await once(server, 'message')) as [number];
    const origin = `http://127.0.0.1:${port}`;
    const dispatcher = open(origin, CONNECTIONS);
    const ask = async (): Promise<number> => {
      const { body } = await dispatcher.request({ origin, path: '/', method: 'GET' });
      return (await body.text()).length;
    };
    return async (operations) => {
      let left = operations;
      let checksum = 0;
      const call = async (): Promise<void> => {
        while (left > 0) {
          left -= 1;
          const length = await ask();
          checksum += length;
        }
      };
      await Promise.all(Array.from({ length: callersOf(setting) }, call));
      return { checksum };
    };
  };
}
