import { after } from '@forge/internal';
import type { InvalidationBus } from '../tiers/bus.ts';
import type { Milliseconds } from '../units.ts';

/** What happens to one frame on its way out or in. */
export interface BusFault {
  /** Rejects, and the frame does not leave; on the way in, the same as `drop`. */
  readonly fail?: boolean;
  readonly drop?: boolean;
  /** How often more it comes. @default 0 */
  readonly repeat?: number;
  /** Frames with different delays change their order. @default 0 */
  readonly delay?: Milliseconds;
}

export interface BusFaults {
  /** Asked for each frame that this process publishes. */
  readonly publish?: (frame: string) => BusFault | undefined;
  /** Asked for each frame that reaches this process, its own included. */
  readonly deliver?: (frame: string) => BusFault | undefined;
}

export interface MemoryBus extends InvalidationBus {
  /** While true, nothing comes through in either direction, its own frames included, and nobody is told. */
  isPartitioned: boolean;
  /** Tells the subscribers of this process that frames may have been missed. */
  interrupt(): void;
  /** The same bus, as another process reaches it. */
  connect(faults?: BusFaults): MemoryBus;
}

interface Subscriber {
  readonly onFrame: (frame: string) => void;
  readonly onInterrupted: () => void;
}

/** A bus in this process's memory, for tests. Without a fault each frame comes once and in order, after the present turn. */
export function memoryBus(faults?: BusFaults): MemoryBus {
  return new Connection(new Set(), faults);
}

class Connection implements MemoryBus {
  isPartitioned = false;
  readonly #all: Set<Connection>;
  readonly #faults: BusFaults;
  readonly #subscribers = new Set<Subscriber>();

  constructor(all: Set<Connection>, faults: BusFaults = {}) {
    this.#all = all;
    this.#faults = faults;
    all.add(this);
  }

  async publish(frame: string): Promise<void> {
    const fault = this.#faults.publish?.(frame) ?? {};
    if (fault.fail === true) throw new Error('The frame was not sent');
    if (this.isPartitioned) return;
    pass(fault, () => {
      for (const connection of this.#all) connection.#deliver(frame);
    });
  }

  async subscribe(onFrame: (frame: string) => void, onInterrupted: () => void): Promise<() => Promise<void>> {
    const subscriber = { onFrame, onInterrupted };
    this.#subscribers.add(subscriber);
    return async () => void this.#subscribers.delete(subscriber);
  }

  interrupt(): void {
    for (const { onInterrupted } of this.#subscribers) onInterrupted();
  }

  connect(faults?: BusFaults): MemoryBus {
    return new Connection(this.#all, faults);
  }

  #deliver(frame: string): void {
    const fault = this.#faults.deliver?.(frame) ?? {};
    if (fault.fail === true) return;
    pass(fault, () => {
      if (!this.isPartitioned) for (const { onFrame } of this.#subscribers) onFrame(frame);
    });
  }
}

function pass({ drop = false, repeat = 0, delay = 0 }: BusFault, go: () => void): void {
  if (drop) return;
  for (let copy = 0; copy <= repeat; copy++) {
    if (delay > 0) after(delay, go);
    else queueMicrotask(go);
  }
}
