/**
 * Seeded uniform numbers in [0, 1), 32 bits each: sfc32, a small chaotic generator with a counter, so that no seed has
 * a cycle shorter than 2^32 draws (C. Doty-Humphrey, PractRand). For loads that repeat, not for secrets.
 */
export function seededRandom(seed: number): () => number {
  let a = 0;
  let b = seed | 0;
  let c = 0;
  let counter = 1;
  const next = (): number => {
    const drawn = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + drawn) | 0;
    return (drawn >>> 0) / 2 ** 32;
  };
  // Near seeds need some rounds to part.
  for (let round = 0; round < 12; round++) next();
  return next;
}

/** Puts the items into a random order, in place (Fisher and Yates). */
export function shuffle<T>(items: T[], random: () => number): T[] {
  for (let last = items.length - 1; last > 0; last--) {
    const chosen = Math.floor(random() * (last + 1));
    [items[last], items[chosen]] = [items[chosen]!, items[last]!];
  }
  return items;
}
