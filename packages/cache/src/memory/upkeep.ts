import { AsyncResource } from 'node:async_hooks';
import { after, type Clock } from '@forge/internal';
import type { Milliseconds } from '../units.ts';

/**
 * The one background timer of a table, armed only while there is something to come.
 *
 * It keeps neither the process open nor the table alive: a cache that its owner forgot is collected, and its timer finds
 * nothing and ends. It runs outside of every caller's async context, which it would otherwise keep alive.
 */
export class Upkeep<Table extends object> {
  readonly #clock: Clock;
  readonly #table: WeakRef<Table>;
  readonly #tend: (table: Table) => Milliseconds;
  readonly #scope = new AsyncResource('forge.Upkeep');
  readonly #onTimer = (): void => this.#wake();
  #stop: () => void = () => {};
  #armedFor = Infinity;

  /**
   * @param tend does a slice of the work and returns when, on the clock, it wants to be called again, Infinity for never;
   * it must hold the table by nothing but its argument
   */
  constructor(clock: Clock, table: Table, tend: (table: Table) => Milliseconds) {
    this.#clock = clock;
    this.#table = new WeakRef(table);
    this.#tend = tend;
  }

  /** Calls at that time, or before if that was asked for already. */
  wakeAt(at: Milliseconds): void {
    if (at >= this.#armedFor) return;
    this.#stop();
    this.#armedFor = at;
    this.#stop = this.#scope.runInAsyncScope(after, undefined, at - this.#clock.now(), this.#onTimer, { unref: true });
  }

  stop(): void {
    this.#stop();
    this.#armedFor = Infinity;
  }

  #wake(): void {
    this.#armedFor = Infinity;
    const table = this.#table.deref();
    if (table !== undefined) this.wakeAt(this.#tend(table));
  }
}
