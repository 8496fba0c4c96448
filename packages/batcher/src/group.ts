import { List, type Deadline, type Link } from '@forge/internal';
import type { Batch } from './batch.ts';
import type { Caller } from './callers.ts';
import type { Milliseconds } from './options.ts';

/**
 * One request, shared by the callers whose requests are equal. It lives until its batch ends, or until its last caller
 * leaves while it is queued: a queued slot always has a caller.
 */
export interface Slot<Req, Res> extends Link<Slot<Req, Res>> {
  readonly request: Req;
  readonly key: string | undefined;
  readonly group: Group<Req, Res>;
  readonly callers: List<Caller<Req, Res>>;
  /** Counts the slots of its group from 1. */
  readonly turn: number;
  /** Undefined when nothing needs the time. */
  readonly addedAt: Milliseconds | undefined;
  /** The end of its window; undefined when it has none. */
  window: Deadline<Slot<Req, Res>> | undefined;
  /** Undefined while it is queued. */
  batch: Batch<Req, Res> | undefined;
}

/** Requests that may share a batch. It exists only while it has a slot queued or a batch in flight. */
export class Group<Req, Res> {
  readonly name: string;
  readonly queue: List<Slot<Req, Res>> = new List();
  inFlightBatches = 0;
  /** Whether a look at the queue is due. */
  scheduled = false;
  /** The slots that an equal request joins, queued and in flight, by their key; made for the first that has one. */
  #shared: Map<string, Slot<Req, Res>> | undefined;
  #turns = 0;
  #flushedTurn = 0;

  constructor(name: string) {
    this.name = name;
  }

  get idle(): boolean {
    return this.queue.size === 0 && this.inFlightBatches === 0;
  }

  add(request: Req, key: string | undefined, addedAt: Milliseconds | undefined): Slot<Req, Res> {
    const slot: Slot<Req, Res> = {
      request,
      key,
      group: this,
      callers: new List(),
      turn: ++this.#turns,
      addedAt,
      window: undefined,
      batch: undefined,
      list: undefined,
      previous: undefined,
      next: undefined,
    };
    this.queue.push(slot);
    if (key !== undefined) (this.#shared ??= new Map()).set(key, slot);
    return slot;
  }

  /** The slot that a request with `key` joins. */
  shared(key: string): Slot<Req, Res> | undefined {
    return this.#shared?.get(key);
  }

  /** Lets equal requests no longer join `slot`. */
  unshare({ key }: Slot<Req, Res>): void {
    if (key !== undefined) this.#shared?.delete(key);
  }

  /** Spares the slots that are queued now their window. */
  flush(): void {
    this.#flushedTurn = this.#turns;
  }

  /** Whether the head of the queue need not wait for others. */
  isDue(maxBatchSize: number, maxWaitTime: Milliseconds, now: Milliseconds): boolean {
    const head = this.queue.first;
    if (head === undefined) return false;
    if (this.queue.size >= maxBatchSize || head.turn <= this.#flushedTurn) return true;
    return maxWaitTime === 0 || (head.addedAt !== undefined && head.addedAt + maxWaitTime <= now);
  }
}
