/**
 * What a fault may cost, from what the tiers of `@forge/cache` promise. All in ms.
 *
 * The bus: an invalidation that one process publishes, another has heard or suspects all that it holds, two heartbeats
 * and a delivery later. What is suspect is stale: read again from the store, or served for `staleWhileRevalidate` more.
 *
 * The store: an invalidation that it could not be told waits in the process that made it, which tries again after pauses
 * that double from 100 ms up to 10 s. So the store may say what is outdated from its return until the last process has
 * ended its pause, and that is at most as long as all pauses before it took at the least, and twice that.
 *
 * A read: a miss may wait for a write of its key, then read, lease and read again, each for one `storeTimeout`; one that
 * fails ends the sequence. Then it loads, and what another process loads it may have waited for before: as long as that one
 * needs to say that it has ended, which after an outage it does at the end of its pause.
 */
export interface Fault {
  /** `island`: the store and the bus are out for one worker, and for no other; the machine makes such faults too. */
  readonly kind: 'store' | 'bus' | 'worker' | 'island';
  /** The one that is concerned, of all but `store`. */
  readonly worker?: number;
  readonly from: number;
  /** When it was mended. */
  readonly to: number;
}

/** Of a frame, and of whatever it starts, on a machine that does other things too. */
export const DELIVERY: number = 1_000;
const HEARTBEAT = 2_000;
export const STORE_TIMEOUT = 250;
const CALLS_IN_SEQUENCE = 4;
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 10_000;
/** Of the lease that a dead process leaves, and of the longest pause between two looks at it. */
export const LEASE_LIFE: number = 15_000 + 2 * 200;

/** When all that the fault may have done is over. */
export function endOf(fault: Fault, staleWhileRevalidate: number): number {
  const bus = fault.to + DELIVERY + staleWhileRevalidate;
  return isOutage(fault) ? Math.max(bus, retriedBy(fault) + DELIVERY) : bus;
}

export interface StaleRead {
  readonly worker: number;
  readonly began: number;
  readonly ended: number;
  /** When the invalidation had resolved that it did not see. */
  readonly since: number;
}

/**
 * Whether the read is as late as it may be, with these faults and no others.
 *
 * @param grace how much later than heard or suspected: a stale value may serve, or the machine be busy otherwise
 */
export function isExcused(read: StaleRead, faults: readonly Fault[], grace: number): boolean {
  const lateness = read.began - read.since - grace;
  if (lateness <= DELIVERY) return true;
  return faults.some((fault) => {
    if (fault.kind === 'worker' || (fault.kind === 'bus' && fault.worker !== read.worker)) return false;
    // What it invalidates the others cannot know of before it is back, nor can the store.
    const isOnTime = read.began <= retriedBy(fault) + DELIVERY + grace;
    if (fault.kind === 'island') return read.began >= fault.from && isOnTime;
    const wasDeaf = read.since <= fault.to + DELIVERY && read.began >= fault.from;
    if (wasDeaf && lateness <= 2 * HEARTBEAT + DELIVERY) return true;
    return fault.kind === 'store' && read.ended >= fault.to && isOnTime;
  });
}

/** How long one read in a hundred, and any other, may take with these faults, when loading takes so long. */
export function longestWaits(
  longestLoad: number,
  faults: readonly Fault[],
): { readonly p99: number; readonly all: number } {
  const outages = faults.filter(isOutage).map(({ from, to }) => to - from);
  const sequence = 2 * longestLoad + CALLS_IN_SEQUENCE * STORE_TIMEOUT;
  return { p99: 2 * longestLoad + STORE_TIMEOUT, all: sequence + retryAfter(Math.max(0, ...outages)) };
}

/** Whether a process may have invalidated what it could not tell the store. */
function isOutage({ kind }: Fault): boolean {
  return kind === 'store' || kind === 'island';
}

/** When the last process has told the store what it missed. */
export function retriedBy({ from, to }: Fault): number {
  return to + retryAfter(to - from);
}

/** Until the last process has told the store what it missed in an outage of this duration. */
function retryAfter(outage: number): number {
  return Math.min(LONGEST_PAUSE, FIRST_PAUSE + 2 * outage) + STORE_TIMEOUT;
}
