import { Balancer } from '../../src/index.ts';
import { Random } from '../sizing/simulator/random.ts';
import { VirtualTime } from '../sizing/simulator/virtual-time.ts';

/** An endpoint of the simulated world. */
export interface Site {
  /** Mean time of one use without queueing, in ms, of one that begins now. */
  readonly latency: (now: number) => number;
  /** Whether a use that begins now fails, which it does in a millisecond. */
  readonly fails: (now: number) => boolean;
}

/** One use and what became of it. */
export interface Use {
  readonly at: number;
  readonly site: number;
  readonly failed: boolean;
  /** From arrival to end, queueing included. */
  readonly took: number;
  /** Uses under way at the site, this one among them, as it arrived. */
  readonly load: number;
}

interface Fleet {
  readonly sites: readonly Site[];
  /** Callers per second, at random times. */
  readonly rate: number;
  readonly end: number;
  readonly seed: number;
  /** Uses that a site works on at one time; others queue there. */
  readonly servers?: number;
}

/** Runs the balancer that ships over sites that are simulated, in virtual time. */
export function run({ sites, rate, end, seed, servers = 8 }: Fleet): {
  readonly uses: readonly Use[];
  readonly ejections: number[];
} {
  const time = new VirtualTime();
  const random = new Random(seed);
  const choice = new Random(seed + 1_000);
  const uses: Use[] = [];
  const ejections = sites.map(() => 0);
  const balancer = new Balancer({
    endpoints: sites.keys(),
    clock: time,
    random: () => choice.next(),
    onChange: (at, state) => {
      if (state === 'ejected') ejections[at]! += 1;
    },
  });
  const queues = sites.map(() => ({ busy: 0, waiting: [] as (() => void)[], load: 0 }));
  const arrive = (): void => {
    time.after((1000 / rate) * random.exponential(), arrive);
    const turn = balancer.pick();
    if (turn === undefined) throw new Error('no endpoint was picked');
    const chosen = turn.endpoint;
    const queue = queues[chosen]!;
    const at = time.now();
    const load = (queue.load += 1);
    const finish = (failed: boolean): void => {
      queue.load -= 1;
      uses.push({ at, site: chosen, failed, took: time.now() - at, load });
      if (failed) turn.failed();
      else turn.succeeded();
    };
    if (sites[chosen]!.fails(at)) {
      time.after(1, () => finish(true));
      return;
    }
    const begin = (): void => {
      queue.busy += 1;
      time.after(sites[chosen]!.latency(time.now()) * random.exponential(), () => {
        queue.busy -= 1;
        finish(false);
        queue.waiting.shift()?.();
      });
    };
    if (queue.busy < servers) begin();
    else queue.waiting.push(begin);
  };
  arrive();
  time.runUntil(end);
  return { uses, ejections };
}

/** A site that works in `latency` ms, but for the times in which it is down. */
export function site(latency: number, ...down: readonly (readonly [from: number, to: number])[]): Site {
  return { latency: () => latency, fails: (now) => down.some(([from, to]) => now >= from && now < to) };
}

/** Of those that began in this time. */
export function between(uses: readonly Use[], from: number, to: number): readonly Use[] {
  return uses.filter(({ at }) => at >= from && at < to);
}

export function share(uses: readonly Use[], counts: (use: Use) => boolean): number {
  return uses.length === 0 ? 0 : uses.filter(counts).length / uses.length;
}

export function quantile(uses: readonly Use[], q: number): number {
  const sorted = uses.map(({ took }) => took).toSorted((one, two) => one - two);
  return sorted[Math.floor(q * (sorted.length - 1))] ?? Number.NaN;
}
