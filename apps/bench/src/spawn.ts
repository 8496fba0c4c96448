import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Case, Contestant, Sample } from './bench.ts';

const CHILD = fileURLToPath(new URL('child.ts', import.meta.url));
const TIMEOUT = 120_000;

/**
 * Measures one contestant once, in a fresh process.
 *
 * The child gets none of this process's flags: with `--conditions=@forge/source` it would measure the sources and not
 * the build that users run.
 *
 * @throws Error with what the child wrote, when it fails or takes longer than two minutes
 */
export async function sample(contestant: Contestant, part: Case): Promise<Sample> {
  const job = JSON.stringify({ module: contestant.module, package: contestant.package, case: part });
  const child = spawn(process.execPath, ['--expose-gc', CHILD, job], {
    env: { ...process.env, NODE_OPTIONS: '' },
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    timeout: TIMEOUT,
  });
  const exited = new Promise<string>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      resolve(`${signal ?? code}`);
    });
  });
  const [exit, complaint, answer] = await Promise.all([exited, text(child.stderr!), text(child.stdio[3] as Readable)]);
  if (exit !== '0') {
    throw new Error(`Cannot measure ${contestant.id} at ${part.id}: its process ended with ${exit}\n${complaint}`);
  }
  return JSON.parse(answer) as Sample;
}
