import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

const SIZES = ['patch', 'minor', 'major'] as const;
type Size = (typeof SIZES)[number];

/** What a changeset says: by how much each package that it names is raised. */
type Changeset = ReadonlyMap<string, Size>;

/** The changesets of a workspace that no release has taken up yet. */
export async function pendingChangesets(workspace: string): Promise<readonly Changeset[]> {
  const folder = join(workspace, '.changeset');
  const files = (await readdir(folder)).filter((file) => file.endsWith('.md') && file !== 'README.md');
  return Promise.all(files.map(async (file) => parse(await readFile(join(folder, file), 'utf8'))));
}

/** The version that a package has after these changesets: raised once, by the largest of them. */
export function versionAfter(changesets: readonly Changeset[], name: string, version: string): string {
  const sizes = new Set(changesets.map((changeset) => changeset.get(name)));
  const largest = SIZES.findLast((size) => sizes.has(size));
  return largest === undefined ? version : raise(version, largest);
}

/** Its front matter has one line per package: `'@forge/cache': minor`. */
function parse(text: string): Changeset {
  const lines = text.matchAll(/^['"]?(@[\w./-]+)['"]?: *(patch|minor|major)$/gm);
  return new Map(Array.from(lines, ([, name = '', size]) => [name, size as Size]));
}

function raise(version: string, size: Size): string {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number);
  return { major: `${major + 1}.0.0`, minor: `${major}.${minor + 1}.0`, patch: `${major}.${minor}.${patch + 1}` }[size];
}
