import { PoolError, type ErrorClass, type ErrorPhase, type PoolErrorCode } from '@forge/pool';

/** An error as mysql2 makes it; nothing of it is certain. */
export interface DriverError extends Error {
  readonly code?: string;
  readonly errno?: number;
  readonly syscall?: string;
  readonly fatal?: boolean;
}

/** Who may not come in, and where to: trying again does not help. */
const REFUSALS: ReadonlySet<number> = new Set([
  1044, // ER_DBACCESS_DENIED_ERROR
  1045, // ER_ACCESS_DENIED_ERROR
  1049, // ER_BAD_DB_ERROR
  1130, // ER_HOST_NOT_PRIVILEGED
  1251, // ER_NOT_SUPPORTED_AUTH_MODE
  1698, // ER_ACCESS_DENIED_NO_PASSWORD_ERROR
]);

const OVERLOADS: ReadonlySet<number> = new Set([
  1040, // ER_CON_COUNT_ERROR
  1203, // ER_TOO_MANY_USER_CONNECTIONS
  1226, // ER_USER_LIMIT_REACHED
]);

/** mysql2's own of the handshake. */
const MISMATCHES: ReadonlySet<string> = new Set(['HANDSHAKE_NO_SSL_SUPPORT', 'AUTH_SWITCH_PLUGIN_ERROR']);

/** ER_OPTION_PREVENTS_STATEMENT, which has other options to speak of too. */
const OPTION_PREVENTS = 1290;
const READ_ONLY: ReadonlySet<number> = new Set([
  1792, // ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION
  1836, // ER_READ_ONLY_MODE
]);

/** ER_CLIENT_INTERACTION_TIMEOUT: MySQL's farewell to a connection from which it has heard nothing. */
const NOTHING_HEARD = 4031;

/** What a failure means for the connections and creates to come. */
export function classifyError(error: unknown, phase: ErrorPhase): ErrorClass {
  if (phase !== 'create') return 'retryable';
  const { errno = 0, code = '' } = asDriverError(error);
  if (OVERLOADS.has(errno)) return 'overloaded';
  return REFUSALS.has(errno) || MISMATCHES.has(code) || isBadCertificate(error) ? 'fatal' : 'retryable';
}

/** Whether the server can be read but no longer written: another one has become the primary. */
export function isReadOnly(error: unknown): boolean {
  const { errno = 0, message } = asDriverError(error);
  return READ_ONLY.has(errno) || (errno === OPTION_PREVENTS && /read[-_]only/i.test(message));
}

/**
 * Whether a statement has provably not reached the server, if no byte of an answer has arrived: the system refused to send
 * a part of it, so that the server never had it whole; or the server says that it has heard nothing.
 */
export function neverArrived(error: unknown): boolean {
  const { code, errno, syscall } = asDriverError(error);
  return code === 'EPIPE' || syscall === 'write' || errno === NOTHING_HEARD;
}

/** mysql2 gives one code to all that fails before a connection is secure, a network that breaks included. */
function isBadCertificate(error: unknown): boolean {
  const { code, syscall, message } = asDriverError(error);
  return code === 'HANDSHAKE_SSL_ERROR' && syscall === undefined && !message.startsWith('Client network socket');
}

function asDriverError(error: unknown): DriverError {
  return error instanceof Error ? error : new Error(String(error));
}

/** What mysql2's pool says in these cases. */
const MESSAGES: Partial<Record<PoolErrorCode, string>> = {
  POOL_CLOSED: 'Pool is closed.',
  POOL_QUEUE_FULL: 'Queue limit reached.',
};

/** The error of a caller who got no connection: that of mysql2 where it would have one. */
export function acquireError(error: unknown, waits: boolean): unknown {
  if (!(error instanceof PoolError)) return error;
  const { code, cause } = error;
  if (code === 'POOL_CREATE_FAILED') return cause ?? error;
  if (code === 'POOL_CREATE_TIMEOUT') return timeoutError('connect ETIMEDOUT', 'ETIMEDOUT', 'connect', error);
  const message = code === 'POOL_QUEUE_FULL' && !waits ? 'No connections available.' : MESSAGES[code];
  return message === undefined ? error : new PoolError(code, message, { cause: error });
}

/** As mysql2 says it, who names the field wrongly too. */
export function queryTimeoutError(): Error {
  return timeoutError('Query inactivity timeout', 'PROTOCOL_SEQUENCE_TIMEOUT', 'query');
}

/** As mysql2 says it. */
export function lossError(): Error {
  const error = new Error('Connection lost: The server closed the connection.');
  return Object.assign(error, { code: 'PROTOCOL_CONNECTION_LOST', fatal: true });
}

/** What a released connection says to whoever still uses it. */
export function staleError(): PoolError {
  return new PoolError('POOL_LEASE_STALE', 'Cannot use a connection: it has already been released or destroyed');
}

function timeoutError(message: string, code: string, syscall: string, cause?: unknown): Error {
  const error = new Error(message, cause === undefined ? undefined : { cause });
  return Object.assign(error, { errorno: code, code, syscall });
}
