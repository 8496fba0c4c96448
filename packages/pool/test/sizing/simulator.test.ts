import { describe, expect, it } from 'vitest';
import { Backend, sharing, usl } from './simulator/backend.ts';
import { meanWait } from './simulator/erlang-c.ts';
import { PoolModel } from './simulator/pool-model.ts';
import { Random, exponential, lognormal, pareto, type Distribution } from './simulator/random.ts';
import { oneAtATime } from './simulator/rivals.ts';
import { VirtualTime } from './simulator/virtual-time.ts';

describe('VirtualTime', () => {
  it('runs what is due in order of time, then of scheduling', () => {
    const time = new VirtualTime();
    const random = new Random(7);
    const ran: [number, number][] = [];
    const planned = Array.from({ length: 500 }, (_, order): [number, number] => [
      Math.floor(random.next() * 50),
      order,
    ]);
    for (const [at, order] of planned) time.at(at, () => ran.push([time.now(), order]));
    time.runUntil(24);
    time.runUntil(Infinity);
    expect(ran).toEqual(planned.toSorted(([one, first], [other, second]) => one - other || first - second));
  });
});

describe('Random', () => {
  const cases: [string, Distribution, number][] = [
    ['exponential', exponential, 0.02],
    ['lognormal', lognormal, 0.03],
    ['pareto', pareto, 0.15],
  ];
  it.each(cases)('%s has a mean of 1', (_, distribution, error) => {
    const random = new Random(3);
    let total = 0;
    for (let draw = 0; draw < 100_000; draw += 1) total += distribution(random);
    expect(Math.abs(total / 100_000 - 1)).toBeLessThan(error);
  });
});

describe('Backend', () => {
  it('gives the throughput that the law of its speed says', () => {
    for (const speed of [usl(16), sharing(12)]) {
      for (const active of [1, 10, 30]) {
        const time = new VirtualTime();
        const backend = new Backend(time, speed);
        const random = new Random(active);
        let done = 0;
        const again = (): void => {
          done += 1;
          backend.run(10 * random.exponential(), again);
        };
        for (let job = 0; job < active; job += 1) again();
        time.runUntil(20_000);
        expect((done * 10) / 20_000 / (active * speed(active))).toBeCloseTo(1, 1);
      }
    }
  });
});

describe('PoolModel', () => {
  it.each([
    [1, 0.5],
    [5, 0.7],
    [20, 0.8],
  ])('of %i connections in use to %d lets callers wait as Erlang C says, within 3 percent', (servers, share) => {
    const time = new VirtualTime();
    const [random, sizes] = [new Random(1), new Random(2)];
    const pool = new PoolModel({
      time,
      policy: oneAtATime(),
      backend: new Backend(time),
      create: () => ({ took: 0 }),
      min: servers,
      max: servers,
    });
    const between = 10 / (servers * share);
    let left = 500_000;
    const arrive = (): void => {
      pool.request(10 * sizes.exponential());
      if ((left -= 1) > 0) time.after(between * random.exponential(), arrive);
    };
    arrive();
    time.runUntil(Infinity);
    const mean = pool.waits.reduce((total, wait) => total + wait, 0) / pool.waits.length;
    expect(mean / meanWait(servers, servers * share, 10)).toBeGreaterThan(0.97);
    expect(mean / meanWait(servers, servers * share, 10)).toBeLessThan(1.03);
  });
});
