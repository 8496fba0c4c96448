import { describe, expect, it } from 'vitest';
import { GrowGate } from '../../src/sizing/grow-gate.ts';
import { exponential, fixed } from './simulator/random.ts';
import { playReal } from './simulator/real-pool.ts';
import { average, burst, play, scenarios, type Stage } from './simulator/scenarios.ts';

describe('ConnectionPool in virtual time', () => {
  // The pool times one lease in some while nobody waits; the model times all: the gate decides a little later there.
  it.each(['S1', 'S2', 'S3', 'S4', 'S5'] as const)('does in %s what the model does with the gate', async (name) => {
    // One after the other: each has the timers for itself.
    const real = average([await playReal(scenarios[name], { seed: 1 }), await playReal(scenarios[name], { seed: 2 })]);
    const model = average([1, 2].map((seed) => play(scenarios[name], (clock) => new GrowGate({ clock }), { seed })));
    expect(real.served).toBe(model.served);
    expect(real.mean).toBeLessThan(1.5 * model.mean + 0.1);
    expect(real.p99).toBeLessThan(1.3 * model.p99 + 1);
    expect(Math.abs(real.created - model.created)).toBeLessThanOrEqual(0.1 * model.created + 1);
    expect(real.averageSize / model.averageSize).toBeGreaterThan(0.9);
    expect(real.averageSize / model.averageSize).toBeLessThan(1.1);
  });

  it('serves the spike of "Welcome to the Jungle" within 30 ms with 2 surplus connections at most', async () => {
    const spike = { ...scenarios.S1, load: (stage: Stage) => burst(stage, 0, 50) };
    for (const holds of [fixed, exponential]) {
      const { served, longest, created } = await playReal(spike, { holds });
      expect(served).toBe(50);
      expect(longest + spike.hold).toBeLessThan(30);
      expect(created).toBeLessThanOrEqual(2);
    }
  });
});
