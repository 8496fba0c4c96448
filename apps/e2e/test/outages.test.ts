import { describe, expect, it } from 'vitest';
import type { Fault } from '../src/distributed-cache/faults.ts';
import { impliedFaults } from '../src/distributed-cache/outages.ts';

const outage = (worker: number, from: number, to: number): { worker: number; from: number; to: number } => ({
  worker,
  from,
  to,
});
const island = (worker: number, from: number, to: number): Fault => ({ kind: 'island', worker, from, to });

describe('impliedFaults', () => {
  it('grants each worker the time for which the machine kept it from Redis', () => {
    const outages = [outage(1, 5000, 5600), outage(0, 0, 300), outage(0, 900, 1000)];
    expect(impliedFaults(outages, [])).toEqual([island(0, 0, 300), island(1, 5000, 5600)]);
  });

  it('takes what comes before the worker has tried again for one', () => {
    expect(impliedFaults([outage(0, 0, 300), outage(0, 800, 1200), outage(0, 9000, 9300)], [])).toEqual([
      island(0, 0, 1200),
      island(0, 9000, 9300),
    ]);
  });

  it('grants nothing for what was played, but for what lasts on when it is mended', () => {
    const store: Fault = { kind: 'store', from: 1000, to: 2000 };
    expect(impliedFaults([outage(0, 990, 2060), outage(1, 990, 3000)], [store])).toEqual([island(1, 990, 3000)]);
    const alone: Fault = { kind: 'island', worker: 0, from: 1000, to: 2000 };
    expect(impliedFaults([outage(0, 990, 2060), outage(1, 990, 2060)], [alone])).toEqual([island(1, 990, 2060)]);
    const deaf: Fault = { kind: 'bus', worker: 0, from: 1000, to: 2000 };
    expect(impliedFaults([outage(0, 1200, 1500)], [deaf])).toEqual([island(0, 1200, 1500)]);
  });
});
