import {
  AbortWatch,
  Deadlines,
  numberOption,
  signalOption,
  type Clock,
  type Deadline,
  type Watched,
} from '@forge/internal';
import type { FieldPacket, QueryError, QueryOptions, QueryResult } from 'mysql2';
import { queryTimeoutError } from './errors.ts';
import type { Killer } from './killer.ts';
import type { Milliseconds } from './options.ts';
import type { Session } from './session.ts';
import type { Command } from './wire.ts';

/** How one statement may end early. */
export interface StatementLimits {
  /** Ends the wait for a connection and the statement itself; the promise rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** How long the statement may take. @default the pool's queryTimeout */
  readonly timeout?: Milliseconds | undefined;
}

/** mysql2's options of a statement, and a signal. */
export interface StatementOptions extends QueryOptions, Pick<StatementLimits, 'signal'> {}

export type Answer<T extends QueryResult> = [T, FieldPacket[]];

/** What a caller asked for. */
export interface Request {
  readonly verb: 'query' | 'execute';
  readonly sql: string | QueryOptions;
  readonly values: unknown;
  readonly timeout: Milliseconds;
  readonly signal: AbortSignal | undefined;
  /** Where it was called, for the stack of its error; undefined with `trace: false`. */
  readonly trace: { readonly stack?: string } | undefined;
}

interface Pending {
  readonly session: Session;
  readonly reject: (reason: unknown) => void;
  command: Command | undefined;
  deadline: Deadline<Pending> | undefined;
  watched: Watched<Pending> | undefined;
}

/** mysql2's statements, by either verb. */
type Send = (sql: string | QueryOptions, ...rest: unknown[]) => Command;

/** Separates what is ours from what is mysql2's. @throws TypeError, RangeError when it is wrong */
export function requestOf(
  verb: Request['verb'],
  sql: string | StatementOptions,
  values: unknown,
  { queryTimeout, trace }: { readonly queryTimeout: Milliseconds; readonly trace: boolean },
): Request {
  if (typeof values === 'function') throw new Error('Callback function is not available with promise clients.');
  const holder = trace ? {} : undefined;
  if (holder !== undefined) Error.captureStackTrace(holder, requestOf);
  const limits: StatementLimits = typeof sql === 'object' ? sql : {};
  const { timeout, signal } = limits;
  const request = { verb, sql, values, timeout: queryTimeout, signal: undefined, trace: holder };
  if (timeout === undefined && signal === undefined) return request;
  const subject = 'run a statement';
  signalOption(subject, signal);
  const own = numberOption(subject, 'timeout', timeout, queryTimeout);
  // mysql2 leaves a statement running when its time is over, and forgets it.
  const { timeout: _, signal: __, ...rest } = sql as StatementOptions;
  return { ...request, sql: rest, timeout: own === 0 ? Infinity : own, signal };
}

/**
 * Runs statements on sessions. One whose time is over, or whose caller does not want it any more, rejects at once; then
 * it is taken from mysql2's queue, or stopped on the server, and until that is done the session is not used.
 */
export class Statements {
  readonly #killer: Killer;
  readonly #clock: Clock;
  readonly #deadlines: Deadlines<Pending>;
  readonly #aborts: AbortWatch<Pending>;
  #stopped = 0;

  constructor(killer: Killer, clock: Clock) {
    this.#killer = killer;
    this.#clock = clock;
    this.#deadlines = new Deadlines(clock, (pending) => this.#stop(pending, queryTimeoutError()));
    this.#aborts = new AbortWatch((pending, reason) => this.#stop(pending, reason));
  }

  /** Statements that ended by their time or signal. */
  get stopped(): number {
    return this.#stopped;
  }

  async run<T extends QueryResult>(session: Session, request: Request): Promise<Answer<T>> {
    // Else a KILL QUERY that is under way could meet this one.
    while (session.cancelling !== undefined) await session.cancelling;
    request.signal?.throwIfAborted();
    try {
      return await this.#send<T>(session, request);
    } catch (error) {
      if (error !== request.signal?.reason) applyTrace(error, request.trace);
      throw error;
    }
  }

  #send<T extends QueryResult>(session: Session, request: Request): Promise<Answer<T>> {
    const { verb, sql, values, timeout, signal } = request;
    const { core } = session;
    return new Promise((resolve, reject) => {
      const pending: Pending = { session, reject, command: undefined, deadline: undefined, watched: undefined };
      const isLimited = timeout !== Infinity || signal !== undefined;
      const done = (error: QueryError | null, rows: T, fields: FieldPacket[]): void => {
        if (isLimited) this.#forget(pending);
        if (error) reject(error);
        else resolve([rows, fields]);
      };
      const send = core[verb] as Send;
      pending.command = values === undefined ? send.call(core, sql, done) : send.call(core, sql, values, done);
      if (!isLimited) return;
      pending.deadline = this.#deadlines.add(pending, this.#clock.now() + timeout);
      if (signal !== undefined) pending.watched = this.#aborts.add(signal, pending);
    });
  }

  #stop(pending: Pending, reason: unknown): void {
    const { session, command, reject } = pending;
    this.#forget(pending);
    this.#stopped += 1;
    reject(reason);
    if (session.isRunning(command)) {
      session.cancelling = this.#killer.stop(session).finally(() => {
        session.cancelling = undefined;
      });
    } else if (command !== undefined) {
      // Not sent yet: it waits for another one, or for its preparation.
      command.start = () => null;
    }
  }

  #forget(pending: Pending): void {
    if (pending.deadline !== undefined) this.#deadlines.remove(pending.deadline);
    if (pending.watched !== undefined) this.#aborts.remove(pending.watched);
  }
}

/** mysql2's errors are made where a packet is read; what helps is where the statement was. */
function applyTrace(error: unknown, trace: Request['trace']): void {
  if (!(error instanceof Error) || trace?.stack === undefined) return;
  const frames = trace.stack.slice(trace.stack.indexOf('\n'));
  error.stack = `${error.name}: ${error.message}${frames}`;
}
