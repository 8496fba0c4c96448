import { AsyncResource } from 'node:async_hooks';
import {
  after,
  callQuietly,
  clockOption,
  functionOption,
  numberOption,
  objectOption,
  stringOption,
  type Clock,
} from '@forge/internal';
import type { Milliseconds } from '../units.ts';
import { Backoff, randomShare } from './backoff.ts';
import type { InvalidationBus } from './bus.ts';
import { frameText, itemTexts, LONGEST_NAME, parseFrame } from './frame.ts';
import { Peers } from './peers.ts';
import type { Invalidation } from './store.ts';

export interface CoherenceOptions {
  /** Called with what another process has invalidated, also more than once. */
  readonly onInvalidation: (invalidation: Invalidation) => void;
  /** Called when invalidations may have been missed: what is held from before now may be outdated. */
  readonly onSuspect: () => void;
  /**
   * Between two signs of life; what is lost is noticed within twice that. The bus delivers n² of them in it for n
   * processes.
   *
   * @default 2000
   */
  readonly heartbeat?: Milliseconds | undefined;
  /** This process's name, of at most 200 characters, which no other has; its next life may. @default a random one */
  readonly node?: string | undefined;
  readonly clock?: Clock | undefined;
  /** Gives the jitter of the pauses, from 0 to below 1. @default the system's generator */
  readonly random?: (() => number) | undefined;
}

/** What a {@link Coherence} counts and holds. */
export interface CoherenceMetrics {
  /** Whether there is nothing to doubt: subscribed, and everybody known is heard. */
  readonly healthy: boolean;
  /** Other processes known. */
  readonly peers: number;
  /** Frames with invalidations that the bus has taken. */
  readonly sent: number;
  /** Frames with invalidations that it has not, or that were not offered: the others find a gap. */
  readonly unsent: number;
  /** Frames of others, signs of life included. */
  readonly received: number;
  /** Frames that are none. */
  readonly malformed: number;
  /** Frames of another version. */
  readonly foreign: number;
  /** Frames before which one was missed. */
  readonly gaps: number;
  /** Calls of `onSuspect`. */
  readonly suspicions: number;
}

/** Invalidations that wait for the end of the turn; more do not wait. */
const MAX_COLLECTED = 10_000;
/** Frames that the bus has neither taken nor refused. */
const MAX_IN_FLIGHT = 100;
const FIRST_PAUSE: Milliseconds = 100;
const LONGEST_PAUSE: Milliseconds = 10_000;
/** How long `close` waits for the bus. */
const PARTING: Milliseconds = 1_000;
const SUBJECT = 'create a Coherence';

/**
 * Keeps the first tiers of several processes in step over a bus that may lose, repeat and reorder what it carries.
 *
 * Each process numbers the frames that carry its invalidations, and sends a sign of life with the last number at least
 * once in a heartbeat. So a loss shows: in the next frame as a number that was not seen, or as silence. Nothing is sent
 * again; who finds a gap cannot know what was in it and is told to suspect all that it holds, which the second tier can
 * confirm entry by entry. A frame that could not be sent has used up its number all the same: the gap is its message.
 * One's own frames must come back too, or it is oneself who is cut off.
 *
 * The bound. Let h be the heartbeat and d the longest time that a frame takes which arrives at all. What a process P
 * publishes at t, a process R that has heard P before has applied, or R has called `onSuspect` later than t, at
 * t + 2 h + d at the latest. For either R hears, within 2 h of the last frame of P that was sent before t, one that was
 * sent after it (this is the frame itself, or its number tells of the gap); or it does not, and suspects because of the
 * silence, and again each 2 h while it lasts. That holds until R has forgotten P, after ten such silences or a thousand
 * other processes; then, as for one that R has never heard, it is P's next frame to arrive that tells.
 *
 * A frame that comes late or twice is applied as it is: an invalidation too many costs a load and no truth. Who may
 * publish on the bus may invalidate: it must be as trusted as the store.
 *
 * References: the numbered multicast with session messages of Floyd et al., "A Reliable Multicast Framework for
 * Light-weight Sessions", SIGCOMM 1995, without its repair requests: here the second tier is the repair.
 */
