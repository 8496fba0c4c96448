import { retriedBy, STORE_TIMEOUT, type Fault } from './faults.ts';

/** Between two answers that a worker had of Redis. */
export interface Outage {
  readonly worker: number;
  readonly from: number;
  readonly to: number;
}

/** A call may take longer than the probe beside it. */
const SHORTEST = 0.8 * STORE_TIMEOUT;

/**
 * The faults that nobody played: a busy machine keeps a worker from Redis for longer than the store's timeout, be it that
 * it stalls the worker, Redis, or the process that carries the lines between them. To the cache that is an outage like any.
 *
 * What comes before the worker has tried again belongs to the outage before it, since the pauses go on growing. Of one
 * that was played, only what lasts on when it is mended is of the machine's making.
 */
export function impliedFaults(outages: readonly Outage[], played: readonly Fault[]): Fault[] {
  const implied = new Map<number, Fault[]>();
  for (const { worker, from, to } of outages.toSorted((a, b) => a.from - b.from)) {
    const mended = played.filter((fault) => cutsOff(fault, worker) && fault.from < to && fault.to > from);
    const since = Math.max(from, ...mended.map((fault) => fault.to));
    if (to - since < SHORTEST) continue;
    const faults = implied.get(worker) ?? [];
    const last = faults.at(-1);
    const isOneMore = last !== undefined && from <= retriedBy(last);
    if (isOneMore) faults.pop();
    faults.push({ kind: 'island', worker, from: isOneMore ? last.from : from, to });
    implied.set(worker, faults);
  }
  return [...implied.values()].flat();
}

function cutsOff(fault: Fault, worker: number): boolean {
  return fault.kind === 'store' || (fault.kind === 'island' && fault.worker === worker);
}
