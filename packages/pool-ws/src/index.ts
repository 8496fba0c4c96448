/**
 * Requests over pooled WebSockets: many in flight on one, heartbeats, reconnects, subscriptions that survive them.
 *
 * @example
 * import { WebSocketPool } from '@forge/pool-ws';
 *
 * const pool = new WebSocketPool({ url: 'wss://api.example/rpc' });
 * const sum = await pool.request({ method: 'add', params: [1, 2] }, { timeout: 500, idempotent: true });
 * const prices = await pool.subscribe({ method: 'subscribe', params: ['prices'] }, (price) => show(price));
 *
 * @module
 */
export type { CloseKind } from './close-kinds.ts';
export type { Codec, Decoded, Frame, SubscriptionKey } from './codec.ts';
export type { ConnectionRequestOptions, WebSocketConnection } from './connection.ts';
export { WebSocketError, type WebSocketErrorCode, type WebSocketErrorDetails } from './errors.ts';
export { jsonRpc, type JsonRpcCall } from './json-rpc.ts';
export type { WebSocketMetricKinds, WebSocketPoolMetrics } from './metrics.ts';
export type { Fresh, SocketOptions, WebSocketPoolOptions } from './options.ts';
export { OTEL_NAMES } from './otel-names.ts';
export type { SubscribeOptions, Subscription } from './subscription.ts';
export { WebSocketPool, type NotifyOptions, type RequestOptions } from './web-socket-pool.ts';
