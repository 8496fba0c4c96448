import type { ConnectionPool, PoolMetrics } from '@forge/pool';

/** What the pool counts, besides what every pool does. */
export interface Counts {
  requests: number;
  answers: number;
  retries: number;
  resubscriptions: number;
  heartbeatsLost: number;
  invalidFrames: number;
  unexpectedFrames: number;
}

/** {@link PoolMetrics}, and what only a pool of WebSockets has. */
export type WebSocketPoolMetrics = PoolMetrics & {
  /** Written to a socket and to be answered, subscribes and retries included. */
  readonly requests: number;
  /** Of them, those that were answered, by a result or an error. */
  readonly answers: number;
  /** Idempotent requests that were sent again after their socket had ended. */
  readonly retries: number;
  /** Subscriptions that were asked for again after their socket had ended. */
  readonly resubscriptions: number;
  /** Sockets that were cut since they had been silent for too long. */
  readonly heartbeatsLost: number;
  /** Messages of the server that the codec could not read. */
  readonly invalidFrames: number;
  /** Messages that nobody waits for: late and repeated answers, unknown ids, unknown subscriptions. */
  readonly unexpectedFrames: number;
  /** Requests that wait for their answer now. */
  readonly inFlight: number;
  readonly subscriptions: number;
  /** Of them, those that have no socket at the moment. */
  readonly homelessSubscriptions: number;
  /** Bytes that no socket has sent yet. */
  readonly bufferedAmount: number;
};

export type WebSocketMetricKinds = Readonly<Record<keyof WebSocketPoolMetrics, 'counter' | 'gauge'>>;

/** Of what is added to the metrics of the core. */
export const ADDED_KINDS: Omit<WebSocketMetricKinds, keyof ConnectionPool<unknown>['metricKinds']> = Object.freeze({
  requests: 'counter',
  answers: 'counter',
  retries: 'counter',
  resubscriptions: 'counter',
  heartbeatsLost: 'counter',
  invalidFrames: 'counter',
  unexpectedFrames: 'counter',
  inFlight: 'gauge',
  subscriptions: 'gauge',
  homelessSubscriptions: 'gauge',
  bufferedAmount: 'gauge',
});

export function noCounts(): Counts {
  return {
    requests: 0,
    answers: 0,
    retries: 0,
    resubscriptions: 0,
    heartbeatsLost: 0,
    invalidFrames: 0,
    unexpectedFrames: 0,
  };
}