export class Coherence {
  readonly #bus: InvalidationBus;
  readonly #onInvalidation: (invalidation: Invalidation) => void;
  readonly #onSuspect: () => void;
  readonly #heartbeat: Milliseconds;
  readonly #clock: Clock;
  readonly #name: { readonly node: string; readonly epoch: string };
  readonly #peers: Peers;
  readonly #backoff: Backoff;
  readonly #neutral = new AsyncResource('forge.Coherence');
  readonly #inFlight = new Set<Promise<void>>();
  /** The pending timers, by what they are for, as the functions that take them back. */
  readonly #timers = new Map<'beat' | 'watch' | 'flush' | 'subscribe', () => void>();
  #collected: Invalidation[] = [];
  #unsubscribe: (() => Promise<void>) | undefined;
  #seq = 0;
  #sent = 0;
  #unsent = 0;
  #received = 0;
  #malformed = 0;
  #foreign = 0;
  #gaps = 0;
  #suspicions = 0;
  #closing: Promise<void> | undefined;

  /** @throws TypeError or RangeError when an option is wrong */
  constructor(bus: InvalidationBus, options: CoherenceOptions) {
    objectOption(SUBJECT, 'bus', bus);
    for (const method of ['publish', 'subscribe'] as const) functionOption(SUBJECT, `bus.${method}`, bus[method]);
    for (const name of ['onInvalidation', 'onSuspect'] as const) functionOption(SUBJECT, name, options[name]);
    functionOption(SUBJECT, 'random', options.random, true);
    this.#bus = bus;
    this.#onInvalidation = options.onInvalidation;
    this.#onSuspect = options.onSuspect;
    this.#heartbeat = numberOption(SUBJECT, 'heartbeat', options.heartbeat, 2_000, { min: 10, max: 60_000 });
    this.#clock = clockOption(SUBJECT, options.clock);
    this.#name = { node: nameOption(options.node), epoch: crypto.randomUUID() };
    this.#peers = new Peers(this.#name, 2 * this.#heartbeat, this.#clock.now());
    this.#backoff = new Backoff(FIRST_PAUSE, LONGEST_PAUSE, options.random ?? randomShare);
    this.#neutral.runInAsyncScope(() => {
      void this.#subscribe();
      this.#beat();
      this.#watch();
    });
  }

  /** Whether there is nothing to doubt: subscribed, and everybody known is heard, oneself included. */
  get healthy(): boolean {
    return this.#unsubscribe !== undefined && this.#peers.areHeard(this.#clock.now());
  }

  /** Tells the others, at the end of the turn of the event loop; never fails. The store must have been told before. */
  publish(invalidations: readonly Invalidation[]): void {
    if (this.#closing !== undefined) return;
    for (const invalidation of invalidations) {
      this.#collected.push(invalidation);
      if (this.#collected.length >= MAX_COLLECTED) this.#flush();
    }
    if (this.#collected.length === 0 || this.#timers.has('flush')) return;
    const soon = this.#neutral.runInAsyncScope(setImmediate, undefined, () => this.#flush());
    this.#timers.set('flush', () => clearImmediate(soon));
  }

  getMetrics(): CoherenceMetrics {
    return Object.freeze({
      healthy: this.healthy,
      peers: this.#peers.size,
      sent: this.#sent,
      unsent: this.#unsent,
      received: this.#received,
      malformed: this.#malformed,
      foreign: this.#foreign,
      gaps: this.#gaps,
      suspicions: this.#suspicions,
    });
  }

  /** Sends what is left, takes leave of the others and of the bus, for at most a second. */
  close(): Promise<void> {
    this.#closing ??= this.#part();
    return this.#closing;
  }

  #flush(): void {
    this.#timers.get('flush')?.();
    this.#timers.delete('flush');
    const collected = this.#collected;
    this.#collected = [];
    const unsent = this.#unsent;
    for (const items of itemTexts(collected)) {
      this.#seq += 1;
      if (items === undefined || !this.#send(items)) this.#unsent += 1;
    }
    // The gap should not wait for the next heartbeat.
    if (this.#unsent > unsent) this.#send('');
  }

  /** False when too many frames are on their way. */
  #send(items: string, isEnd = false): boolean {
    if (this.#inFlight.size >= MAX_IN_FLIGHT) return false;
    const frame = frameText({ ...this.#name, seq: this.#seq, isEnd }, items);
    const sending = succeeds(() => this.#bus.publish(frame)).then((isTaken) => {
      this.#inFlight.delete(sending);
      if (items === '') return;
      if (isTaken) this.#sent += 1;
      else this.#unsent += 1;
    });
    this.#inFlight.add(sending);
    return true;
  }

  #receive(text: unknown): void {
    if (this.#closing !== undefined) return;
    const frame = parseFrame(text);
    if (frame === undefined) {
      this.#malformed += 1;
    } else if (frame === 'foreign') {
      this.#foreign += 1;
    } else {
      if (!this.#peers.hear(frame, this.#clock.now())) {
        this.#gaps += 1;
        this.#suspect();
      }
      if (this.#peers.isOwn(frame)) return;
      this.#received += 1;
      for (const item of frame.items) callQuietly(() => this.#onInvalidation(item));
    }
  }

  #suspect(): void {
    if (this.#closing !== undefined) return;
    this.#suspicions += 1;
    callQuietly(this.#onSuspect);
  }

  async #subscribe(): Promise<void> {
    const subscribed = async (): Promise<void> => {
      const end = await this.#bus.subscribe(
        (frame) => this.#receive(frame),
        () => this.#suspect(),
      );
      functionOption('subscribe to the bus', 'its answer', end);
      this.#unsubscribe = end;
    };
    const isSubscribed = await succeeds(subscribed);
    if (this.#closing !== undefined) return this.#leave();
    if (!isSubscribed) return this.#set('subscribe', this.#backoff.next(), () => void this.#subscribe());
    // What is held from before was not watched over.
    this.#suspect();
  }

  #beat(): void {
    this.#send('');
    this.#set('beat', this.#heartbeat, () => this.#beat());
  }

  #watch(): void {
    const now = this.#clock.now();
    if (this.#peers.doubt(now)) this.#suspect();
    this.#set('watch', this.#peers.nextDoubt() - now, () => this.#watch());
  }

  #set(timer: 'beat' | 'watch' | 'subscribe', delay: Milliseconds, run: () => void): void {
    this.#timers.set(timer, after(delay, run, { unref: true }));
  }

  async #part(): Promise<void> {
    this.#flush();
    this.#send('', true);
    for (const cancel of this.#timers.values()) cancel();
    const ended = Promise.all([...this.#inFlight, this.#leave()]);
    let stop = (): void => {};
    const tooLate = new Promise<void>((resolve) => {
      stop = after(PARTING, resolve);
    });
    await Promise.race([ended, tooLate]);
    stop();
  }

  async #leave(): Promise<void> {
    const unsubscribe = this.#unsubscribe;
    this.#unsubscribe = undefined;
    if (unsubscribe !== undefined) await succeeds(unsubscribe);
  }
}

function nameOption(name: string = crypto.randomUUID()): string {
  stringOption(SUBJECT, 'node', name);
  if (name.length <= LONGEST_NAME) return name;
  throw new RangeError(`Cannot ${SUBJECT}: node must have at most ${LONGEST_NAME} characters, got ${name.length}`);
}

async function succeeds(run: () => Promise<unknown>): Promise<boolean> {
  try {
    await run();
    return true;
  } catch {
    return false;
  }
}
