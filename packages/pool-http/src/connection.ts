import type { Socket } from 'node:net';
import type { Milliseconds } from '@forge/pool';
import { Client, type buildConnector } from 'undici';
import type { Destination } from './destination.ts';

export interface ConnectionParts {
  readonly connector: buildConnector.connector;
  readonly client: Client.Options;
  /** Of HTTP/2. */
  readonly maxStreams: number;
}

/**
 * One socket with the undici Client that speaks on it. The Client gets the socket when it is open, so that a failed connect
 * is the pool's affair and costs no request; and it gets no second one, so that what it still has to send when the socket
 * has closed comes back to the pool, which knows better connections.
 */
export class HttpConnection {
  readonly destination: Destination;
  readonly client: Client;
  /** On the pool's clock. */
  openedAt: Milliseconds = 0;
  readonly #socket: Socket;
  readonly #parts: ConnectionParts;
  /** Streams that the server is known to take at once; without HTTP/2 one. */
  #streams: number;
  #isAttached = false;
  #hasLeft = false;
  #isEnded = false;

  constructor(socket: Socket, destination: Destination, parts: ConnectionParts) {
    this.destination = destination;
    this.#socket = socket;
    this.#parts = parts;
    this.#streams = this.isMultiplexed ? parts.maxStreams : 1;
    this.client = new Client(destination.origin, {
      ...parts.client,
      connect: (options, callback) => this.#connect(options, callback),
    });
    // Until it serves somebody it keeps no process alive.
    socket.unref();
  }

  /** Whether it speaks HTTP/2. */
  get isMultiplexed(): boolean {
    return 'alpnProtocol' in this.#socket && this.#socket.alpnProtocol === 'h2';
  }

  /** Whether it can take no further request. */
  get isDead(): boolean {
    return this.#hasLeft || this.#isEnded || this.#socket.destroyed;
  }

  /**
   * Requests that it can have at once. How many streams a server allows is in a frame that undici keeps to itself, but one
   * stream too many waits in the Client: where some wait, as many as run are enough; where all places were in use and none
   * waits, one more is tried.
   */
  get places(): number {
    return this.#streams;
  }

  /** To be called when a request has ended, by which time the server has said how many it allows. */
  learn(): void {
    if (!this.isMultiplexed) return;
    const { pending, running } = this.client.stats;
    if (pending > 0) this.#streams = Math.max(1, running);
    else if (running + 1 >= this.#streams) this.#streams = Math.min(this.#streams + 1, this.#parts.maxStreams);
  }

  /** Calls `left` when the socket has closed, the server wants no further requests on it, or an upgrade took it away. */
  onLeft(left: (error: Error) => void): void {
    const leave = (error: Error): void => {
      if (this.#hasLeft) return;
      this.#hasLeft = true;
      left(error);
    };
    this.client.once('disconnect', (_origin, _targets, error) => leave(error));
    // Once it is attached the Client tells, when it is done with the socket itself.
    this.#socket.once('close', () => this.#isAttached || leave(new ConnectionGone()));
    // Told by the close that follows, or by the request that it fails.
    this.#socket.on('error', () => {});
  }

  /** Fails what it still has to do with the error. */
  async destroy(error: Error | null): Promise<void> {
    this.#isEnded = true;
    if (!this.#isAttached) this.#socket.destroy();
    await this.client.destroy(error);
  }

  #connect(options: buildConnector.Options, callback: buildConnector.Callback): void {
    const isOurs = options.protocol !== 'https:' || (options.servername ?? null) === this.destination.servername;
    const isFirst = !this.#isAttached;
    this.#isAttached = true;
    // A header that names another host, or a GOAWAY while requests run on: the Client goes on by itself until it is empty.
    if (!isOurs || (!isFirst && this.client.stats.running > 0)) {
      if (isFirst) this.#socket.destroy();
      this.#parts.connector(withDestination(options, this.destination), callback);
      return;
    }
    // Not at once: the Client would not go on with what it has to send.
    queueMicrotask(() => {
      if (!isFirst || this.isDead) return callback(new ConnectionGone(), null);
      this.#socket.ref();
      callback(null, this.#socket);
    });
  }
}

/**
 * What a request gets that was not sent, for its connection had closed. It is no SocketError: after one of these, and after
 * each that has its code, a Client would connect again at once, for ever.
 */
export class ConnectionGone extends Error {
  readonly code = 'ECONNRESET';

  constructor() {
    super('other side closed');
  }
}

/** @throws what the connector fails with, or the reason of the signal */
export function connect(
  destination: Destination,
  parts: ConnectionParts,
  signal: AbortSignal,
): Promise<HttpConnection> {
  return new Promise((resolve, reject) => {
    let opening: unknown;
    const abort = (): void => {
      if (opening !== undefined) (opening as Socket).destroy();
      reject(signal.reason as Error);
    };
    const { servername } = destination;
    const options = {
      protocol: destination.origin.protocol,
      ...(servername === null ? undefined : { servername }),
    } as buildConnector.Options;
    signal.addEventListener('abort', abort, { once: true });
    const opened: buildConnector.Callback = (...[error, socket]) => {
      signal.removeEventListener('abort', abort);
      if (error !== null) reject(error);
      else if (signal.aborted) socket.destroy();
      else resolve(new HttpConnection(socket, destination, parts));
    };
    // The type says void, but undici's own connector returns the socket that it opens.
    opening = parts.connector(withDestination(options, destination), opened);
  });
}

function withDestination(
  options: buildConnector.Options,
  { origin, hostname, port }: Destination,
): buildConnector.Options {
  return { ...options, host: origin.host, hostname, port };
}
