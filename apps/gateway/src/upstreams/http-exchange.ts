import type { HttpExchange } from '@forge/mcp/sessions';
import { Pool } from 'undici';
import type { HttpTarget } from '../config/gateway-config.ts';

/** Sockets that one session of an upstream may use; calls beyond that wait for one. */
const SOCKETS = 16;

export interface HttpChannel {
  readonly exchange: HttpExchange;
  /** Closes every socket at once. */
  close(): Promise<void>;
}

/**
 * Keep-alive sockets to one upstream. Redirects are not followed, and nothing of the client's request is passed on but
 * what the caller gives: no authorization, no cookies. Time is bounded by the signals, not by the sockets.
 */
export function httpChannel(target: HttpTarget): HttpChannel {
  const { origin, pathname, search, username, password } = new URL(target.url);
  const sockets = new Pool(origin, { connections: SOCKETS, headersTimeout: 0, bodyTimeout: 0, connectTimeout: 10_000 });
  const path = `${pathname}${search}`;
  const own = { ...basicAuth(username, password), ...lowerCased(target.headers) };
  return {
    exchange: async ({ method, headers, body }, signal) => {
      const response = await sockets.request({
        method,
        path,
        headers: { ...own, ...headers },
        body: body ?? null,
        signal,
      });
      return {
        status: response.statusCode,
        headers: response.headers,
        body: response.body,
        destroy: () => {
          response.body.destroy();
        },
      };
    },
    close: () => sockets.destroy(),
  };
}

function basicAuth(username: string, password: string): Record<string, string> {
  if (username === '' && password === '') return {};
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` };
}

function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
