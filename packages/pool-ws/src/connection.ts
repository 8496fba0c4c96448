import type { Milliseconds } from '@forge/pool';
import type { WebSocket } from 'ws';

/** How one request waits. */
export interface ConnectionRequestOptions {
  /** Ends the wait; the promise rejects with its reason. The server is not told. */
  readonly signal?: AbortSignal;
  /** From here to the answer. @default the pool's requestTimeout */
  readonly timeout?: Milliseconds;
}

/** What a lease is on: one socket, and the requests on it. */
export interface WebSocketConnection<Request, Result> {
  /** For whatever the pool does not do. Its messages go through the codec too; do not close it: destroy the lease. */
  readonly socket: WebSocket;
  /**
   * Sends a request on this very socket, beside the requests of the pool.
   *
   * @throws TypeError, RangeError at once when an option is wrong; what the codec throws
   * @throws WebSocketError WS_REMOTE_ERROR, WS_REQUEST_TIMEOUT, WS_CLOSED, WS_HEARTBEAT_LOST, WS_BAD_FRAMES or
   *   WS_OVERLOADED (all as rejections)
   */
  request(payload: Request, options?: ConnectionRequestOptions): Promise<Result>;
  /**
   * Sends a message that is not answered, on this very socket.
   *
   * @throws WebSocketError WS_CLOSED when the socket is not open; what the codec throws
   */
  notify(payload: Request): void;
}
