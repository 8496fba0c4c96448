import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { run } from './run.ts';

/** A major version of Node that a release is tried on. */
export interface NodeLine {
  readonly major: number;
  /** Puts its `node` first on `PATH`, so that npm and npx run on this line, too. */
  readonly env: { readonly PATH: string };
}

/** The lines that users of a release are expected to run. */
export const nodeMajors: readonly number[] = [20, 22, 24];

/** The lines that a package must work on. @throws RangeError unless `engines` is a plain minimum such as `>=20.19` */
export function supportedMajors(engines: string): readonly number[] {
  const [, minimum] = /^>=(\d+)(?:\.\d+)*$/.exec(engines) ?? [];
  if (minimum === undefined) throw new RangeError(`Cannot choose Node lines: expected a minimum, got ${engines}`);
  return nodeMajors.filter((major) => major >= Number(minimum));
}

/** The package downloads its platform's binary in an install script, which a user's settings may forbid. */
const INSTALL = ['install', '--ignore-scripts=false', '--fetch-retries=1', '--no-audit', '--no-fund'];

/**
 * The newest Node of a line: the one that runs this, or the npm package `node`, installed once per `cache` folder.
 * An interrupted installation leaves no half of a line behind: it becomes visible by a rename.
 */
export async function nodeLine(major: number, cache: string): Promise<NodeLine> {
  if (process.versions.node.startsWith(`${major}.`)) return withNode(major, dirname(process.execPath));
  const folder = join(cache, String(major));
  if (!existsSync(folder)) {
    const unfinished = `${folder}.${process.pid}`;
    try {
      await mkdir(unfinished, { recursive: true });
      await writeFile(join(unfinished, 'package.json'), '{ "private": true }');
      await run('npm', [...INSTALL, `node@${major}`], { cwd: unfinished });
      await rename(unfinished, folder);
    } finally {
      await rm(unfinished, { recursive: true, force: true });
    }
  }
  return withNode(major, join(folder, 'node_modules/node/bin'));
}

function withNode(major: number, bin: string): NodeLine {
  return { major, env: { PATH: [bin, process.env['PATH']].join(delimiter) } };
}
