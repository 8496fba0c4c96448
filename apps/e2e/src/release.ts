import { join } from 'node:path';
import { pendingChangesets } from './changesets.ts';
import type { Registry } from './registry.ts';
import { run } from './run.ts';
import { commit, copyWorkspace } from './workspace-copy.ts';

/** Releases a workspace to a registry by its own commands, in a copy: its pending changesets, or else its present versions. */
export async function release(workspace: string, folder: string, registry: Registry): Promise<void> {
  await copyWorkspace(workspace, folder, registry.npmrc('@forge'));
  if ((await pendingChangesets(folder)).length > 0) {
    await run('pnpm', ['run', 'version-packages'], { cwd: folder });
    await commit(folder, 'Version packages');
  }
  await publish(workspace, folder);
}

/** Builds and publishes what the registry does not have yet. Builds are kept in the cache of the workspace. */
export async function publish(workspace: string, folder: string): Promise<string> {
  const env = { TURBO_CACHE_DIR: join(workspace, '.turbo/cache') };
  return run('pnpm', ['run', 'release'], { cwd: folder, env });
}
