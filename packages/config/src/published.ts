import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { privateNames } from './rules.ts';

/** Run in a built package: fails when a declaration file names a package that is never published. */
const declarations = readdirSync('dist', { recursive: true, encoding: 'utf8' }).filter((file) =>
  /\.d\.c?ts$/.test(file),
);
for (const file of declarations) {
  for (const name of privateNames(readFileSync(join('dist', file), 'utf8'))) {
    process.stderr.write(
      `dist/${file} names ${name}, which users never get: re-export the type, or inline it in the build\n`,
    );
    process.exitCode = 1;
  }
}
