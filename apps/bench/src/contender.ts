import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Case, Contestant, Turn } from './bench.ts';

/** A contestant in its own process, ready and waiting for its turns. */
export interface Contender {
  readonly contestant: Contestant;
  /** Does that many operations. @throws Error with what the process wrote, when it fails */
  take(operations: number): Promise<Turn>;
  /** Resolves when the process has ended. */
  end(): Promise<void>;
}

const CHILD = fileURLToPath(new URL('child.ts', import.meta.url));
/** Against a contestant that hangs. */
const LONGEST_LIFE = 300_000;

/**
 * Starts, sets up and warms up a contestant.
 *
 * The process gets none of this one's flags: with `--conditions=@forge/source` it would measure the sources and not the
 * build that users run.
 *
 * @throws Error with what the process wrote, when it fails
 */
export async function startContender(contestant: Contestant, part: Case): Promise<Contender> {
  const job = JSON.stringify({ module: contestant.module, package: contestant.package, case: part });
  const child = spawn(process.execPath, ['--expose-gc', CHILD, job], {
    env: { ...process.env, NODE_OPTIONS: '' },
    stdio: ['pipe', 'ignore', 'pipe', 'pipe'],
    timeout: LONGEST_LIFE,
  });
  const ended = once(child, 'close').then(([code, signal]) => String(signal ?? code));
  const complaint = text(child.stderr!);
  const answers = createInterface({ input: child.stdio[3] as Readable })[Symbol.asyncIterator]();
  // A child that has gone is noticed by the answer that does not come.
  child.stdin!.on('error', () => {});

  const answer = async (): Promise<unknown> => {
    const line = await answers.next();
    if (line.done !== true) return JSON.parse(line.value);
    const failure = `its process ended with ${await ended}\n${await complaint}`;
    throw new Error(`Cannot measure ${contestant.id} at ${part.id}: ${failure}`);
  };
  await answer();
  return {
    contestant,
    async take(operations) {
      child.stdin!.write(String(operations));
      return (await answer()) as Turn;
    },
    async end() {
      child.stdin!.end();
      await ended;
    },
  };
}
