import type { CloseKind } from './close-kinds.ts';

/** What went wrong; test this rather than `instanceof`, for ESM and CommonJS copies of the class may both be loaded. */
export type WebSocketErrorCode =
  | 'WS_BAD_ANSWER'
  | 'WS_BAD_FRAMES'
  | 'WS_CLOSED'
  | 'WS_HANDSHAKE_FAILED'
  | 'WS_HANDSHAKE_TIMEOUT'
  | 'WS_HEARTBEAT_LOST'
  | 'WS_OVERLOADED'
  | 'WS_REMOTE_ERROR'
  | 'WS_REQUEST_TIMEOUT';

/** What a {@link WebSocketError} carries besides its code; what does not apply to the code is absent. */
export type WebSocketErrorDetails = Partial<
  Pick<WebSocketError, 'answer' | 'cause' | 'closeCode' | 'closeReason' | 'kind' | 'status'>
>;

/** A failure of a socket, or of a request on it. When a socket ends, all requests on it get the same object. */
export class WebSocketError extends Error {
  override readonly name = 'WebSocketError';
  readonly code: WebSocketErrorCode;
  /** What the end of the socket means for those to come; undefined where none ended. */
  readonly kind: CloseKind | undefined;
  /** Of WS_CLOSED: 1006 where the server said nothing. */
  readonly closeCode: number | undefined;
  /** Of WS_CLOSED: what the server said, 123 bytes at most. */
  readonly closeReason: string | undefined;
  /** Of WS_HANDSHAKE_FAILED, where the server answered: the HTTP status. */
  readonly status: number | undefined;
  /** Of WS_REMOTE_ERROR: the error as the codec read it. */
  readonly answer: unknown;

  constructor(code: WebSocketErrorCode, message: string, { cause, ...details }: WebSocketErrorDetails = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    Object.assign(this, details);
  }
}

/** Whether it is one, of this copy of the class or of another. */
export function isWebSocketError(error: unknown): error is WebSocketError {
  return error instanceof Error && error.name === 'WebSocketError';
}

/** What it means for the connects to come that one failed, or that its connection ended. */
export function kindOf(error: unknown): CloseKind {
  if (!isWebSocketError(error)) return 'retry';
  // To the first words of a connection: the next would hear the same.
  return error.code === 'WS_REMOTE_ERROR' ? 'fatal' : (error.kind ?? 'retry');
}
