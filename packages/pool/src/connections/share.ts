import type { Milliseconds } from '../units.ts';
import type { Slot } from './slot.ts';

/** What ties a pool to others, with whom it has a bound or a queue in common; a pool of its own has none. */
export interface Share<C> {
  /** Asks whether one more create may start. Where somebody waits for it, the pool is told to look again when it may. */
  take(isAwaited: boolean): boolean;
  /** Whether a connection with a free place has to go; `waiting` is when the caller came who would get it next. */
  cedes(slot: Slot<C>, waiting: Milliseconds | undefined): boolean;
  /** A lease has ended, with an error if it was destroyed with one; the connection is not passed on yet. */
  ended?(lease: object, slot: Slot<C>, error: unknown): void;
  /** The pool has changed, and is settled again. */
  settled(): void;
}
