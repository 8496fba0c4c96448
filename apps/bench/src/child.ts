/**
 * The process of one contestant in one round: imports it, sets it up and warms it up; then, for each number of
 * operations that it reads from standard input, does them and writes what they took to file descriptor 3.
 *
 * Between its turns it blocks, and at the end of the input it exits. It imports nothing that Node has not loaded by
 * itself (so no IPC channel either: that brings `node:net`), for what is loaded here would be missing from import times.
 */
import { readSync, writeSync } from 'node:fs';
import type { Contestant, Setting, Setup, Turn } from './bench.ts';

const job = JSON.parse(process.argv[2]!) as Setting & Pick<Contestant, 'module'>;
const { setup } = (await import(job.module)) as { readonly setup: Setup };

const run = await setup(job);
if (job.case.warmup > 0) await run(job.case.warmup);
// The garbage of setting up is not the contestant's.
globalThis.gc?.();
answer('ready');

const input = Buffer.alloc(32);
for (let length = readSync(0, input); length > 0; length = readSync(0, input)) {
  const operations = Number(input.toString('latin1', 0, length));
  const cpuAtStart = process.cpuUsage();
  const startedAt = process.hrtime.bigint();
  const outcome = await run(operations);
  const wall = Number(process.hrtime.bigint() - startedAt) / 1e6;
  const { user, system } = process.cpuUsage(cpuAtStart);
  const turn: Turn = { ...outcome, operations, cpu: (user + system) / 1e3, wall };
  answer(turn);
}
// A contestant may have left a timer or a socket open.
process.exit();

function answer(message: Turn | 'ready'): void {
  writeSync(3, `${JSON.stringify(message)}\n`);
}
