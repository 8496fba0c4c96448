import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './run.ts';

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly private?: boolean;
  readonly bin?: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, unknown>>;
  readonly engines: { readonly node: string };
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** The manifests of a workspace's packages that a release publishes: all that are not private. */
export async function publicPackages(workspace: string): Promise<readonly Manifest[]> {
  const listed = await run('pnpm', ['ls', '--recursive', '--depth=-1', '--json'], { cwd: workspace });
  const folders = (JSON.parse(listed) as readonly { readonly path: string }[]).map(({ path }) => path);
  const manifests = await Promise.all(folders.map(readManifest));
  return manifests.filter((manifest) => manifest.private !== true);
}

export async function readManifest(folder: string): Promise<Manifest> {
  return JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as Manifest;
}
