import { Measures, emit } from '@forge/internal';
import type { EventEmitter } from 'node:events';
import type { PoolEvents } from './events.ts';
import type { Milliseconds } from './units.ts';
import { view, type Slot } from './connections/slot.ts';

/**
 * Events and measures from the change that they tell of until the state is settled. Each shows things as they stood at
 * its change, whatever came in the same turn, and a listener finds a pool that it may call.
 */
export class News {
  readonly measures: Measures = new Measures();
  readonly #emitter: EventEmitter<PoolEvents>;
  readonly #untold: (() => void)[] = [];

  constructor(emitter: EventEmitter<PoolEvents>) {
    this.#emitter = emitter;
  }

  /** Whether anybody may listen. Node's own count says so for all events at once; were it to go, each would be asked for. */
  get isHeard(): boolean {
    return (this.#emitter as { readonly _eventsCount?: number })['_eventsCount'] !== 0;
  }

  get isUntold(): boolean {
    return this.#untold.length > 0;
  }

  /** Of a connection. */
  event(name: keyof PoolEvents, slot: Slot<unknown> | undefined, details?: object): void {
    if (this.isHeard && this.#emitter.listenerCount(name) > 0)
      this.note(name, { ...details, connection: slot && view(slot) });
  }

  note(name: keyof PoolEvents, event: object): void {
    this.#untold.push(() => emit(this.#emitter, name, () => event));
  }

  /** NaN, of what began while nobody measured, compares false. */
  measure(name: string, took: Milliseconds): void {
    if (this.measures.active && took >= 0) this.#untold.push(() => this.measures.record(name, took));
  }

  /** In order of the changes; what a listener's own calls bring is told within them, after what is older. */
  tell(): void {
    while (this.#untold.length > 0) this.#untold.shift()?.();
  }
}
