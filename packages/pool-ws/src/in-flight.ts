import { AbortWatch, Deadlines, type Clock, type Deadline, type Watched } from '@forge/internal';
import type { Milliseconds } from '@forge/pool';
import type { Decoded, Frame } from './codec.ts';
import { WebSocketError } from './errors.ts';
import { MOST_IN_FLIGHT } from './options.ts';

/** A message with somebody who waits: for its answer, or until it is written. */
export interface Call {
  readonly id: number;
  readonly frame: Frame;
  /** How long its caller waits, and until when on the pool's clock. */
  readonly timeout: Milliseconds;
  readonly at: Milliseconds;
  readonly signal: AbortSignal | undefined;
  /**
   * Gets the answer in the same turn as it arrives, before what the server sends next; also when the caller has left
   * meanwhile, for the answer may have opened something that somebody has to end.
   */
  readonly accept?: (answer: Decoded) => void;
}

interface Entry {
  readonly call: Call;
  readonly resolve: (answer: Decoded) => void;
  readonly reject: (reason: unknown) => void;
  deadline: Deadline<Entry> | undefined;
  watched: Watched<Entry> | undefined;
  /** Whether the server may have it. */
  isWritten: boolean;
}

/**
 * What one socket has in flight, by its ids. Answers come in any order, from a server that may be mad: an id is looked up
 * only where it is a number, and each entry is used once. An answer that comes after its caller has left, or comes twice,
 * finds none.
 */
export class InFlight {
  readonly #entries = new Map<number, Entry>();
  readonly #deadlines: Deadlines<Entry>;
  readonly #aborts = new AbortWatch<Entry>((entry, reason) => this.#leave(entry, reason));

  constructor(clock: Clock) {
    this.#deadlines = new Deadlines(clock, (entry) => this.#leave(entry, timedOut(entry.call)));
  }

  /** Those that wait for an answer, and those that nobody waits for but whose answer still matters. */
  get size(): number {
    return this.#entries.size;
  }

  /**
   * Resolves with the answer, be it a result or an error. If there is room, `send` is called, and calls `onTurn` when it
   * is about to write: false says that the caller has left before.
   */
  add(call: Call, send: (frame: Frame, onTurn: () => boolean) => void): Promise<Decoded> {
    return new Promise((resolve, reject) => {
      if (this.#entries.size >= MOST_IN_FLIGHT) {
        reject(overloaded('a request', `${MOST_IN_FLIGHT} are in flight on this socket`));
        return;
      }
      if (call.signal?.aborted === true) {
        reject(call.signal.reason as Error);
        return;
      }
      const entry: Entry = { call, resolve, reject, deadline: undefined, watched: undefined, isWritten: false };
      entry.deadline = this.#deadlines.add(entry, call.at);
      if (call.signal !== undefined) entry.watched = this.#aborts.add(call.signal, entry);
      this.#entries.set(call.id, entry);
      send(call.frame, () => {
        entry.isWritten = this.#entries.get(call.id) === entry;
        return entry.isWritten;
      });
    });
  }

  /** False where nothing was asked under this id, or it is answered already. */
  answer(id: unknown, answer: Decoded): boolean {
    const entry = typeof id === 'number' ? this.#entries.get(id) : undefined;
    // What the server has not been asked yet it cannot answer.
    if (entry === undefined || !entry.isWritten) return false;
    this.#forget(entry);
    entry.call.accept?.(answer);
    entry.resolve(answer);
    return true;
  }

  /** Nothing will be answered any more. */
  fail(reason: WebSocketError): void {
    for (const entry of this.#entries.values()) {
      this.#forget(entry);
      entry.reject(reason);
    }
  }

  /** The caller waits no more. */
  #leave(entry: Entry, reason: unknown): void {
    this.#forget(entry);
    if (entry.isWritten && entry.call.accept !== undefined) this.#entries.set(entry.call.id, entry);
    entry.reject(reason);
  }

  #forget(entry: Entry): void {
    this.#entries.delete(entry.call.id);
    if (entry.deadline !== undefined) this.#deadlines.remove(entry.deadline);
    if (entry.watched !== undefined) this.#aborts.remove(entry.watched);
  }
}

export function overloaded(what: string, why: string): WebSocketError {
  return new WebSocketError('WS_OVERLOADED', `Cannot send ${what}: ${why}`);
}

function timedOut({ timeout }: Call): WebSocketError {
  return new WebSocketError('WS_REQUEST_TIMEOUT', `Nothing came of a message within ${timeout} ms`);
}
