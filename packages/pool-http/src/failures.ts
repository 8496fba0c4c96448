import { PoolError, type ErrorClass } from '@forge/pool';
import { errors } from 'undici';

/** What OpenSSL and Node say of a certificate or a handshake that will be no better the next time. */
const TLS =
  /^(ERR_TLS_|ERR_SSL_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|HOSTNAME_MISMATCH$|INVALID_CA$|INVALID_PURPOSE$)/;

/** This process has no file descriptor left. */
const LOCAL = /^(EMFILE|ENFILE)$/;

/** What an endpoint, or the way to it, did to a request that was written. What its caller did has other codes, if any. */
const REMOTE =
  /^(E(CONN(RESET|ABORTED)|PIPE|TIMEDOUT|(HOST|NET)(UNREACH|DOWN)|PROTO)$|ERR_HTTP2_|UND_ERR_(SOCKET|HEADERS_TIMEOUT|BODY_TIMEOUT|RES_CONTENT_LENGTH_MISMATCH)$)/;

/** What a pool says that has no connection. */
const REFUSAL = /^POOL_(CREATE_FAILED|CREATE_TIMEOUT|UNAVAILABLE)$/;

/** What a failed connect means for the next ones. */
export function classifyConnect(error: unknown): ErrorClass {
  const code = codeOf(error);
  if (TLS.test(code)) return 'fatal';
  return LOCAL.test(code) ? 'overloaded' : 'retryable';
}

/** Whether an error speaks against the endpoint, rather than of the caller or of this process. */
export function blames(error: unknown): boolean {
  const code = codeOf(error);
  if (error instanceof PoolError) return REFUSAL.test(code) && !LOCAL.test(codeOf(error.cause));
  // Its code is not always there.
  return REMOTE.test(code) || error instanceof errors.HTTPParserError;
}

/** Whether a connect failed for want of a file descriptor. */
export function isLocal(error: unknown): boolean {
  return error instanceof PoolError && error.code === 'POOL_CREATE_FAILED' && LOCAL.test(codeOf(error.cause));
}

/** Whether another endpoint may have what this one has not: a connection. */
export function isRefusal(error: unknown): boolean {
  return error instanceof PoolError && (error.code === 'POOL_QUEUE_FULL' || REFUSAL.test(error.code));
}

/**
 * What the caller of undici expects: the error of the connect itself. What only a pool can say stays what it is, with its
 * cause.
 */
export function unwrap(error: unknown): Error {
  if (!(error instanceof PoolError)) return error instanceof Error ? error : new errors.SocketError(String(error));
  if (error.code === 'POOL_CREATE_TIMEOUT') return new errors.ConnectTimeoutError(error.message);
  return error.code === 'POOL_CREATE_FAILED' && error.cause instanceof Error ? error.cause : error;
}

function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('code' in error)) return '';
  return typeof error.code === 'string' ? error.code : '';
}
