import { after } from '@forge/internal';
import type { SideConnection } from './driver.ts';
import type { Session } from './session.ts';

/** How long a server may take to heed a cancel and to answer after it; one that does not is taken for dead. */
const PATIENCE = 2_000;

/**
 * Cancels what a session runs, and sees to it that nothing else is hit. The request names the server's process and not
 * the query, and travels on a connection of its own, so that it may arrive when the query has just ended. Hence nobody
 * gets the session until three things have happened: the server has closed the side connection, by which time the signal
 * is sent; the query has ended, one way or the other; and an empty query was answered, which takes upon itself a signal
 * that came late. What has not ended by then is cut off.
 */
export function cancel(session: Session): Promise<void> {
  session.cancelling ??= run(session).finally(() => {
    session.cancelling = undefined;
  });
  return session.cancelling;
}

async function run(session: Session): Promise<void> {
  let stop: (() => void) | undefined;
  const late = new Promise<void>((resolve) => {
    stop = after(PATIENCE, () => {
      session.cut();
      resolve();
    });
  });
  await Promise.race([settle(session), late]);
  stop?.();
}

async function settle(session: Session): Promise<void> {
  await Promise.all([request(session), session.drained()]);
  // Either it is answered, or it has taken the signal, of which there is but one.
  await session.run('').catch(() => {});
}

/** Sends a CancelRequest over a connection made as the client's was, TLS included; settles when the server has closed it. */
function request({ client }: Session): Promise<void> {
  const { connection, processID, secretKey, host = '', port = 0, ssl, sslNegotiation } = client;
  if (connection === undefined || typeof processID !== 'number' || typeof secretKey !== 'number')
    return Promise.resolve();
  const Side = connection.constructor as new (config: object) => SideConnection;
  const side = new Side({ ssl, sslNegotiation });
  const send = (): void => side.cancel(processID, secretKey);
  return new Promise((resolve) => {
    // A request that fails is one that is not heeded: the patience of the caller ends it.
    const stop = after(PATIENCE, () => side.stream.destroy());
    side.on('error', () => {});
    side.on('end', () => {
      stop();
      resolve();
    });
    side.on('sslconnect', send);
    side.on('connect', () => {
      if (!ssl) send();
      else if (sslNegotiation !== 'direct') side.requestSsl();
    });
    if (host.startsWith('/')) side.connect(`${host}/.s.PGSQL.${port}`);
    else side.connect(port, host);
  });
}
