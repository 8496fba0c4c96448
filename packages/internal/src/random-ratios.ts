/** Uniform numbers in [0, 1): Marsaglia's xorshift of 32 bits, for spreading load and not for secrets. */
export function randomRatios(seed: number = crypto.getRandomValues(new Int32Array(1))[0]!): () => number {
  // Zero is the one state that it never leaves.
  let state = seed | 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
