import { AbortWatch, Deadlines, monotonic, numberOption, signalOption } from '@forge/internal';
import { Query, type QueryConfig } from 'pg';
import { cancel } from './cancel.ts';
import { QueryTimeoutError } from './errors.ts';
import type { Milliseconds } from './options.ts';
import type { Session } from './session.ts';

/** What a query may be bounded by, beside what pg takes. */
export interface QueryTerms {
  /** Cancels the query at the server; it rejects with the signal's reason at once. */
  readonly signal?: AbortSignal | undefined;
  /** How long it may take, in ms, from when it has a connection. @default the pool's `query_timeout` */
  readonly query_timeout?: Milliseconds | undefined;
}

type Callback = (error: Error | null | undefined, result?: unknown) => void;

/** How a query ends, for whoever asked. */
interface Outcome {
  readonly resolve: (result: unknown) => void;
  readonly reject: (reason: unknown) => void;
}

interface Bound {
  readonly timeout: Milliseconds;
  readonly signal: AbortSignal | undefined;
}

/** A query under way that has a bound. */
interface Bounded {
  readonly session: Session;
  readonly query: unknown;
  readonly timeout: Milliseconds;
  readonly reject: (reason: unknown) => void;
}

const SUBJECT = 'run a query';

/**
 * Puts terms on queries: a deadline, a signal, or both. Whoever asked hears at once when one of them ends the query, and
 * the session is given back only when the server has heard too.
 */
export class Terms {
  readonly #timeout: Milliseconds;
  readonly #deadlines: Deadlines<Bounded>;
  readonly #aborts: AbortWatch<Bounded>;

  /** @param timeout of queries that name none */
  constructor(timeout: Milliseconds) {
    this.#timeout = timeout;
    this.#deadlines = new Deadlines(monotonic, (bounded) => stop(bounded, new QueryTimeoutError(bounded.timeout)));
    this.#aborts = new AbortWatch(stop);
  }

  /**
   * Lets the client's own `query` heed them. A query that comes while another is being cancelled waits for the end of
   * that, or the cancel could hit it.
   */
  govern(session: Session): void {
    // Without it there is nothing to cancel by, and its queries are of another class.
    if (session.client.connection === undefined) return;
    session.client.query = (config, values, callback) => {
      if (session.cancelling !== undefined) return later(session, config, values, callback);
      const bound = this.#boundOf(config);
      if (bound === undefined) return session.query(config, values, callback);
      const done = typeof values === 'function' ? values : (callback ?? callbackIn(config));
      const given = typeof values === 'function' ? undefined : values;
      if (typeof done === 'function') {
        const resolve = (result: unknown): unknown => (done as Callback)(undefined, result);
        this.#run(session, bound, [config, given], { resolve, reject: done as (reason: unknown) => void });
        return undefined;
      }
      return new Promise((resolve, reject) => {
        this.#run(session, bound, [config, given], { resolve, reject });
      }).catch((error: unknown) => {
        // As pg does: the stack of an answer leads to a socket, this one to the caller.
        if (error instanceof Error && error !== bound.signal?.reason) Error.captureStackTrace(error);
        throw error;
      });
    };
  }

  /** Undefined for one without any, and for what submits itself: when that has ended is known to itself alone. */
  #boundOf(config: unknown): Bound | undefined {
    if (config === null || config === undefined || isSubmittable(config)) return undefined;
    const { signal, query_timeout } = Object(config) as QueryTerms;
    signalOption(SUBJECT, signal);
    const timeout = numberOption(SUBJECT, 'query_timeout', query_timeout, this.#timeout) || Infinity;
    return signal === undefined && timeout === Infinity ? undefined : { timeout, signal };
  }

  #run(
    session: Session,
    { timeout, signal }: Bound,
    [config, values]: [config: unknown, values: unknown],
    outcome: Outcome,
  ): void {
    if (signal?.aborted === true) return process.nextTick(outcome.reject, signal.reason);
    let isEnded = false;
    const ended = (tell: () => void): void => {
      if (isEnded) return;
      isEnded = true;
      this.#deadlines.remove(deadline);
      if (watched !== undefined) this.#aborts.remove(watched);
      tell();
    };
    const answered: Callback = (error, result) =>
      ended(() => (error ? outcome.reject(error) : outcome.resolve(result)));
    const query: object = new Query(config as QueryConfig, values as never);
    // Not by the constructor: older versions of pg write what it gets into the caller's object.
    Object.assign(query, { callback: answered });
    const reject = (reason: unknown): void => ended(() => outcome.reject(reason));
    const bounded: Bounded = { session, query, timeout, reject };
    const deadline = this.#deadlines.add(bounded, monotonic.now() + timeout);
    const watched = signal && this.#aborts.add(signal, bounded);
    session.query(query);
  }
}

/** One that was not sent yet is taken back; another is cancelled, unless that would hit the one that is answered before it. */
function stop({ session, query, reject }: Bounded, reason: unknown): void {
  const { _queryQueue: queue = [], _sentQueryQueue: sent = [] } = session.client;
  const index = queue.indexOf(query);
  if (index !== -1) queue.splice(index, 1);
  else if (sent.length > 0) session.cut();
  else void cancel(session);
  reject(reason);
}

/** Whether it is no text or configuration, but a query that speaks to the connection itself, such as a cursor. */
export function isSubmittable(config: unknown): config is object {
  return typeof config === 'object' && config !== null && 'submit' in config && typeof config.submit === 'function';
}

/** pg calls one that is in the configuration, too. */
export function callbackIn(config: unknown): unknown {
  return (Object(config) as { readonly callback?: unknown }).callback ?? undefined;
}

async function afterCancel(session: Session): Promise<void> {
  while (session.cancelling !== undefined) await session.cancelling;
}

function later(session: Session, config: unknown, values: unknown, callback: unknown): unknown {
  const { client } = session;
  const run = afterCancel(session).then(() => client.query(config, values, callback));
  if (isSubmittable(config)) return config;
  const done = typeof values === 'function' ? values : (callback ?? callbackIn(config));
  return typeof done === 'function' ? undefined : run;
}
