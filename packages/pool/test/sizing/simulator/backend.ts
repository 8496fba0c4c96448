import type { Happening, VirtualTime } from './virtual-time.ts';

/** How fast each of `active` jobs runs, as a share of its speed when alone. */
export type Speed = (active: number) => number;

/** Connections do not disturb each other. */
export const independent: Speed = () => 1;

/** Processor sharing: `capacity` jobs at full speed, more share it. */
export function sharing(capacity: number): Speed {
  return (active) => Math.min(1, capacity / active);
}

/**
 * Universal scalability law: X(n) = n / (1 + σ(n − 1) + κn(n − 1)), with its peak at `peak` = √((1 − σ)/κ): beyond it,
 * more connections give less in all.
 *
 * N. J. Gunther, "Guerrilla Capacity Planning", Springer 2007
 */
export function usl(peak: number, contention = 0.02): Speed {
  const coherence = (1 - contention) / peak ** 2;
  return (active) => 1 / (1 + contention * (active - 1) + coherence * active * (active - 1));
}

interface Job {
  /** On the clock of work done, at which it is finished. */
  readonly ends: number;
  readonly done: () => void;
}

/**
 * A server that works on all its jobs at once, at a speed that their number decides.
 *
 * Every job runs at the same speed, so one clock of work done by each tells them all: a job ends when that clock has gone
 * on by its size. Only the speed of that clock changes as jobs come and go.
 */
export class Backend {
  readonly #time: VirtualTime;
  speed: Speed;
  /** In order of `ends`. */
  readonly #jobs: Job[] = [];
  #work = 0;
  #since = 0;
  #next: Happening | undefined;

  constructor(time: VirtualTime, speed: Speed = independent) {
    this.#time = time;
    this.speed = speed;
  }

  get active(): number {
    return this.#jobs.length;
  }

  /** Calls `done` when a job is finished that would take `size` ms alone. */
  run(size: number, done: () => void): void {
    this.#advance();
    const ends = this.#work + size;
    let index = this.#jobs.length;
    while (index > 0 && (this.#jobs[index - 1] as Job).ends > ends) index -= 1;
    this.#jobs.splice(index, 0, { ends, done });
    this.#arm();
  }

  #advance(): void {
    const now = this.#time.now();
    if (this.active > 0) this.#work += (now - this.#since) * this.speed(this.active);
    this.#since = now;
  }

  #arm(): void {
    if (this.#next !== undefined) this.#next.run = undefined;
    this.#next = undefined;
    const [first] = this.#jobs;
    if (first === undefined) return;
    const left = Math.max(0, first.ends - this.#work) / this.speed(this.active);
    this.#next = this.#time.after(left, () => {
      this.#advance();
      this.#work = Math.max(this.#work, first.ends);
      this.#jobs.shift();
      this.#arm();
      first.done();
    });
  }
}
