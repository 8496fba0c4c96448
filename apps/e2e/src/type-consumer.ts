import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
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
  const files = await writeSources(consumer, resolution);
  const config = join(consumer.folder, `tsconfig.${resolution}.json`);
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
  await writeFile(config, JSON.stringify({ compilerOptions, files }));
  await run(join(TOOLS, '.bin/tsc'), ['--project', config], { cwd: consumer.folder });
}

type Source = readonly [file: string, text: string];

/** A bundler resolves as `import` does; the two of Node resolve by the kind of the importing file, so there are both kinds. */
async function writeSources(consumer: Consumer, resolution: ModuleResolution): Promise<readonly string[]> {
  const names = Object.entries(await consumer.exportedNames('import'));
  const kinds = resolution === 'bundler' ? ['mts'] : ['mts', 'cts'];
  const sources = names.flatMap(([entry, exported], index) =>
    kinds.map((kind): Source => [`entry-${index}.${kind}`, `export { ${exported.join(', ')} } from '${entry}';\n`]),
  );
  const example = await consumer.example();
  if (example !== undefined) sources.push(['example.mts', example]);
  await Promise.all(sources.map(([file, text]) => writeFile(join(consumer.folder, file), text)));
  return sources.map(([file]) => file);
}
