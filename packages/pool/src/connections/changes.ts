import type { DestroyReason } from '../events.ts';
import type { Slot } from './slot.ts';

/** Where every change of a connection ends, as those see it who make the change. */
export interface Changes<C> {
  /** The connection has changed, and nothing else has. */
  settle(slot: Slot<C>): void;
  /** Condemns these, all at once, so that nobody gets one of them in place of another. */
  retire(slots: readonly Slot<C>[], reason: DestroyReason): void;
  /** Sees to it that something comes for those who wait. */
  seek(): void;
  /** What follows from changes, once for all that belong together; listeners hear of them now. */
  finish(): void;
}
