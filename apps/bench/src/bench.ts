/** What a bench file declares, and what passes between the runner and the child processes. */

export type Milliseconds = number;

/** CPU time (user + system, all threads of the process) or time on the wall, per operation. */
export type Figure = 'cpu' | 'wall';

export interface Bench {
  readonly title: string;
  /** The load in a sentence or two: what a reader must know to judge the figures. */
  readonly load: string;
  readonly cases: readonly [Case, ...Case[]];
  readonly contestants: readonly Contestant[];
  /** What the project promises of these figures; `--check` fails when one does not hold. */
  readonly bars?: readonly Bar[];
  /** @default 9 */
  readonly rounds?: number;
  /** Rounds under `--check`. @default 5 */
  readonly checkRounds?: number;
}

/** One kind of operation; each contestant does it in a process of its own, a fresh one in each round. */
export interface Case {
  readonly id: string;
  /** What one operation is. */
  readonly operation: string;
  /** Measured operations in a round. */
  readonly operations: number;
  /** Operations before it, on the same state, so that the compiler and the data have settled; 0 measures a cold start. */
  readonly warmup: number;
  /** Left out under `--check`, with its bars, for it takes too long. */
  readonly fullRunOnly?: boolean;
}

export interface Contestant {
  readonly id: string;
  /** A yardstick is no rival: it does less than the task (a bound) or nothing (what the measuring itself costs). */
  readonly role: 'forge' | 'rival' | 'yardstick';
  /** The npm package that is measured; its version goes into the results, and one of ours is built first. */
  readonly package?: string;
  /** URL of a module that exports `setup` (a {@link Setup}). A child imports it alone, so no rival shares its process. */
  readonly module: string;
}

interface Subject {
  /** Id of the case. */
  readonly case: string;
  /** Id of the contestant that it is about. */
  readonly contestant: string;
}

interface Comparison extends Subject {
  readonly figure: Figure;
  /** Id of whom it is compared with. */
  readonly rival: string;
}

interface Observed extends Subject {
  /** Its name with unit, such as `hits %`. */
  readonly observation: string;
}

/**
 * A promise about contestants, judged by the median of the rounds.
 *
 * Never an absolute time, for another machine or a busier one would break it: `atLeast` bounds how many times as fast as
 * the rival the contestant is, `atMostAbove` how many ms it may cost above the rival, where that is a yardstick. What is
 * observed beside the times is bound by how many points more than the rival's it must be, how many times the rival's it
 * may be, or, where it is no time, by what it may be at most.
 */
export type Bar =
  | (Comparison & { readonly atLeast: number })
  | (Comparison & { readonly atMostAbove: Milliseconds })
  | (Observed & { readonly rival: string; readonly morePoints: number })
  | (Observed & { readonly rival: string; readonly atMostTimes: number })
  | (Observed & { readonly atMost: number });

/** What a contestant's `setup` is told. */
export interface Setting {
  readonly case: Case;
  readonly package?: string;
}

/** Prepares everything that is not to be measured. */
export type Setup = (setting: Setting) => Run | Promise<Run>;

/** Does that many operations, going on where the last call ended. */
export type Run = (operations: number) => Outcome | Promise<Outcome>;

export interface Outcome {
  /** What the operations produced, summed up: equal for all contestants of a case, or the round is refused. */
  readonly checksum: number;
  /** Further figures by name with unit, such as `hits %`, shown beside the times. */
  readonly observations?: Readonly<Record<string, number>>;
  /** The same of which the highest counts and not the average, such as the longest stall. */
  readonly peaks?: Readonly<Record<string, number>>;
}

/** What one run of so many operations took, in all. */
export interface Turn extends Outcome, Readonly<Record<Figure, Milliseconds>> {
  readonly operations: number;
}

/** What one contestant took in one round, per operation; observations are averaged over the operations, and hold the peaks. */
export interface Sample extends Omit<Outcome, 'peaks'>, Readonly<Record<Figure, Milliseconds>> {}

/** A case's samples by contestant id; a position in each list is a round. */
export type Samples = ReadonlyMap<string, readonly Sample[]>;
