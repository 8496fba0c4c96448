/**
 * What the end of a socket means for what follows. `retry`: connect again, and send idempotent requests again.
 * `backoff`: the same after a longer pause, for the server has asked for one. `refused`: something that was sent is to
 * blame, so it is not sent again. `fatal`: no connect will succeed until somebody acts, so those who wait are told.
 */
export type CloseKind = 'retry' | 'backoff' | 'refused' | 'fatal';

/** Codes of RFC 6455, section 7.4.1, and of the IANA registry that it began. All others are `retry`. */
const REGISTERED: ReadonlyMap<number, CloseKind> = new Map([
  [1002, 'refused'], // protocol error
  [1003, 'refused'], // unsupported data
  [1007, 'refused'], // invalid payload
  [1008, 'fatal'], // policy violation
  [1009, 'refused'], // message too big
  [1010, 'fatal'], // mandatory extension
  [1012, 'backoff'], // service restart
  [1013, 'backoff'], // try again later
  [1014, 'backoff'], // bad gateway
  [3000, 'fatal'], // unauthorized
  [3003, 'fatal'], // forbidden
]);

/** Above it codes belong to the application. Most of these follow HTTP: 4401 is 401. */
const PRIVATE = 4000;

/** The kind of a close code, where the user of the pool says nothing else. */
export function closeKind(code: number): CloseKind {
  if (code < PRIVATE) return REGISTERED.get(code) ?? 'retry';
  const kind = statusKind(code - PRIVATE);
  // Of private codes only those that HTTP gives a clear meaning are believed.
  return kind === 'fatal' && ![401, 403].includes(code - PRIVATE) ? 'retry' : kind;
}

/** What it means that a server answers the handshake with this HTTP status. */
export function statusKind(status: number): CloseKind {
  if ([429, 503].includes(status)) return 'backoff';
  const isOurs = status >= 300 && status < 500 && ![408, 425].includes(status);
  return isOurs ? 'fatal' : 'retry';
}

/** Errors of Node that say that the certificate of the server is not to be trusted. */
const UNTRUSTED =
  /^(CERT_|ERR_TLS_CERT|UNABLE_TO_(GET|VERIFY|DECRYPT|DECODE)|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_MISMATCH)/;

/** What it means that a handshake failed with this error. */
export function handshakeKind(error: unknown): CloseKind {
  const code: unknown = Reflect.get(Object(error) as object, 'code');
  const isUntrusted = typeof code === 'string' && UNTRUSTED.test(code);
  // With a SyntaxError ws refuses an address that is none.
  return isUntrusted || error instanceof SyntaxError ? 'fatal' : 'retry';
}
