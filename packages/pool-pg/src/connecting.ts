import { faceOf, type DriverClient } from './driver.ts';
import { end } from './ending.ts';
import type { ClientOptions } from './options.ts';
import { Session } from './session.ts';

/** What a new session is told to. */
export interface ConnectLinks {
  /** Of a session that nobody has. */
  readonly failed: (error: Error, session: Session) => void;
  /** Puts the pool's terms on the client's queries. */
  readonly govern: (session: Session) => void;
  /** To be told of before its first user has it. */
  readonly connected: (session: Session) => void;
}

/**
 * Connects one client, prepares it and has it verified; `signal` ends that at once, by ending the socket. What has
 * failed is left without a connection.
 */
export async function connect(options: ClientOptions, links: ConnectLinks, signal: AbortSignal): Promise<Session> {
  const { Client, config, onConnect, verify } = options;
  const client = new Client(config);
  const session = new Session(client, links.failed);
  let abort = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => {
      session.cut();
      reject(signal.reason as Error);
    };
  });
  aborted.catch(() => {});
  signal.addEventListener('abort', abort);
  const orAborted = <T>(work: PromiseLike<T> | T): Promise<T> => Promise.race([work, aborted]);
  try {
    await orAborted(settled((done) => client.connect(done)));
    links.govern(session);
    await orAborted(onConnect?.(faceOf(client)));
    links.connected(session);
    if (verify !== undefined) await orAborted(verified(verify, client));
    return session;
  } catch (error) {
    // Nobody waits for its goodbye; what failed before it had a socket has none.
    if (client.connection !== undefined) void end(session);
    throw error;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** It gets the client as a caller would, and may release it, which means nothing yet. */
function verified(verify: NonNullable<ClientOptions['verify']>, client: DriverClient): Promise<void> {
  client.release = () => {};
  return settled((done) => verify(faceOf(client), done));
}

function settled(start: (done: (error?: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    start((error) => (error ? reject(error) : resolve()));
  });
}
