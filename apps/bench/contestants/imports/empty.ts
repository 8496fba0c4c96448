import type { Setup } from '../../src/bench.ts';

/** JavaScript, for a built package has no types to strip either. */
const EMPTY = new URL('empty.mjs', import.meta.url).href;

/** Imports a module that holds nothing: what an import costs in itself. */
export const setup: Setup = () => async () => {
  await import(EMPTY);
  return { checksum: 1 };
};
