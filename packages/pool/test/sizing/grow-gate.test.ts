import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GrowGate, type Demand } from '../../src/sizing/grow-gate.ts';

const some: Demand = { waiters: 1, busy: 5, creating: 0, room: 45, concurrency: 1 };

/** A gate at time 0 that has timed creates and holds of these times. */
function gateWith({ create, hold }: { create?: number; hold?: number }): { gate: GrowGate; at: (now: number) => void } {
  let now = 0;
  const gate = new GrowGate({ clock: { now: () => now } });
  if (create !== undefined) gate.createTook(create);
  if (hold !== undefined) gate.heldFor(hold);
  const at = (to: number): void => {
    now = to;
  };
  return { gate, at };
}

describe('GrowGate', () => {
  it('starts a create for each caller when no create was timed', () => {
    expect(gateWith({ hold: 1 }).gate.startable({ ...some, waiters: 7, creating: 2 })).toBe(5);
  });

  it('starts a create for each caller when creates cost nothing', () => {
    expect(gateWith({ create: 0, hold: 0 }).gate.startable({ ...some, waiters: 7 })).toBe(7);
  });

  it('starts nothing when nobody waits, there is no room or a create is under way for each caller', () => {
    const { gate } = gateWith({ create: 1, hold: 100 });
    for (const demand of [{ waiters: 0 }, { room: 0 }, { room: -3 }, { creating: 1 }]) {
      expect(gate.startable({ ...some, ...demand })).toBe(0);
      expect(gate.nextLookAt()).toBe(Infinity);
      expect(gate.watching).toBe(false);
    }
  });

  it('starts one when there is no connection at all, however cheap holds are', () => {
    expect(gateWith({ create: 1_000, hold: 1 }).gate.startable({ ...some, waiters: 3, busy: 0 })).toBe(1);
  });

  it('starts what ends the queue in a quarter of a create', () => {
    const { gate } = gateWith({ create: 100, hold: 10 });
    // 40 callers of 10 ms in 25 ms need 16 connections.
    expect(gate.startable({ ...some, waiters: 40 })).toBe(11);
    expect(gate.startable({ ...some, waiters: 40, creating: 11 })).toBe(0);
    expect(gate.startable({ ...some, waiters: 40, room: 4 })).toBe(4);
  });

  it('counts the places of a connection', () => {
    const { gate } = gateWith({ create: 100, hold: 10 });
    expect(gate.startable({ ...some, waiters: 200, concurrency: 5 })).toBe(11);
    expect(gate.startable({ ...some, waiters: 9, busy: 0, concurrency: 4 })).toBe(1);
    expect(gateWith({}).gate.startable({ ...some, waiters: 9, concurrency: 4 })).toBe(3);
    expect(gateWith({}).gate.startable({ ...some, waiters: 9, concurrency: Infinity })).toBe(1);
  });

  it('starts one each time that the callers have waited for two creates', () => {
    const { gate, at } = gateWith({ create: 100, hold: 1 });
    const demand = { ...some, waiters: 4, busy: 50 };
    expect(gate.startable(demand)).toBe(0);
    expect(gate.nextLookAt()).toBe(50);
    at(20);
    gate.heldFor(1);
    expect(gate.startable(demand)).toBe(0);
    at(50);
    gate.heldFor(1);
    expect(gate.startable(demand)).toBe(1);
    // Of four one is covered now.
    expect(gate.startable({ ...demand, creating: 1 })).toBe(0);
    expect(gate.nextLookAt()).toBeCloseTo(50 + 200 / 3);
  });

  it('remembers what was waited when the queue ends, and counts no time without one', () => {
    const { gate, at } = gateWith({ create: 100, hold: 1 });
    gate.startable({ ...some, waiters: 10 });
    at(15);
    gate.heldFor(1);
    expect(gate.startable({ ...some, waiters: 0 })).toBe(0);
    at(10_000);
    expect(gate.startable({ ...some, waiters: 10 })).toBe(0);
    expect(gate.nextLookAt()).toBe(10_005);
  });

  it('takes a hold to be as long as no connection has come back', () => {
    const { gate, at } = gateWith({ create: 100 });
    const demand = { ...some, waiters: 40 };
    expect(gate.startable(demand)).toBe(0);
    expect(gate.nextLookAt()).toBeCloseTo(3.125);
    at(4);
    expect(gate.startable(demand)).toBe(2);
    gate.startable({ ...demand, creating: 2 });
    gate.heldFor(4);
    at(5);
    expect(gate.startable({ ...demand, creating: 2 })).toBe(0);
  });

  it('does not count the time for which the event loop was blocked', () => {
    const { gate, at } = gateWith({ create: 100, hold: 1 });
    const demand = { ...some, waiters: 4, busy: 50 };
    gate.startable(demand);
    at(5_050);
    expect(gate.startable(demand)).toBe(1);
  });

  it('looks again after a millisecond at the soonest', () => {
    const { gate } = gateWith({ create: 0.01, hold: 0 });
    gate.startable({ ...some, waiters: 1_000_000, room: 1_000_000 });
    expect(gate.nextLookAt()).toBeGreaterThanOrEqual(1);
  });

  it('never starts more than max allows or than there are callers without a create', () => {
    const step = fc.record({
      passed: fc.double({ min: 0, max: 1e5, noNaN: true }),
      held: fc.option(fc.double({ min: 0, max: 1e5, noNaN: true }), { nil: undefined }),
      took: fc.option(fc.double({ min: 0, max: 1e5, noNaN: true }), { nil: undefined }),
      waiters: fc.nat(1_000),
      busy: fc.nat(100),
      creating: fc.nat(100),
      room: fc.integer({ min: -5, max: 100 }),
      concurrency: fc.integer({ min: 1, max: 10 }),
    });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        let now = 0;
        const gate = new GrowGate({ clock: { now: () => now } });
        for (const { passed, held, took, ...demand } of steps) {
          now += passed;
          if (held !== undefined) gate.heldFor(held);
          if (took !== undefined) gate.createTook(took);
          const started = gate.startable(demand);
          const most = Math.min(demand.room, Math.ceil(demand.waiters / demand.concurrency) - demand.creating);
          expect(Number.isInteger(started)).toBe(true);
          expect(started).toBeGreaterThanOrEqual(0);
          expect(started).toBeLessThanOrEqual(Math.max(0, most));
          expect(gate.nextLookAt()).toBeGreaterThan(now);
          expect(gate.watching).toBe(started < most);
        }
      }),
    );
  });

  /**
   * Ski rental: callers wait for as long as the adversary likes, and holds are so short that the drain rule keeps out.
   * What is bought never costs more than was waited, and what was waited without buying never more than the price, but for
   * the 10 ms between two looks: so all that is paid is at most twice the cheaper of the two.
   */
  it('pays at most twice what the future would have told it to, for any stretches of waiting', () => {
    const stretch = fc.record({ waiters: fc.integer({ min: 1, max: 5 }), lasts: fc.integer({ min: 1, max: 500 }) });
    fc.assert(
      fc.property(fc.array(stretch, { minLength: 1 }), fc.integer({ min: 60, max: 300 }), (stretches, create) => {
        const price = 2 * create;
        let now = 0;
        const gate = new GrowGate({ clock: { now: () => now } });
        gate.createTook(create);
        gate.heldFor(0);
        let [waited, bought] = [0, 0];
        for (const { waiters, lasts } of stretches) {
          const demand = { waiters, busy: 1_000, creating: 0, room: 1_000, concurrency: 1 };
          for (const end = now + lasts; now < end;) {
            const started = gate.startable(demand);
            const next = Math.min(end, Math.ceil(gate.nextLookAt()), now + 10);
            bought += started;
            // The worst that can befall a create: it is gone by the next look, and has served nobody.
            waited += (waiters - started) * (next - now);
            now = next;
            gate.heldFor(0);
          }
          expect(gate.startable({ ...demand, waiters: 0 })).toBe(0);
        }
        expect(bought * price).toBeLessThanOrEqual(waited);
        expect(waited - bought * price).toBeLessThanOrEqual(price + 5 * 10);
      }),
    );
  });
});
