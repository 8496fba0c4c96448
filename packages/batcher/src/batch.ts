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
    if (Array.isArray(response) && response.length === expected && holes(response) === 0) {
      return response as BatchResponse<Res>;
    }
    const message = `process gave ${describe(response)} for ${counted(expected, 'request')}`;
    throw new BatchError('BATCH_RESULT_MISMATCH', `Cannot settle batch ${this.id}: ${message}`, this.group.name);
  }
}

function holes(results: readonly unknown[]): number {
  let missing = 0;
  // `in` is slow and only matters where the position reads as undefined.
  for (let at = 0; at < results.length; at++) if (results[at] === undefined && !(at in results)) missing++;
  return missing;
}

function describe(response: unknown): string {
  if (!Array.isArray(response)) return response === null ? 'null' : `a value of type ${typeof response}`;
  const missing = holes(response);
  const given = counted(response.length - missing, 'result');
  return missing === 0 ? given : `${given} and ${counted(missing, 'hole')}`;
}

function counted(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}
