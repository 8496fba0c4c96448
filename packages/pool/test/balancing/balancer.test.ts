import { describe, expect, it, vi } from 'vitest';
import { Balancer, type BalancerOptions, type Turn } from '../../src/index.ts';

interface World {
  readonly balancer: Balancer<string>;
  readonly clock: { time: number; now(): number };
}

/** Draws the ratios in turn, over and over. */
function world(
  endpoints: string,
  ratios: readonly number[] = [0],
  options: Partial<BalancerOptions<string>> = {},
): World {
  const clock = { time: 0, now: () => clock.time };
  let drawn = 0;
  const random = (): number => ratios[drawn++ % ratios.length]!;
  return { clock, balancer: new Balancer({ endpoints, clock, random, ...options }) };
}

/** Ends a turn at this endpoint, whatever would be chosen. */
function use({ balancer }: World, endpoint: string, end: (turn: Turn<string>) => void, times = 1): void {
  for (let turn = 0; turn < times; turn += 1) end(balancer.begin(endpoint)!);
}

describe('Balancer', () => {
  it('chooses of two endpoints drawn at random the one with less under way', () => {
    const { balancer } = world('abcd', [0, 0.99, 0.99, 0]);
    // Draws a and d, then d and a, and so on.
    const picked = Array.from({ length: 6 }, () => balancer.pick()!.endpoint);
    expect(picked).toEqual(['a', 'd', 'a', 'd', 'a', 'd']);
    expect(balancer.statusOf('b')).toMatchObject({ inFlight: 0 });
    expect(balancer.statusOf('a')).toMatchObject({ inFlight: 3 });
  });

  it('never compares an endpoint with itself', () => {
    const { balancer } = world('ab', [0.999, 0.999]);
    const picked = Array.from({ length: 4 }, () => balancer.pick()!.endpoint);
    expect(picked.toSorted()).toEqual(['a', 'a', 'b', 'b']);
  });

  it('weighs what is under way by what a use takes', () => {
    const all = world('ab', [0]);
    use(all, 'a', (turn) => turn.succeeded(10));
    use(all, 'b', (turn) => turn.succeeded(45));
    const picked = Array.from({ length: 6 }, () => all.balancer.pick()!.endpoint);
    expect(picked).toEqual(['a', 'a', 'a', 'a', 'b', 'a']);
  });

  it('measures a turn from its begin where nobody says what it took', () => {
    const { balancer, clock } = world('a');
    const turn = balancer.pick()!;
    clock.time = 25;
    turn.succeeded();
    expect(balancer.statusOf('a')).toEqual({ state: 'healthy', inFlight: 0, latency: 25 });
  });

  it('compares by load alone while of one endpoint nothing is known', () => {
    const all = world('ab', [0]);
    use(all, 'a', (turn) => turn.succeeded(1_000));
    expect([1, 2, 3].map(() => all.balancer.pick()!.endpoint)).toEqual(['a', 'b', 'a']);
  });

  it('avoids an endpoint that fails at once, though it answers soonest', () => {
    const all = world('ab', [0]);
    use(all, 'b', (turn) => turn.succeeded(100));
    use(all, 'a', (turn) => turn.succeeded(100));
    use(all, 'a', (turn) => turn.failed(), 2);
    expect([1, 2, 3, 4].map(() => all.balancer.pick()!.endpoint)).toEqual(['b', 'b', 'b', 'a']);
  });

  it('leaves an ejected endpoint alone, and then probes it with one turn', () => {
    const told: unknown[] = [];
    const all = world('abc', [0], { onChange: (...change) => told.push(change) });
    const { balancer, clock } = all;
    use(all, 'a', (turn) => turn.failed(), 5);
    expect(balancer.statusOf('a')?.state).toBe('ejected');
    expect(balancer.probeAt).toBe(1_000);
    const picked = new Set(Array.from({ length: 20 }, () => balancer.pick()!.endpoint));
    expect(picked).toEqual(new Set(['b', 'c']));
    clock.time = 1_000;
    const probe = balancer.pick()!;
    expect([probe.endpoint, balancer.pick()!.endpoint]).toEqual(['a', 'b']);
    expect(balancer.statusOf('a')?.state).toBe('probing');
    probe.succeeded(1);
    expect(balancer.probeAt).toBe(Infinity);
    expect(told).toEqual([
      ['a', 'ejected'],
      ['a', 'healthy'],
    ]);
  });

  it('uses all again, ejected ones too, when those in use fail', () => {
    const all = world('ab', [0, 0.5, 0.9]);
    use(all, 'a', (turn) => turn.failed(), 5);
    use(all, 'b', (turn) => turn.failed(), 5);
    expect(all.balancer.statusOf('b')?.state).toBe('suspect');
    const picked = Array.from({ length: 10 }, () => all.balancer.pick()!.endpoint);
    expect(new Set(picked)).toEqual(new Set(['a', 'b']));
    use(all, 'a', (turn) => turn.succeeded(1));
    expect(all.balancer.statusOf('a')?.state).toBe('healthy');
    expect(all.balancer.statusOf('b')?.state).toBe('ejected');
  });

  it('picks among those that are accepted, and an ejected one only as a last resort', () => {
    const all = world('abcd', [0]);
    const { balancer, clock } = all;
    use(all, 'b', (turn) => turn.failed(), 5);
    clock.time = 10;
    use(all, 'a', (turn) => turn.failed(), 5);
    const accepts = (endpoint: string): boolean => endpoint < 'c';
    expect(balancer.pick({ accepts: (endpoint) => endpoint === 'd' })?.endpoint).toBe('d');
    expect(balancer.pick({ accepts })).toBeUndefined();
    expect(balancer.pick({ accepts, lastResort: true })?.endpoint).toBe('b');
    expect(balancer.pick({ accepts: () => false, lastResort: true })).toBeUndefined();
  });

  it('asks for what is under way where it is told how', () => {
    const { balancer } = world('ab', [0], { inFlight: (endpoint) => (endpoint === 'a' ? 5 : 0) });
    expect([1, 2, 3].map(() => balancer.pick()!.endpoint)).toEqual(['b', 'b', 'b']);
    expect(balancer.statusOf('a')?.inFlight).toBe(5);
  });

  it('ends a turn once, by the first of its outcomes', () => {
    const { balancer } = world('a');
    const turn = balancer.pick()!;
    turn.cancelled();
    turn.succeeded(5);
    turn.failed();
    expect(balancer.statusOf('a')).toEqual({ state: 'healthy', inFlight: 0, latency: undefined });
  });

  it('keeps what it knows of endpoints that stay, and forgets those that leave', () => {
    const all = world('abc', [0]);
    const { balancer } = all;
    use(all, 'a', (turn) => turn.failed(), 5);
    use(all, 'b', (turn) => turn.succeeded(7));
    const open = balancer.begin('c')!;
    balancer.setEndpoints('abd');
    expect(balancer.endpoints).toEqual(['a', 'b', 'd']);
    expect(balancer.statusOf('a')?.state).toBe('ejected');
    expect(balancer.statusOf('b')?.latency).toBe(7);
    expect(balancer.statusOf('c')).toBeUndefined();
    expect(balancer.begin('c')).toBeUndefined();
    open.failed();
    balancer.setEndpoints('d');
    balancer.setEndpoints('da');
    expect(balancer.statusOf('a')?.state).toBe('healthy');
  });

  it('still uses what is ejected when all others have left', () => {
    const all = world('ab', [0]);
    use(all, 'a', (turn) => turn.failed(), 5);
    all.balancer.setEndpoints('a');
    expect(all.balancer.pick()?.endpoint).toBe('a');
  });

  it('picks nothing of nothing', () => {
    const { balancer } = world('');
    expect(balancer.pick({ lastResort: true })).toBeUndefined();
    expect(balancer.probeAt).toBe(Infinity);
  });

  it('takes each endpoint once, and of any kind', () => {
    const one = { host: 'a' };
    const balancer = new Balancer<unknown>({ endpoints: [one, one, Number.NaN, Number.NaN, '__proto__'] });
    expect(balancer.endpoints).toEqual([one, Number.NaN, '__proto__']);
  });

  it('stands a listener that throws', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const all = world('ab', [0], {
      onChange: () => {
        throw new Error('mine');
      },
    });
    use(all, 'a', (turn) => turn.failed(), 5);
    expect(all.balancer.statusOf('a')?.state).toBe('ejected');
    expect(warn).toHaveBeenCalledTimes(1);
    warn.mockRestore();
  });

  it.each([
    [undefined, 'the options'],
    [{ endpoints: 5 }, 'endpoints'],
    [{ endpoints: undefined }, 'endpoints'],
    [{ endpoints: [], random: 1 }, 'random'],
    [{ endpoints: [], inFlight: 1 }, 'inFlight'],
    [{ endpoints: [], onChange: 'x' }, 'onChange'],
    [{ endpoints: [], clock: {} }, 'clock'],
  ])('refuses %o at once', (options, name) => {
    expect(() => new Balancer(options as never)).toThrow(TypeError);
    expect(() => new Balancer(options as never)).toThrow(name);
  });
});
