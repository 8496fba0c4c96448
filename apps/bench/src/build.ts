import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { Bench } from './bench.ts';

const SCOPE = '@forge/';
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** The packages of this workspace that the benches measure. */
export function packagesToBuild(benches: readonly Bench[]): string[] {
  const measured = benches.flatMap(({ contestants }) => contestants.map((contestant) => contestant.package ?? ''));
  return [...new Set(measured)].filter((name) => name.startsWith(SCOPE)).toSorted();
}

/**
 * Brings the `dist` of each package up to date, silently; with nothing to do it takes a tenth of a second.
 *
 * @throws Error with the output of the build when it fails
 */
export async function build(packages: readonly string[]): Promise<void> {
  if (packages.length === 0) return;
  const filters = packages.map((name) => `--filter=${name}...`);
  const turbo = spawn('pnpm', ['exec', 'turbo', 'run', 'build', '--output-logs=errors-only', ...filters], {
    cwd: ROOT,
    env: { ...process.env, TURBO_TELEMETRY_DISABLED: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = new Promise<number | null>((resolve, reject) => {
    turbo.once('error', reject);
    turbo.once('exit', resolve);
  });
  try {
    const [code, output, complaint] = await Promise.all([exited, text(turbo.stdout), text(turbo.stderr)]);
    if (code !== 0) throw new Error(output + complaint);
  } catch (error) {
    const advice = 'benches measure the built packages; see what `pnpm build` says';
    throw new Error(`Cannot build ${packages.join(', ')}: ${advice}\n${(error as Error).message}`, { cause: error });
  }
}
