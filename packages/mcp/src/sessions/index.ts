/**
 * Connections to MCP upstreams, ready to be pooled: a child process or an HTTP channel, its era found, any number of
 * requests under way.
 *
 * ```ts
 * const pool = new ConnectionPool({
 *   create: (signal) => connectStdio({ command: 'npx', args: ['some-server'], self }, signal),
 *   destroy: (connection) => connection.close(),
 *   onClosed: (connection, evict) => connection.onClosed(evict),
 *   validate: (connection, signal) => connection.ping(signal).then(() => true),
 *   concurrency: 32,
 * });
 * ```
 *
 * @module
 */
export {
  type Implementation,
  type NotificationListener,
  type UpstreamCall,
  type UpstreamConnection,
  type UpstreamInfo,
} from './connection.ts';
export type { ChildOptions } from './child.ts';
export { isUpstreamError, UpstreamError, type UpstreamErrorCode } from './errors.ts';
export type { HttpExchange, HttpRequest, HttpResponse } from './http-exchange.ts';
export { connectHttp, type HttpOptions } from './http.ts';
export { connectStdio, type StdioOptions } from './stdio.ts';
