import { buildConnector, type Client } from 'undici';
import type { ConnectionParts } from './connection.ts';

/** What undici's Client allows by default. */
const STREAMS = 100;

/**
 * How connections are opened, by whether they may speak HTTP/2: with one connector for all of them, as undici's Pool has,
 * so that TLS sessions are resumed.
 */
export function connectorsOf(options: Client.Options): (allowsH2: boolean) => ConnectionParts {
  const [h1, h2] = [partsOf(options, false), partsOf(options, options.allowH2 !== false)];
  return (allowsH2) => (allowsH2 ? h2 : h1);
}

function partsOf(options: Client.Options, allowH2: boolean): ConnectionParts {
  const { connect, socketPath, h2Options, maxConcurrentStreams = STREAMS } = options;
  const connector: buildConnector.connector =
    typeof connect === 'function'
      ? (to, callback) => connect({ ...to, ...(socketPath === undefined ? undefined : { socketPath }) }, callback)
      : buildConnector(given({ ...settingsOf(options), ...connect, allowH2 }));
  return { connector, client: options, maxStreams: h2Options?.maxConcurrentStreams ?? maxConcurrentStreams };
}

/** What a Client would give to its connector. */
function settingsOf(options: Client.Options): object {
  const { connectTimeout: timeout, maxCachedSessions, socketPath, h2Options } = options;
  const { autoSelectFamily, autoSelectFamilyAttemptTimeout } = options;
  return {
    timeout,
    maxCachedSessions,
    socketPath,
    useH2c: h2Options?.useH2c,
    autoSelectFamily,
    autoSelectFamilyAttemptTimeout,
  };
}

/** Without what is undefined, which Node's own options would take for a value. */
function given(options: Readonly<Record<string, unknown>>): buildConnector.BuildOptions {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries);
}
