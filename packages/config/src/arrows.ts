import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { builtinModules } from 'node:module';
import { findBreaches, type SourceFile, type Workspace } from './rules.ts';

/** `pnpm arrows`: fails with each import that goes against the direction of the packages. */
function main(): void {
  const breaches = findBreaches(readWorkspace(process.cwd()));
  for (const { file, what, why } of breaches) process.stderr.write(`${file}: ${what}: ${why}\n`);
  process.stdout.write(
    breaches.length === 0 ? 'arrows: every import goes the right way\n' : `arrows: ${breaches.length} breaches\n`,
  );
  process.exitCode = breaches.length === 0 ? 0 : 1;
}

function readWorkspace(root: string): Workspace {
  const files: SourceFile[] = [];
  for (const area of ['packages', 'apps'] as const) {
    for (const name of readdirSync(join(root, area))) {
      for (const path of listFiles(join(root, area, name, 'src'))) {
        files.push({ path: path.slice(root.length + 1), area, owner: name, text: readFileSync(path, 'utf8') });
      }
    }
  }
  return { files, builtins: builtinModules };
}

function listFiles(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
      .map((entry) => join(entry.parentPath, entry.name));
  } catch {
    return [];
  }
}

main();
