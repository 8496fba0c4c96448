/**
 * A 32-bit hash of a key under a secret seed: what policies know a key by once its entry has left, and where an index of
 * very many keys has it.
 *
 * V8 hashes each string for its own Map, but does not show that hash, so this one is paid where it is asked for: by a
 * policy on inserts and not on hits, by an index of few keys never. Two lanes take two UTF-16 units each per step, so that
 * a processor multiplies them side by side; the multiplier comes from the seed, so that keys which collide cannot be made
 * without knowing it (with a fixed multiplier and only a seeded start they can [1]). The finalizer is Murmur3's [2].
 *
 * Of a key longer than 512 units the two ends and a sample in between are read, which bounds the cost of a key of
 * megabytes. Keys that differ only elsewhere share a hash: to a policy they then share a use count and nothing else.
 *
 * 1. J.-P. Aumasson, D. J. Bernstein, M. Boßlet, Hash-flooding DoS reloaded, 29C3, 2012.
 * 2. A. Appleby, MurmurHash3, 2011.
 */
export function keyHash(key: string, seed: number): number {
  const { length } = key;
  const multiplier = mix(seed) | 1;
  let left = seed ^ length;
  let right = ~seed;
  if (length <= LONGEST_READ_WHOLE) {
    let index = 0;
    for (const end = length - 3; index < end; index += 4) {
      left = Math.imul(left ^ (key.charCodeAt(index) | (key.charCodeAt(index + 1) << 16)), multiplier);
      right = Math.imul(right ^ (key.charCodeAt(index + 2) | (key.charCodeAt(index + 3) << 16)), multiplier);
      left ^= left >>> 15;
      right ^= right >>> 15;
    }
    for (; index < length; index++) {
      left = Math.imul(left ^ key.charCodeAt(index), multiplier);
      left ^= left >>> 15;
    }
  } else {
    // Units from the start, from the end, and from both halves evenly: `stride` leaps through what is between.
    const stride = length / SAMPLES;
    for (let sample = 0; sample < SAMPLES; sample++) {
      const between = key.charCodeAt(Math.floor(sample * stride));
      left = Math.imul(left ^ (key.charCodeAt(sample) | (between << 16)), multiplier);
      right = Math.imul(right ^ key.charCodeAt(length - 1 - sample), multiplier);
      left ^= left >>> 15;
      right ^= right >>> 15;
    }
  }
  return mix(left ^ Math.imul(right, 0x9e3779b1));
}

/** A seed that nobody outside the process can know. */
export function randomSeed(): number {
  return crypto.getRandomValues(new Int32Array(1))[0]!;
}

const LONGEST_READ_WHOLE = 512;
/** Of a long key: units from the start, as many from the end, as many from everywhere. */
const SAMPLES = 128;

/**
 * A bijection of 32 bits in which each bit of the argument changes half of the result; signed, for V8 keeps a number up to
 * 2^31 in a register and makes an object of a larger one.
 */
export function mix(bits: number): number {
  let mixed = bits;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
