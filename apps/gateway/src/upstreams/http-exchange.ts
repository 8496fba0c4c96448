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
  const { origin, pathname, search } = new URL(target.url);
  const sockets = new Pool(origin, { connections: SOCKETS, headersTimeout: 0, bodyTimeout: 0, connectTimeout: 10_000 });
  const path = `${pathname}${search}`;
  return {
    exchange: async ({ method, headers, body }, signal) => {
      const response = await sockets.request({
        method,
        path,
        headers: { ...target.headers, ...headers },
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
