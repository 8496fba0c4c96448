import type { Demand } from '../../../src/sizing/grow-gate.ts';
import type { GrowPolicy } from './pool-model.ts';

const unmeasured = { nextLookAt: () => Infinity, createTook: () => {}, heldFor: () => {} };

/** generic-pool, tarn: a create for each caller who waits. */
export function eager(): GrowPolicy {
  return {
    ...unmeasured,
    startable: ({ waiters, creating, room }: Demand) => Math.max(0, Math.min(room, waiters - creating)),
  };
}

/** pg-pool, lightning-pool: a caller waits for the create that it started. */
export function boundToCreate(): GrowPolicy {
  return { ...unmeasured, bound: true, startable: () => 0 };
}

/** HikariCP: one create at a time, while somebody waits. */
export function oneAtATime(): GrowPolicy {
  return {
    ...unmeasured,
    startable: ({ waiters, creating, room }: Demand) => (waiters > 0 && creating === 0 && room > 0 ? 1 : 0),
  };
}
