import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { memoryBus, type BusFault, type MemoryBus } from '../../src/testing/index.ts';
import { Coherence } from '../../src/tiers/coherence.ts';

const HEARTBEAT = 1_000;
const NODES = 3;
const LONGEST_DELAY = 400;
/** What the essay of Coherence promises; a timer may be a millisecond late. */
const BOUND = 2 * HEARTBEAT + 2 * LONGEST_DELAY + 1;

interface Action {
  readonly kind: 'publish' | 'cut' | 'join' | 'interrupt' | 'pass';
  readonly node: number;
}

interface Step {
  readonly action: Action;
  /** Before the next step, in ms; no silence is so long that a node is forgotten. */
  readonly pause: number;
  /** Of the frames that are published or delivered in this step, in turn. */
  readonly faults: readonly BusFault[];
}

interface Event {
  readonly order: number;
  readonly at: number;
}

const fault: fc.Arbitrary<BusFault> = fc.oneof(
  { weight: 2, arbitrary: fc.constant({}) },
  { weight: 1, arbitrary: fc.constant({ drop: true }) },
  { weight: 1, arbitrary: fc.constant({ fail: true }) },
  { weight: 1, arbitrary: fc.record({ repeat: fc.nat(2), delay: fc.constantFrom(0, 1, 50, LONGEST_DELAY) }) },
);
const kinds = ['publish', 'publish', 'publish', 'cut', 'join', 'interrupt', 'pass'] as const;
const step: fc.Arbitrary<Step> = fc.record({
  action: fc.record({ kind: fc.constantFrom(...kinds), node: fc.nat(NODES - 1) }),
  pause: fc.constantFrom(0, 0, 1, 10, 200, 500, 1_200),
  faults: fc.array(fault, { maxLength: 8 }),
});

/** One process, and what it came to know. */
class Node {
  readonly bus: MemoryBus;
  readonly coherence: Coherence;
  readonly applied = new Map<string, Event>();
  readonly suspicions: Event[] = [];

  constructor(bus: MemoryBus, event: () => Event) {
    this.bus = bus;
    this.coherence = new Coherence(bus, {
      heartbeat: HEARTBEAT,
      random: () => 0,
      onInvalidation: (invalidation) => {
        if (invalidation.kind !== 'key' || this.applied.has(invalidation.key)) return;
        this.applied.set(invalidation.key, event());
      },
      onSuspect: () => void this.suspicions.push(event()),
    });
  }
}

class World {
  readonly faults: BusFault[] = [];
  readonly published: { readonly key: string; readonly node: Node; readonly event: Event }[] = [];
  readonly nodes: readonly Node[];
  #order = 0;

  constructor() {
    const bus = memoryBus();
    const next = (): BusFault | undefined => this.faults.shift();
    this.nodes = Array.from({ length: NODES }, () => {
      return new Node(bus.connect({ publish: next, deliver: next }), () => this.#event());
    });
  }

  async run(steps: readonly Step[]): Promise<void> {
    // The bound is promised between processes that have heard each other.
    await vi.advanceTimersByTimeAsync(HEARTBEAT);
    for (const { action, pause, faults } of steps) {
      this.faults.splice(0, Infinity, ...faults);
      this.#perform(action);
      await vi.advanceTimersByTimeAsync(pause);
    }
    this.faults.length = 0;
    await vi.advanceTimersByTimeAsync(BOUND);
  }

  /** The invalidations that a process neither applied nor suspected in time. */
  get missed(): readonly string[] {
    return this.published.flatMap(({ key, node, event }) => {
      const isInTime = (other: Event | undefined): boolean =>
        other !== undefined && other.order > event.order && other.at <= event.at + BOUND;
      const others = this.nodes.filter((other) => other !== node);
      return others.some(({ applied, suspicions }) => !isInTime(applied.get(key)) && !suspicions.some(isInTime))
        ? [key]
        : [];
    });
  }

  #perform({ kind, node: index }: Action): void {
    const node = this.nodes[index]!;
    if (kind === 'cut' || kind === 'join') node.bus.isPartitioned = kind === 'cut';
    if (kind === 'interrupt') node.bus.interrupt();
    if (kind !== 'publish') return;
    const key = `${this.published.length}`;
    this.published.push({ key, node, event: this.#event() });
    node.coherence.publish([{ kind: 'key', key }]);
  }

  #event(): Event {
    return { order: this.#order++, at: performance.now() };
  }
}

describe('Coherence', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('applies or suspects within the bound whatever is published, whatever the bus does', async () => {
    const property = fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 15 }), async (steps) => {
      const world = new World();
      await world.run(steps);
      expect(world.missed).toEqual([]);
      // Left to itself, everybody is well again.
      for (const { bus } of world.nodes) bus.isPartitioned = false;
      await vi.advanceTimersByTimeAsync(2 * HEARTBEAT);
      const calm = world.nodes.map(({ suspicions }) => suspicions.length);
      await vi.advanceTimersByTimeAsync(10 * HEARTBEAT);
      expect(world.nodes.map(({ suspicions }) => suspicions.length)).toEqual(calm);
      expect(world.nodes.every(({ coherence }) => coherence.healthy)).toBe(true);
      await Promise.all(world.nodes.map(({ coherence }) => coherence.close()));
      expect(vi.getTimerCount()).toBe(0);
    });
    await fc.assert(property, { numRuns: 500 });
  });
});
