import type { Deadline } from '@forge/internal';
import { BatchError } from './errors.ts';
import type { Group, Slot } from './group.ts';
import type { BatchContext, BatchResponse, Milliseconds } from './options.ts';

/** A controller costs more than the rest of a small batch: it is made for the first who reads the signal. */
class Context implements BatchContext {
  readonly group: string;
  #controller: AbortController | undefined;

  constructor(group: string) {
    this.group = group;
  }

  get signal(): AbortSignal {
    return (this.#controller ??= new AbortController()).signal;
  }

  /** Static, so that `process` cannot abort what it is given. */
  static abort(context: Context, reason: unknown): void {
    (context.#controller ??= new AbortController()).abort(reason);
  }
}

/** One call of `process`. */
export class Batch<Req, Res> {
  readonly id: number;
  readonly group: Group<Req, Res>;
  readonly slots: readonly Slot<Req, Res>[];
  readonly startedAt: Milliseconds;
  readonly context: Context;
  /** Slots that have a caller. */
  awaited: number;
  deadline: Deadline<Batch<Req, Res>> | undefined = undefined;
  /** From here on nothing that `process` does counts. */
  ended = false;

  constructor(id: number, group: Group<Req, Res>, slots: readonly Slot<Req, Res>[], startedAt: Milliseconds) {
    this.id = id;
    this.group = group;
    this.slots = slots;
    this.startedAt = startedAt;
    this.awaited = slots.length;
    this.context = new Context(group.name);
  }

  abort(reason: unknown): void {
    Context.abort(this.context, reason);
  }

  /**
   * Returns `response` when it is one result for each request. A hole counts as missing; a position that holds
   * undefined does not, for that is a result like any other.
   *
   * @throws BatchError BATCH_RESULT_MISMATCH
   */
  checked(response: unknown): BatchResponse<Res> {
    const expected = this.slots.length;
    const fault = mismatch(response, expected);
    if (fault === undefined) return response as BatchResponse<Res>;
    const message = `Cannot settle batch ${this.id}: process must give an array of ${expected}, one result for each request, got ${fault}`;
    throw new BatchError('BATCH_RESULT_MISMATCH', message, this.group.name);
  }
}

/** The first fault; undefined when there is none. */
function mismatch(response: unknown, expected: number): string | undefined {
  if (!Array.isArray(response)) return response === null ? 'null' : `a value of type ${typeof response}`;
  let fault = response.length === expected ? undefined : `an array of ${response.length}`;
  for (let at = 0; at < response.length; at++) {
    const result = response[at] as { readonly then?: unknown } | null | undefined;
    if (result === undefined) {
      if (!(at in response)) fault ??= `a hole at ${at}`;
    } else if (typeof result?.then === 'function') {
      fault ??= `a promise at ${at}: await Promise.all() of them`;
      // Nobody else handles what it rejects with.
      Promise.resolve(result).catch(() => {});
    }
  }
  return fault;
}
