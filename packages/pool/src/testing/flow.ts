import type { Socket } from 'node:net';
import { after, List, monotonic, type Link } from '@forge/internal';
import type { Milliseconds } from '../options.ts';
import type { Bytes, FlowFaults } from './faults.ts';

export interface FlowParts {
  readonly source: Socket;
  readonly sink: Socket;
  /** Closes or resets both sides of the connection. */
  readonly cut: (how: Cut) => void;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** How a connection ends: closed by a FIN, or reset by a RST. */
export type Cut = 'end' | 'reset';

/** What has arrived and was not passed on yet: bytes, or how the sender closed. */
interface Item extends Link<Item> {
  readonly kind: 'bytes' | Cut;
  bytes: Buffer;
  readonly arrived: Milliseconds;
  /** In [-1, 1), drawn once: a change of the faults moves what is held, but never shuffles it. */
  readonly luck: number;
}

interface Step {
  readonly at: Milliseconds;
  readonly take: () => void;
}

/** Held at most, but for one read; then the sender has to wait, as before a full window. */
const MOST_HELD: Bytes = 256 * 1024;
/** A bandwidth is kept in pieces of this length: short enough for a smooth flow, long enough for the timer. */
const PIECE: Milliseconds = 20;
const NOTHING = Buffer.alloc(0);

/**
 * One direction of a connection: what arrives from `source` leaves at `sink`, as the faults of the moment say.
 *
 * Nothing is planned ahead. Each item knows only when it arrived; what happens next, and when, is worked out from the
 * first item and the present faults, again after every step, arrival and change. So a change of the faults reaches what
 * is held already, and one timer is enough.
 */
export class Flow {
  readonly #source: Socket;
  readonly #sink: Socket;
  readonly #cut: (how: Cut) => void;
  readonly #random: () => number;
  #held = new List<Item>();
  #heldBytes: Bytes = 0;
  #faults: FlowFaults;
  /** When these faults were set. */
  #since: Milliseconds = monotonic.now();
  /** Bytes that went through since then. */
  #passed: Bytes = 0;
  /** Until then the line is busy with what was sent. */
  #busyUntil: Milliseconds = 0;
  #isBlocked = false;
  #isStopped = false;
  #cancelTimer: () => void = () => {};

  constructor({ source, sink, cut, random }: FlowParts, faults: FlowFaults) {
    this.#source = source;
    this.#sink = sink;
    this.#cut = cut;
    this.#random = random;
    this.#faults = faults;
    this.#source.on('data', (bytes: Buffer) => this.#arrive('bytes', bytes));
    this.#source.on('end', () => this.#arrive('end'));
    this.#source.on('error', () => this.#arrive('reset'));
    this.#sink.on('drain', () => {
      this.#isBlocked = false;
      this.#go();
    });
    this.#go();
  }

  /** From now on; it holds for what has arrived already, too. */
  change(faults: FlowFaults): void {
    this.#faults = faults;
    this.#since = monotonic.now();
    this.#passed = 0;
    this.#busyUntil = 0;
    this.#go();
  }

  /** Forgets what is held and passes nothing any more; the source is still read, so that its close is noticed. */
  stop(): void {
    this.#isStopped = true;
    this.#cancelTimer();
    this.#held = new List();
    this.#heldBytes = 0;
    this.#source.resume();
  }

  #arrive(kind: Item['kind'], bytes: Buffer = NOTHING): void {
    if (this.#isStopped) return;
    const arrived = monotonic.now();
    const luck = 2 * this.#random() - 1;
    this.#held.push({ kind, bytes, arrived, luck, list: undefined, previous: undefined, next: undefined });
    this.#heldBytes += bytes.length;
    this.#go();
    if (this.#heldBytes >= MOST_HELD) this.#source.pause();
  }

  #go(): void {
    this.#cancelTimer();
    while (!this.#isStopped && !this.#isBlocked) {
      const step = this.#next();
      if (step === undefined) return;
      const wait = step.at - monotonic.now();
      if (wait > 0) {
        this.#cancelTimer = after(wait, () => this.#go());
        return;
      }
      step.take();
    }
  }

  /** Undefined: nothing, until something arrives or changes. */
  #next(): Step | undefined {
    const { blackHole, latency, jitter, slowClose, reset } = this.#faults;
    if (blackHole !== undefined) return { at: this.#since + blackHole, take: () => this.#cut('end') };
    const item = this.#held.first;
    if (item === undefined) return undefined;
    const due = item.arrived + Math.max(0, latency + jitter * item.luck);
    const at = Math.max(due, this.#busyUntil);
    if (item.kind === 'reset') return { at, take: () => this.#cut('reset') };
    if (item.kind === 'end') return { at: at + slowClose, take: () => this.#end(item) };
    if (reset !== undefined) return { at: due + reset, take: () => this.#cut('reset') };
    return { at, take: () => this.#send(item, at) };
  }

  #end(item: Item): void {
    this.#held.remove(item);
    this.#sink.end();
  }

  /** As much of `item` as one piece may be. */
  #send(item: Item, at: Milliseconds): void {
    const { bandwidth, slice, limit } = this.#faults;
    const share = Math.max(1, Math.floor((bandwidth * PIECE) / 1000));
    const size = Math.min(item.bytes.length, share, this.#sliceSize(), limit - this.#passed);
    const piece = item.bytes.subarray(0, size);
    item.bytes = item.bytes.subarray(size);
    if (item.bytes.length === 0) this.#held.remove(item);
    this.#heldBytes -= size;
    this.#passed += size;
    // From `at` and not from now, or each late timer would take from the bandwidth; but slices that make up for lost
    // time would flow together.
    const sliceEnd = slice === undefined ? 0 : monotonic.now() + slice.delay;
    this.#busyUntil = Math.max(at + (size * 1000) / bandwidth, sliceEnd);
    if (size > 0) this.#isBlocked = !this.#sink.write(piece);
    if (this.#passed === limit) return this.#cut('end');
    if (this.#heldBytes < MOST_HELD) this.#source.resume();
  }

  #sliceSize(): Bytes {
    const { slice } = this.#faults;
    return slice === undefined ? Infinity : slice.size + Math.round((2 * this.#random() - 1) * slice.variation);
  }
}
