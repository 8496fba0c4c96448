/**
 * Whether a fingerprint falls into the sample: one part of 2^halvings of all, the same ones each time, so that all reads of
 * a sampled key are seen.
 *
 * The product's high bits depend on all bits of the fingerprint, so that the sample is even in each of them.
 */
export function isSampled(fingerprint: number, halvings: number): boolean {
  return halvings === 0 || Math.imul(fingerprint, GOLDEN_RATIO) >>> (32 - halvings) === 0;
}

const GOLDEN_RATIO = 0x9e3779b1;
