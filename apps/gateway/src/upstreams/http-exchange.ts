import type { HttpExchange } from '@forge/mcp/sessions';
import { Pool } from 'undici';
import type { HttpTarget } from '../config/gateway-config.ts';

/** Sockets that the calls of one session may use at once; those beyond wait for one. */
const SOCKETS = 16;

/** For what must not wait behind the calls: cancellations, and replies to the upstream's own questions. */
const SPARE_SOCKETS = 2;

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
  const calls = socketsTo(origin, SOCKETS);
  const words = socketsTo(origin, SPARE_SOCKETS);
  const path = `${pathname}${search}`;
  const own = { ...basicAuth(username, password), ...lowerCased(target.headers) };
  return {
    exchange: async ({ method, headers, body, aside }, signal) => {
      const response = await (aside === true ? words : calls).request({
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
    close: async () => {
      await Promise.all([calls.destroy(), words.destroy()]);
    },
  };
}

function socketsTo(origin: string, connections: number): Pool {
  return new Pool(origin, { connections, headersTimeout: 0, bodyTimeout: 0, connectTimeout: 10_000 });
}

function basicAuth(username: string, password: string): Record<string, string> {
  if (username === '' && password === '') return {};
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` };
}

function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
