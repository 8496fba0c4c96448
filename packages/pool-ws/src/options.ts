import {
  clockOption,
  functionOption,
  numberOption,
  objectOption,
  stringOption,
  type NumberRange,
} from '@forge/internal';
import type { Clock, ConnectionConfig, Milliseconds } from '@forge/pool';
import type { ClientRequestArgs } from 'node:http';
import type { ClientOptions } from 'ws';
import type { CloseKind } from './close-kinds.ts';
import type { Codec } from './codec.ts';
import type { WebSocketConnection } from './connection.ts';
import { jsonRpc, type JsonRpcCall } from './json-rpc.ts';

/** What `ws` takes as the options of a client: headers, TLS, an agent, a `lookup` and so on. */
export type SocketOptions = ClientOptions | ClientRequestArgs;

/** A value, or what makes a new one before each connect. */
export type Fresh<T> = T | (() => T | PromiseLike<T>);

type Inherited =
  | 'min'
  | 'idleTimeout'
  | 'maxLifetime'
  | 'acquireTimeout'
  | 'maxPending'
  | 'leakThreshold'
  | 'clock'
  | 'random';

/** Where a pool of WebSockets leads, and how it uses them. */
export interface WebSocketPoolOptions<Request = JsonRpcCall, Result = unknown> extends Pick<
  ConnectionConfig<WebSocketConnection<Request, Result>>,
  Inherited
> {
  /** Where to connect: `ws:`, `wss:`, `http:` or `https:`. A function is asked before each connect. */
  readonly url: Fresh<string | URL>;
  /** Sockets at most, those being opened included. @default 10 */
  readonly max?: number;
  /** Requests in flight on one socket; 1 for a server that answers without ids, in order. @default 100 */
  readonly concurrency?: number;
  /** From `request` to its answer, the wait for a socket included. @default 30_000 */
  readonly requestTimeout?: Milliseconds;
  /** The language of the server. @default jsonRpc() */
  readonly codec?: Codec<Request, Result>;
  /**
   * The first words on each new socket, such as a login; nothing else is sent before its promise is fulfilled. Rejecting
   * is a failed connect, and an answer with an error is one that no further try cures.
   */
  readonly prepare?: (connection: WebSocketConnection<Request, Result>, signal: AbortSignal) => unknown;
  /** Called with each message that is neither an answer nor of a subscription. */
  readonly onMessage?: (message: Result, connection: WebSocketConnection<Request, Result>) => unknown;
  /** Subprotocols to offer. @default none */
  readonly protocols?: string | readonly string[];
  /** Options of `ws` for each socket, which go before what the pool sets. A function is asked before each connect. */
  readonly socket?: Fresh<SocketOptions>;
  /** A silence after which a socket is pinged; after as long again it is dead. 0 and Infinity are off. @default 15_000 */
  readonly heartbeatInterval?: Milliseconds;
  /** From the connect to the end of `prepare`. @default 10_000 */
  readonly handshakeTimeout?: Milliseconds;
  /** How long the server has to answer a close before the socket is cut. @default 2_000 */
  readonly closeTimeout?: Milliseconds;
  /** Bytes of a message of the server at most: a larger one ends the socket. @default 16_777_216 */
  readonly maxPayload?: number;
  /**
   * Unsent bytes of a socket, above which no request is given to it until half of them have gone.
   *
   * @default 1_048_576
   */
  readonly maxBufferedAmount?: number;
  /** What a close of the server means; undefined leaves it to the close code. */
  readonly classifyClose?: (code: number, reason: string) => CloseKind | undefined;
}

/** {@link WebSocketPoolOptions} checked and filled with their defaults. */
export interface ResolvedOptions<Request, Result> {
  readonly url: () => string | URL | PromiseLike<string | URL>;
  readonly socket: () => SocketOptions | PromiseLike<SocketOptions>;
  readonly protocols: string[];
  readonly codec: Codec<Request, Result>;
  readonly prepare: WebSocketPoolOptions<Request, Result>['prepare'];
  readonly onMessage: WebSocketPoolOptions<Request, Result>['onMessage'];
  readonly classifyClose: (code: number, reason: string) => CloseKind | undefined;
  readonly max: number;
  readonly concurrency: number;
  readonly acquireTimeout: Milliseconds;
  readonly requestTimeout: Milliseconds;
  readonly heartbeatInterval: Milliseconds;
  readonly handshakeTimeout: Milliseconds;
  readonly closeTimeout: Milliseconds;
  readonly maxPayload: number;
  readonly maxBufferedAmount: number;
  readonly clock: Clock;
}

/** Requests that one socket may have in flight, whoever sends them. */
export const MOST_IN_FLIGHT = 10_000;

const SCHEMES: ReadonlySet<string> = new Set(['ws:', 'wss:', 'http:', 'https:']);

/** @throws TypeError, RangeError for a field that is wrong */
export function resolveOptions<Request, Result>(
  options: WebSocketPoolOptions<Request, Result>,
): ResolvedOptions<Request, Result> {
  const subject = 'create a WebSocketPool';
  objectOption(subject, 'the options', options);
  const number = (name: keyof typeof options, fallback: number, range?: NumberRange): number =>
    numberOption(subject, name, options[name] as number | undefined, fallback, range);
  const { url, socket = {}, protocols = [], prepare, onMessage, classifyClose = () => undefined } = options;
  const codec = options.codec ?? (jsonRpc() as unknown as Codec<Request, Result>);
  objectOption(subject, 'codec', codec);
  for (const name of ['encode', 'decode'] as const) functionOption(subject, `codec.${name}`, Reflect.get(codec, name));
  for (const [name, given] of Object.entries({ prepare, onMessage, classifyClose })) {
    functionOption(subject, name, given, true);
  }
  if (typeof url !== 'function') checkUrl(subject, url);
  if (typeof socket !== 'function') objectOption(subject, 'socket', socket);
  return Object.freeze({
    url: typeof url === 'function' ? url : () => url,
    socket: typeof socket === 'function' ? socket : () => socket,
    protocols: protocolsOf(subject, protocols),
    codec,
    prepare,
    onMessage,
    classifyClose,
    max: number('max', 10, { min: 1, integer: true }),
    concurrency: number('concurrency', 100, { min: 1, max: MOST_IN_FLIGHT, integer: true }),
    acquireTimeout: number('acquireTimeout', 30_000),
    requestTimeout: number('requestTimeout', 30_000),
    heartbeatInterval: number('heartbeatInterval', 15_000) || Infinity,
    handshakeTimeout: number('handshakeTimeout', 10_000, { min: 1 }),
    closeTimeout: number('closeTimeout', 2_000, { max: 2 ** 31 - 1 }),
    maxPayload: number('maxPayload', 16 * 2 ** 20, { min: 1, max: 2 ** 31 - 1, integer: true }),
    maxBufferedAmount: number('maxBufferedAmount', 2 ** 20, { min: 1 }),
    clock: clockOption(subject, options.clock),
  });
}

function checkUrl(subject: string, url: unknown): void {
  if (!(url instanceof URL)) stringOption(subject, 'url', url);
  const text = String(url);
  if (URL.canParse(text) && SCHEMES.has(new URL(text).protocol)) return;
  throw new TypeError(`Cannot ${subject}: url must be a ws: or wss: URL, got ${JSON.stringify(text.slice(0, 60))}`);
}

function protocolsOf(subject: string, protocols: string | readonly string[]): string[] {
  const list = typeof protocols === 'string' ? [protocols] : [...protocols];
  for (const protocol of list) stringOption(subject, 'each of protocols', protocol);
  return list;
}
