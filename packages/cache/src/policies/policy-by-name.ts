import { AdaptivePolicy } from './adaptive.ts';
import type { EvictionPolicy } from './eviction-policy.ts';
import { GdsfPolicy } from './gdsf.ts';
import { LruPolicy } from './lru.ts';
import { WindowTuner } from './window-tuner.ts';

/** The eviction policies by the names that options know them by. */
export type PolicyName = 'adaptive' | 'gdsf' | 'lru';

/** @param fingerprintOf for a policy that looks at fingerprints, where `insert` is told none */
export function evictionPolicy(name: PolicyName, fingerprintOf?: (slot: number) => number): EvictionPolicy {
  if (name === 'adaptive') return new AdaptivePolicy({ tuner: new WindowTuner(), fingerprintOf });
  if (name === 'gdsf') return new GdsfPolicy(fingerprintOf);
  return new LruPolicy();
}
