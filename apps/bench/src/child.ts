/**
 * The process of one contestant in one round: imports it, sets it up, warms it up, measures it and writes the sample to
 * file descriptor 3.
 *
 * It imports nothing that Node has not loaded by itself (so no IPC channel either: that brings `node:net`), for what is
 * loaded here would be missing from the import times.
 */
import { writeSync } from 'node:fs';
import type { Contestant, Sample, Setting, Setup } from './bench.ts';

const job = JSON.parse(process.argv[2]!) as Setting & Pick<Contestant, 'module'>;
const { setup } = (await import(job.module)) as { readonly setup: Setup };
const { warmup, operations } = job.case;

const run = await setup(job);
if (warmup > 0) await run(warmup);
// The garbage of setting up is not the contestant's.
globalThis.gc?.();

const cpuAtStart = process.cpuUsage();
const startedAt = process.hrtime.bigint();
const outcome = await run(operations);
const wall = Number(process.hrtime.bigint() - startedAt) / 1e6;
const { user, system } = process.cpuUsage(cpuAtStart);
const cpu = (user + system) / 1e3;

const sample: Sample = { ...outcome, cpu: cpu / operations, wall: wall / operations };
writeSync(3, JSON.stringify(sample));
// A contestant may have left a timer or a socket open.
process.exit();
