import { describe, expect, it } from 'vitest';
import { GrowGate } from '../../src/sizing/grow-gate.ts';
import type { GrowPolicy } from './simulator/pool-model.ts';
import { exponential, fixed, lognormal, pareto } from './simulator/random.ts';
import { boundToCreate, eager, oneAtATime } from './simulator/rivals.ts';
import { average, burst, play, scenarios, type Conditions, type Result } from './simulator/scenarios.ts';
import type { VirtualTime } from './simulator/virtual-time.ts';

const SEEDS = [1, 2, 3];

type PolicyFor = (clock: VirtualTime) => GrowPolicy;
const policies = { gate: (clock) => new GrowGate({ clock }), eager, oneAtATime, boundToCreate } satisfies Record<
  string,
  PolicyFor
>;

function over(name: keyof typeof scenarios, policy: PolicyFor, conditions: Conditions = {}, seeds = SEEDS): Result {
  return average(seeds.map((seed) => play(scenarios[name], policy, { ...conditions, seed })));
}

type Range = readonly [least: number, most: number];
/** Mean wait, 99th percentile, creates. */
type Row = readonly [keyof typeof scenarios, keyof typeof policies, Range, Range, Range];

/**
 * The published pools' rules and the gate, each figure as a range over all seeds. Where two rules differ by an order of
 * magnitude the ranges say so; the rows of the rivals prove that the simulator can tell good from bad.
 */
const table: readonly Row[] = [
  ['S1', 'boundToCreate', [67, 68], [150, 150], [45, 45]],
  ['S1', 'eager', [4.5, 4.5], [18, 18], [45, 45]],
  ['S1', 'oneAtATime', [4.5, 4.5], [18, 18], [1, 1]],
  ['S1', 'gate', [4.5, 4.5], [18, 18], [1, 2]],
  ['S2', 'boundToCreate', [127, 128], [150, 150], [45, 45]],
  ['S2', 'eager', [127, 128], [150, 150], [45, 45]],
  ['S2', 'oneAtATime', [1_400, 1_600], [2_700, 3_000], [17, 19]],
  ['S2', 'gate', [127, 128], [150, 151], [45, 45]],
  ['S3', 'boundToCreate', [1, 2], [15, 90], [45, 55]],
  ['S3', 'eager', [1, 2], [15, 90], [45, 55]],
  ['S3', 'oneAtATime', [350, 500], [1_200, 1_750], [45, 50]],
  ['S3', 'gate', [1.5, 3], [75, 115], [45, 55]],
  ['S4', 'boundToCreate', [0, 0.3], [0, 5], [13, 25]],
  ['S4', 'eager', [0, 0.3], [0, 5], [13, 18]],
  ['S4', 'oneAtATime', [0, 0.6], [0, 34], [9, 14]],
  ['S4', 'gate', [0.05, 0.5], [0, 26], [6, 10]],
  ['S5', 'boundToCreate', [6, 12], [140, 151], [220, 230]],
  ['S5', 'eager', [6, 12], [110, 130], [220, 230]],
  ['S5', 'oneAtATime', [1_000, 1_400], [1_500, 1_900], [110, 135]],
  ['S5', 'gate', [12, 17], [130, 150], [220, 230]],
];

describe('GrowGate in virtual time', () => {
  it.each(table)('%s with the rule %s', (scenario, policy, mean, p99, created) => {
    const result = over(scenario, policies[policy]);
    expect.soft(result.mean, 'mean wait').toBeGreaterThanOrEqual(mean[0]);
    expect.soft(result.mean, 'mean wait').toBeLessThanOrEqual(mean[1]);
    expect.soft(result.p99, 'p99 wait').toBeGreaterThanOrEqual(p99[0]);
    expect.soft(result.p99, 'p99 wait').toBeLessThanOrEqual(p99[1]);
    expect.soft(result.created, 'created').toBeGreaterThanOrEqual(created[0]);
    expect.soft(result.created, 'created').toBeLessThanOrEqual(created[1]);
  });

  it('serves the spike of "Welcome to the Jungle" within 30 ms with 2 surplus connections at most, with no hold known', () => {
    const cold = { ...scenarios.S1, load: (stage: Parameters<typeof burst>[0]) => burst(stage, 0, 50) };
    for (const holds of [fixed, exponential]) {
      for (const seed of SEEDS) {
        const result = play(cold, policies.gate, { seed, holds });
        expect(result.served).toBe(50);
        expect(result.longest + cold.hold).toBeLessThan(30);
        expect(result.created).toBeLessThanOrEqual(2);
      }
    }
  });

  it('sees that holds are long before the first one ends', () => {
    const cold = { ...scenarios.S2, load: (stage: Parameters<typeof burst>[0]) => burst(stage, 0, 50) };
    const result = play(cold, policies.gate);
    expect(result.created).toBe(45);
    expect(result.longest).toBeLessThan(2 * cold.create);
  });

  const hard: [string, Conditions][] = [
    ['lognormal holds', { holds: lognormal }],
    ['Pareto holds', { holds: pareto }],
    ['lognormal creates', { creates: lognormal }],
    ['a third of the creates failing', { failing: 1 / 3 }],
    ['all of it', { holds: pareto, creates: lognormal, failing: 1 / 3 }],
  ];
  it.each(hard)('is never far from the best rule with %s', (_, conditions) => {
    for (const name of ['S1', 'S2', 'S3', 'S4', 'S5'] as const) {
      const gate = over(name, policies.gate, conditions, [1, 2]);
      const rivals = [over(name, eager, conditions, [1, 2]), over(name, oneAtATime, conditions, [1, 2])];
      const fastest = Math.min(...rivals.map(({ mean }) => mean));
      const mostCreated = Math.max(...rivals.map(({ created }) => created));
      expect.soft(gate.mean, `mean wait of ${name}`).toBeLessThan(2 * fastest + 5);
      expect.soft(gate.created, `created in ${name}`).toBeLessThanOrEqual(1.1 * mostCreated);
    }
  });

  it('opens no more than a few connections for short calls, whatever their tail', () => {
    for (const holds of [exponential, lognormal, pareto])
      expect(over('S1', policies.gate, { holds }).created).toBeLessThan(4);
  });
});
