import { readFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';
import { availableParallelism, cpus, loadavg } from 'node:os';
import type { Contestant } from './bench.ts';

/** Where and when figures were made: what a reader needs to compare them, and nothing that names the machine. */
export interface Environment {
  readonly date: string;
  readonly node: string;
  readonly platform: string;
  readonly cpu: string;
  readonly cores: number;
  /** Processes that wanted to run, over the last minute before the start. */
  readonly load: number;
}

export function readEnvironment(): Environment {
  return {
    date: new Date().toISOString().slice(0, 10),
    node: process.versions.node,
    platform: `${process.platform} ${process.arch}`,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    load: Number(loadavg()[0]!.toFixed(1)),
  };
}

/** The version of a contestant's package, as its module sees it. */
export function versionOf(contestant: Contestant): string | undefined {
  if (contestant.package === undefined) return undefined;
  // Not by `require`: an `exports` map may hide the manifest.
  const manifest = findPackageJSON(contestant.package, contestant.module);
  return (JSON.parse(readFileSync(manifest!, 'utf8')) as { readonly version: string }).version;
}
