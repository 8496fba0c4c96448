import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Consumer } from './consumer.ts';
import { run } from './run.ts';

export const moduleResolutions = ['nodenext', 'node16', 'bundler'] as const;
export type ModuleResolution = (typeof moduleResolutions)[number];

const TOOLS = fileURLToPath(new URL('../node_modules/', import.meta.url));

/**
 * Type-checks a project that uses a package by every name it exports at run time, and by its README's example.
 *
 * Nothing is skipped: the package's declarations and those of its dependencies are checked, too. The types of Node are
 * the only ones that the project brings.
 *
 * @throws Error with the compiler's errors
 */
export async function typecheck(consumer: Consumer, resolution: ModuleResolution): Promise<void> {
  const folder = join(consumer.folder, `types-${resolution}`);
  const compilerOptions = {
    module: resolution === 'bundler' ? 'esnext' : resolution,
    moduleResolution: resolution,
    target: 'es2022',
    lib: ['es2023'],
    types: ['node'],
    typeRoots: [join(TOOLS, '@types')],
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    noEmit: true,
  };
  const sources = await sourcesFor(consumer, resolution);
  const config = { compilerOptions, files: Object.keys(sources) };
  await mkdir(folder);
  for (const [file, text] of Object.entries({ ...sources, 'tsconfig.json': JSON.stringify(config) })) {
    await writeFile(join(folder, file), text);
  }
  await run(join(TOOLS, '.bin/tsc'), [], { cwd: folder });
}

/** A bundler resolves as `import` does; the two of Node resolve by the kind of the importing file, so both kinds import. */
async function sourcesFor(consumer: Consumer, resolution: ModuleResolution): Promise<Readonly<Record<string, string>>> {
  const sources: Record<string, string> = {};
  for (const [index, [entry, names]] of Object.entries(await consumer.exportedNames('import')).entries()) {
    for (const kind of resolution === 'bundler' ? ['mts'] : ['mts', 'cts']) {
      sources[`entry-${index}.${kind}`] = `export { ${names.join(', ')} } from '${entry}';\n`;
    }
  }
  const example = await consumer.example();
  if (example !== undefined) sources['example.mts'] = example;
  return sources;
}
