import { AbortWatch, Deadlines, type Clock, type Deadline, type Link, type Watched } from '@forge/internal';
import { BatchError } from './errors.ts';
import type { Slot } from './group.ts';
import type { Counts } from './metrics.ts';
import type { Milliseconds } from './options.ts';

/** Somebody who waits for the result of a {@link Slot}. */
export interface Caller<Req, Res> extends Link<Caller<Req, Res>> {
  readonly slot: Slot<Req, Res>;
  readonly resolve: (value: Res) => void;
  readonly reject: (reason: unknown) => void;
  /** Undefined when it waits for ever. */
  deadline: Deadline<Caller<Req, Res>> | undefined;
  /** Undefined when it has no signal. */
  watched: Watched<Caller<Req, Res>> | undefined;
}

/**
 * All who wait. Each is settled once: by the result of its slot, by its deadline or by its signal, whichever is first,
 * and with that the other two are done with it.
 */
export class Callers<Req, Res> {
  readonly #counts: Counts;
  readonly #onDeserted: (slot: Slot<Req, Res>, reason: unknown) => void;
  readonly #deadlines: Deadlines<Caller<Req, Res>>;
  readonly #signals: AbortWatch<Caller<Req, Res>>;

  /** @param onDeserted told when the last caller of a slot has left without a result, with the reason of that caller */
  constructor(clock: Clock, counts: Counts, onDeserted: (slot: Slot<Req, Res>, reason: unknown) => void) {
    this.#counts = counts;
    this.#onDeserted = onDeserted;
    this.#deadlines = new Deadlines(clock, (caller) => {
      this.#timeOut(caller);
    });
    this.#signals = new AbortWatch((caller, reason) => {
      this.#leave(caller, reason, 'aborted');
    });
  }

  /** Waits for `slot`; the signal is not aborted yet and the deadline, `at`, has not passed. */
  add(slot: Slot<Req, Res>, signal: AbortSignal | undefined, at: Milliseconds): Promise<Res> {
    this.#counts.totalRequests++;
    this.#counts.pendingRequests++;
    return new Promise((resolve, reject) => {
      const caller: Caller<Req, Res> = {
        slot,
        resolve,
        reject,
        deadline: undefined,
        watched: undefined,
        list: undefined,
        previous: undefined,
        next: undefined,
      };
      slot.callers.push(caller);
      if (at < Infinity) caller.deadline = this.#deadlines.add(caller, at);
      if (signal !== undefined) caller.watched = this.#signals.add(signal, caller);
    });
  }

  /** Counts a caller that leaves before it waits. */
  turnAway(reason: unknown, counter: 'aborted' | 'timeouts'): Promise<never> {
    this.#counts.totalRequests++;
    this.#counts[counter]++;
    return Promise.reject(reason);
  }

  resolve({ callers }: Slot<Req, Res>, value: Res): void {
    for (let caller = callers.first; caller !== undefined; caller = callers.first) {
      this.#release(caller);
      caller.resolve(value);
    }
  }

  reject({ callers }: Slot<Req, Res>, reason: unknown, counter: 'errors' | 'timeouts'): void {
    for (let caller = callers.first; caller !== undefined; caller = callers.first) {
      this.#release(caller);
      this.#counts[counter]++;
      caller.reject(reason);
    }
  }

  /** Rejects the callers of `slot` whose deadline has passed though its timer is late. */
  expire({ callers }: Slot<Req, Res>, now: Milliseconds): void {
    for (let caller = callers.first; caller !== undefined;) {
      const { next, deadline } = caller;
      if (deadline !== undefined && deadline.at <= now) this.#timeOut(caller);
      caller = next;
    }
  }

  #timeOut(caller: Caller<Req, Res>): void {
    const { batch, group } = caller.slot;
    this.#leave(caller, requestTimedOut(group.name, batch === undefined ? 'in the queue' : 'in flight'), 'timeouts');
  }

  #leave(caller: Caller<Req, Res>, reason: unknown, counter: 'aborted' | 'timeouts'): void {
    const { slot } = caller;
    this.#release(caller);
    this.#counts[counter]++;
    caller.reject(reason);
    if (slot.callers.size === 0) this.#onDeserted(slot, reason);
  }

  #release(caller: Caller<Req, Res>): void {
    caller.slot.callers.remove(caller);
    if (caller.deadline !== undefined) this.#deadlines.remove(caller.deadline);
    if (caller.watched !== undefined) this.#signals.remove(caller.watched);
    this.#counts.pendingRequests--;
  }
}

export function requestTimedOut(group: string, when: 'before it was added' | 'in the queue' | 'in flight'): BatchError {
  return new BatchError('BATCH_REQUEST_TIMEOUT', `Cannot answer a request: its deadline passed ${when}`, group);
}
