import type { Setup } from '../../src/bench.ts';

/** Imports the root of the contestant's package. */
export const setup: Setup = ({ package: name }) => {
  if (name === undefined) throw new TypeError('Cannot import a contestant: it must name a package, got none');
  return async () => {
    const exported = Object.keys((await import(name)) as object);
    if (exported.length === 0) throw new Error(`Cannot measure the import of ${name}: it exports nothing`);
    return { checksum: 1 };
  };
};
