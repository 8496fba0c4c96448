import { createConnection, type ConnectionOptions } from 'mysql2';
import type { CoreConnection } from './wire.ts';

/**
 * Opens a connection and waits until the server has let it in. `signal` ends it, which mysql2 cannot: the socket is
 * destroyed, for a server that does not answer takes no farewell either.
 */
export function connect(options: Readonly<ConnectionOptions>, signal: AbortSignal): Promise<CoreConnection> {
  signal.throwIfAborted();
  // A copy: mysql2 writes into it.
  const core = createConnection({ ...options }) as unknown as CoreConnection;
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => {
      signal.removeEventListener('abort', abort);
      core.stream.destroy();
      reject(error);
    };
    const abort = (): void => fail(signal.reason);
    signal.addEventListener('abort', abort);
    core.on('error', fail);
    core.once('connect', () => {
      signal.removeEventListener('abort', abort);
      // From here on whoever watches it hears of it too; an error that nobody listens to would end the process.
      core.on('error', () => {});
      core.off('error', fail);
      resolve(core);
    });
  });
}
