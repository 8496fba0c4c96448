export type UpstreamErrorCode =
  | 'MCP_SPAWN_FAILED'
  | 'MCP_CONNECT_FAILED'
  | 'MCP_CONNECTION_CLOSED'
  | 'MCP_SESSION_LOST'
  | 'MCP_ERA_CHANGED'
  | 'MCP_HTTP_STATUS'
  | 'MCP_MESSAGE_TOO_LARGE'
  | 'MCP_BACKPRESSURE';

export interface UpstreamErrorDetails {
  readonly cause?: unknown;
  readonly notProcessed?: boolean;
  readonly status?: number;
  readonly lastWords?: string | undefined;
}

/** A failure of an upstream connection. Test `code`, not `instanceof`: ESM and CommonJS copies may both be loaded. */
export class UpstreamError extends Error {
  override readonly name = 'UpstreamError';
  readonly code: UpstreamErrorCode;
  /** True where the request certainly did not reach the upstream's code, so that it may be sent again. */
  readonly notProcessed: boolean;
  /** Of MCP_HTTP_STATUS. */
  readonly status: number | undefined;
  /** What a process that has ended wrote to its standard error, at most 4 kB: for a log, not for clients. */
  readonly lastWords: string | undefined;

  constructor(
    code: UpstreamErrorCode,
    message: string,
    { cause, notProcessed = false, status, lastWords }: UpstreamErrorDetails = {},
  ) {
    super(message, { cause });
    this.code = code;
    this.notProcessed = notProcessed;
    this.status = status;
    this.lastWords = lastWords;
  }
}

export function isUpstreamError(error: unknown): error is UpstreamError {
  return error instanceof Error && error.name === 'UpstreamError';
}

export function tooLarge(): UpstreamError {
  return new UpstreamError('MCP_MESSAGE_TOO_LARGE', 'The upstream sent a message that is too long');
}
