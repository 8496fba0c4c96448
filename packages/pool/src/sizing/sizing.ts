import type { Limits, PoolOptions } from '../options.ts';
import { ElasticLimit, type Moment } from './elasticity.ts';
import { Rate } from './estimates.ts';
import { GrowGate } from './grow-gate.ts';
import { recommendedSize } from './recommended-size.ts';

/** How many connections there may be and should be, and what tells. */
export class Sizing {
  /** Of these `max` follows the throughput with `max: 'auto'`, else both are as they were set. */
  readonly limits: Limits;
  readonly gate: GrowGate;
  readonly #elastic: ElasticLimit | undefined;
  readonly #callers: Rate;

  constructor({ clock, min, minIdle, max, isElastic }: Pick<PoolOptions<never>, 'clock' | 'isElastic' | keyof Limits>) {
    this.limits = { min, minIdle, max };
    this.gate = new GrowGate({ clock });
    this.#elastic = isElastic ? new ElasticLimit({ clock, min: Math.max(1, this.least), start: max }) : undefined;
    this.#callers = new Rate(clock);
  }

  get isElastic(): boolean {
    return this.#elastic !== undefined;
  }

  /** Connections that the pool is to have at least, with nothing in use. */
  get least(): number {
    return Math.max(this.limits.min, this.limits.minIdle);
  }

  /** To be called with each lease that ends, before its place is given on, where `max` is elastic. */
  completed(moment: Moment): void {
    this.#elastic?.completed(moment);
    this.#follow();
  }

  /** To be called when the backend refused a connection because it has too many; `size` are those that exist. */
  overloaded(size: number): void {
    this.#elastic?.overloaded(size);
    this.#follow();
  }

  /** Advice, by the callers since the start; 0 until it is known. */
  recommended(callers: number, concurrency: number): number {
    const arrivals = this.#callers.read(callers);
    const { hold } = this.gate;
    if (arrivals === undefined || hold === undefined) return 0;
    return recommendedSize({ arrivals, hold, concurrency });
  }

  #follow(): void {
    if (this.#elastic !== undefined) this.limits.max = Math.max(this.#elastic.limit, this.least);
  }
}
