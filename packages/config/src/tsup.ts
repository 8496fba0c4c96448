import { readFileSync } from 'node:fs';
import type { Options } from 'tsup';

interface Manifest {
  readonly exports: Readonly<Record<string, string | { readonly '@forge/source'?: string }>>;
}

/**
 * The build of a published package: each entry of its `exports` that names a source, as ESM, CommonJS and types.
 *
 * `@forge/internal` and mnemonist are inlined: the first is never published, and mnemonist's subpaths have no ESM
 * export while its root loads every structure (66–110 ms), so that only bundling gives a light import. In the types,
 * `resolve` has to name the relative imports inside of `@forge/internal` too.
 */
export const library = (): Options => ({
  entry: sources(),
  format: ['esm', 'cjs'],
  dts: { resolve: ['@forge/internal', /^\.{1,2}\//], compilerOptions: { allowImportingTsExtensions: true } },
  noExternal: ['@forge/internal', 'mnemonist', 'obliterator'],
  removeNodeProtocol: false,
  sourcemap: true,
  clean: true,
  treeshake: true,
  target: 'node20',
});

function sources(): Record<string, string> {
  const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as Manifest;
  const files = Object.values(manifest.exports).flatMap((entry) =>
    typeof entry === 'string' ? [] : (entry['@forge/source'] ?? []),
  );
  return Object.fromEntries(files.map((file) => [file.replace(/^\.\/src\/|\.ts$/g, ''), file]));
}
