import { AsyncResource } from 'node:async_hooks';
import { after, type Clock } from '@forge/internal';
import type { Milliseconds } from '../units.ts';

/**
 * The one background timer of a table, armed only while there is something to come.
 *
 * It keeps neither the process open nor the table alive: a cache that its owner forgot is collected, and its timer finds
 * nothing and ends. It runs outside of every caller's async context, which it would otherwise keep alive.
 */
export class Upkeep {
  readonly #clock: Clock;
  readonly #tend: () => Milliseconds;
  readonly #scope = new AsyncResource('forge.Upkeep');
  /** Made for the first timer: a WeakRef keeps what it names alive until the running job ends. */
  #onTimer: (() => void) | undefined;
  #stop: () => void = () => {};
  #armedFor = Infinity;

  /** @param tend does a slice of the work and returns when, on the clock, it wants to be called again, Infinity for never */
  constructor(clock: Clock, tend: () => Milliseconds) {
    this.#clock = clock;
    this.#tend = tend;
  }

  /** Calls at that time, or before if that was asked for already. */
  wakeAt(at: Milliseconds): void {
    if (at >= this.#armedFor) return;
    this.#stop();
    this.#armedFor = at;
    this.#onTimer ??= waking(new WeakRef(this));
    this.#stop = this.#scope.runInAsyncScope(after, undefined, at - this.#clock.now(), this.#onTimer, { unref: true });
  }

  stop(): void {
    this.#stop();
    this.#armedFor = Infinity;
  }

  wake(): void {
    this.#armedFor = Infinity;
    this.wakeAt(this.#tend());
  }
}

/** In a function of its own, so that it closes over nothing else. */
function waking(upkeep: WeakRef<Upkeep>): () => void {
  return () => upkeep.deref()?.wake();
}
