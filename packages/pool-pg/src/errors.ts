import { PoolError, type ErrorClass, type ErrorPhase } from '@forge/pool';

/** What went wrong with a query; of the pool's own failures {@link PoolError} tells, by its `code` too. */
export class QueryTimeoutError extends Error {
  override readonly name = 'QueryTimeoutError';
  readonly code = 'PG_QUERY_TIMEOUT';
  /** How long it was allowed to take, in ms. */
  readonly timeout: number;

  constructor(timeout: number) {
    // pg's own words, which programs look for.
    super('Query read timeout');
    this.timeout = timeout;
  }
}

/** The server goes, crashes, or is just coming: sessions that were made before are as good as dead [PostgreSQL, Appendix A]. */
const GOING: ReadonlySet<string> = new Set(['57P01', '57P02', '57P03']);
/** A write was refused by what has been the primary. */
const READ_ONLY = '25006';
/** Nothing but a change of the configuration helps: password, user, database, right to connect. */
const FATAL: ReadonlySet<string> = new Set(['28P01', '28000', '3D000', '42501']);
const TOO_MANY = '53300';
/** Of TLS, by OpenSSL's names; pg's own refusals have no code. */
const TLS = /^(?:CERT_|ERR_TLS_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_(?:GET|VERIFY)_|HOSTNAME_MISMATCH)/;
const REFUSED = /^(?:SASL: |The server does not support SSL connections)/;

/** What an error means for the connections and creates to come. */
export function classifyError(error: unknown, phase: ErrorPhase): ErrorClass {
  const { code, message } = describe(error);
  if (GOING.has(code) || code === READ_ONLY) return 'outage';
  if (code === TOO_MANY) return 'overloaded';
  // A reset of a connection that worked comes from a server that died, not from a busy one.
  if (phase !== 'create') return code === 'ECONNRESET' ? 'outage' : 'retryable';
  return FATAL.has(code) || TLS.test(code) || REFUSED.test(message) ? 'fatal' : 'retryable';
}

/**
 * Whether an error that the server sent says that the session is of no more use, though it may look alive: the server
 * goes, or has become read-only, which is no news on a session that was made on a standby.
 */
export function tellsOfOutage(error: unknown, isStandby: boolean): boolean {
  const { code } = describe(error);
  return GOING.has(code) || (code === READ_ONLY && !isStandby);
}

/** A failure of the pool in the words of pg-pool, or the driver's own error where that is what pg-pool's users get. */
export function inWordsOfPgPool(error: unknown): unknown {
  if (!(error instanceof PoolError)) return error;
  const { code, cause, waited, pending, total, leased } = error;
  const reword = (message: string, details: { cause?: unknown } = {}): PoolError =>
    new PoolError(code, message, { waited, pending, total, leased, ...details });
  if (code === 'POOL_CREATE_FAILED') return cause ?? error;
  if (code === 'POOL_CREATE_TIMEOUT') return reword('Connection terminated due to connection timeout');
  if (code === 'POOL_CLOSED') return reword('Cannot use a pool after calling end on the pool');
  if (code === 'POOL_ACQUIRE_TIMEOUT') {
    const isConnecting = total === 0;
    const message = isConnecting
      ? 'Connection terminated due to connection timeout'
      : 'timeout exceeded when trying to connect';
    return reword(message, { cause });
  }
  if (code !== 'POOL_UNAVAILABLE') return error;
  const reason = cause instanceof PoolError ? (cause.cause ?? cause) : cause;
  return reword(`Cannot connect, and not tried again for a while: ${describe(reason).message}`, { cause: reason });
}

function describe(error: unknown): { code: string; message: string } {
  const { code, message } = Object(error) as { code?: unknown; message?: unknown };
  return { code: typeof code === 'string' ? code : '', message: typeof message === 'string' ? message : '' };
}
