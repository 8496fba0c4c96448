import { appendFile, cp } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './run.ts';

/**
 * Copies the work tree, as git would commit it now, to an empty folder, and installs its dependencies there.
 *
 * A release rewrites manifests, removes changesets and makes tags; in a copy with a repository of its own none of this
 * reaches the work tree. Dependencies are installed, not linked: pnpm reads the version that a `workspace:` range stands
 * for from the sibling in node_modules, which must be the copy's. From a warm store this takes less than a second.
 */
export async function copyWorkspace(workspace: string, folder: string, npmrc: string): Promise<void> {
  const listed = await run('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: workspace });
  for (const file of listed.split('\0').filter((name) => name !== '')) {
    await cp(join(workspace, file), join(folder, file)).catch(unlessDeleted);
  }
  await appendFile(join(folder, '.npmrc'), npmrc);
  await run('git', ['init', '--quiet', '--initial-branch=main'], { cwd: folder });
  await appendFile(join(folder, '.git/config'), IDENTITY);
  await commit(folder, 'Copy of the work tree');
  await run('pnpm', ['install', '--frozen-lockfile', '--prefer-offline'], { cwd: folder });
}

export async function commit(folder: string, message: string): Promise<void> {
  await run('git', ['add', '--all'], { cwd: folder });
  await run('git', ['commit', '--quiet', '--message', message], { cwd: folder });
}

/** So that a release can commit and tag on a machine without a git identity, or with one that signs. */
const IDENTITY = `
[user]
  name = forge
  email = forge@localhost
[commit]
  gpgSign = false
[tag]
  gpgSign = false
[core]
  hooksPath = /dev/null
`;

/** git lists a tracked file that was deleted and not yet committed. */
function unlessDeleted(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
